/**
 * A failure that is nobody's wish: a bug or a broken dependency. Everything thrown on purpose in
 * this project is one, so that logs, metrics and the API can name it by `code`.
 */
export class CodedError extends Error {
  readonly code: string;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; data?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CodedError';
    this.code = code;
    this.data = options.data ?? {};
  }
}

/** Asserts what must be true of money and state, in production too. */
export function invariant(
  holds: boolean,
  message: string,
  data: Record<string, unknown> = {},
): asserts holds {
  if (!holds) throw new CodedError('INVARIANT_BROKEN', message, { data });
}
