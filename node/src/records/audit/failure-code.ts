import { CodedError } from '@stoa/schema';

/** The code under which a failure is recorded: its own, or that of what nobody foresaw. */
export function failureCode(error: unknown): string {
  return error instanceof CodedError ? error.code : 'INTERNAL_SERVER_ERROR';
}
