import { CodedError } from '@stoa/schema';
import { GraphQLError } from 'graphql';
import type { Logger } from '../telemetry/logger.ts';

/** Codes of the errors that the API itself gives; refusals of orders have their own, as values. */
export type ApiErrorCode =
  | 'UNAUTHENTICATED'
  | 'AUTH_UNAVAILABLE'
  | 'AUDIT_UNAVAILABLE'
  | 'CHAIN_UNAVAILABLE'
  | 'TOKEN_REVOKED'
  | 'MEMBER_NOT_STANDING'
  | 'PROOF_REQUIRED'
  | 'PROOF_INVALID'
  | 'PROOF_NONCE'
  | 'FORBIDDEN'
  | 'WRONG_HOME'
  | 'BAD_USER_INPUT'
  | 'BAD_REQUEST'
  | 'CURSOR_INVALID'
  | 'SEQUENCE_UNKNOWN'
  | 'BODY_TOO_LARGE'
  | 'OPERATION_TOO_LARGE'
  | 'OPERATION_TOO_COSTLY'
  | 'OPERATION_TIMEOUT'
  | 'INTROSPECTION_OFF'
  | 'PERSISTED_OPERATION_UNKNOWN'
  | 'PERSISTED_OPERATIONS_ONLY'
  | 'RATE_LIMITED'
  | 'TOO_MANY_SUBSCRIPTIONS'
  | 'SERVER_STOPPING'
  | 'HISTORY_BUSY'
  | 'BLOCK_NOT_INDEXED'
  | 'NODE_ELSEWHERE'
  | 'NODE_UNAVAILABLE'
  | 'NODE_SCHEMA_DIFFERS';

/** Code of whatever nobody meant to tell the caller. */
const INTERNAL_ERROR = 'INTERNAL_SERVER_ERROR';

/** An error that may cross the API as it is: its message is written for the caller. */
export function apiError(
  code: ApiErrorCode,
  message: string,
  more: { readonly status?: number; readonly extensions?: Record<string, unknown> } = {},
): GraphQLError {
  return new GraphQLError(message, {
    extensions: {
      code,
      ...more.extensions,
      // Read and removed by the HTTP layer; only errors before execution set it.
      ...(more.status === undefined ? {} : { http: { status: more.status } }),
    },
  });
}

/** Codes that libraries put on errors of their own making, whatever was thrown underneath. */
const UNTRUSTED_CODES: ReadonlySet<unknown> = new Set([INTERNAL_ERROR, 'DOWNSTREAM_SERVICE_ERROR']);

function mayCross(error: GraphQLError): boolean {
  const code = error.extensions.code;
  if (typeof code === 'string') return !UNTRUSTED_CODES.has(code);
  // Syntax, validation and variables are the caller's own text, and come before any path.
  return error.path === undefined && !(error.originalError && !isGraphQLError(error.originalError));
}

function isGraphQLError(error: unknown): error is GraphQLError {
  return error instanceof Error && error.name === 'GraphQLError';
}

/**
 * Makes the function that every error passes on its way out: coded errors and errors about the
 * caller's own text cross, everything else is logged in full and told as one plain sentence. Of a
 * {@link CodedError} the code crosses too (never message, data or cause), so that it can be quoted.
 */
export function createErrorMask(logger: Logger, onError: (code: string) => void = () => {}) {
  return function maskError(error: unknown): GraphQLError {
    if (isGraphQLError(error) && mayCross(error)) {
      // What has no code yet is about the caller's own text: an enum's unknown value, a misspelt field.
      error.extensions.code ??= 'BAD_USER_INPUT';
      onError(String(error.extensions.code));
      return error;
    }
    const original = isGraphQLError(error) ? (error.originalError ?? error) : error;
    const code = original instanceof CodedError ? original.code : INTERNAL_ERROR;
    const path = isGraphQLError(error) ? error.path : undefined;
    logger.error({ err: original, code, path }, 'unexpected error in the API');
    onError(code);
    return new GraphQLError('Unexpected error.', {
      ...(path === undefined ? {} : { path }),
      extensions: { code },
    });
  };
}
