import { type Refusal, refuse } from '../refusal.ts';
import { WireError } from './proto-reader.ts';

/** Runs a decoder; bytes that are not what they claim become a refusal, a bug stays an exception. */
export function guarded<T extends object, C extends string>(
  code: C,
  read: () => T,
): T | Refusal<C> {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return refuse(
      code,
      `The bytes cannot be read: ${error.message}.`,
      'Encode as stoa.proto says.',
    );
  }
}
