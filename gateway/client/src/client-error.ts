/** Why this client threw. Whatever the API itself says no to is a value, and is never thrown. */
export type ClientErrorCode =
  /** The text is no decimal number, or has more decimals than the instrument. */
  | 'AMOUNT_INVALID'
  /** No answer came: nobody was reached, or not in time, or what came was no GraphQL. */
  | 'NO_ANSWER'
  /** The API answered with errors and without data; `errors` says which. */
  | 'OPERATION_FAILED'
  /** The API ended a subscription for a reason that coming back does not mend; `errors` says which. */
  | 'STREAM_REFUSED'
  /** A subscription could not be resumed for as long as it was to be tried. */
  | 'STREAM_LOST';

/** One entry of an answer's `errors`, as docs/api.md describes them. */
export interface ApiError {
  readonly message: string;
  /** Stable: clients may decide by it. Empty where the server gave none. */
  readonly code: string;
  /** Where in the answer something is missing for it. */
  readonly path: readonly (string | number)[];
  /** All that the server said of it, such as `venue`, `outcome` and `retryAfterMs`. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

/** Everything that this client throws on purpose. */
export class StoaClientError extends Error {
  readonly code: ClientErrorCode;
  readonly errors: readonly ApiError[];

  constructor(
    code: ClientErrorCode,
    message: string,
    more: { readonly errors?: readonly ApiError[]; readonly cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'StoaClientError';
    this.code = code;
    this.errors = more.errors ?? [];
  }
}

/** Reads the `errors` of an answer; what is not made as one is left out. */
export function apiErrorsOf(value: unknown): ApiError[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((one: unknown) => {
    if (!isObject(one)) return [];
    const extensions = isObject(one['extensions']) ? one['extensions'] : {};
    return {
      message: typeof one['message'] === 'string' ? one['message'] : '',
      code: typeof extensions['code'] === 'string' ? extensions['code'] : '',
      path: Array.isArray(one['path']) ? (one['path'] as (string | number)[]) : [],
      extensions,
    };
  });
}

/** Whether a value read from JSON is an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
