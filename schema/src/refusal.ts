/**
 * An expected "no": a value, never an exception. The code is stable and doubles as metric label
 * and API code; the message is one plain sentence; the action says what the caller can do.
 */
export interface Refusal<Code extends string = string> {
  readonly refused: true;
  readonly code: Code;
  readonly message: string;
  readonly action: string;
  /** Name of the request's field that is wrong, where it is one. */
  readonly field?: string;
}

/** Builds a {@link Refusal}. */
export function refuse<Code extends string>(
  code: Code,
  message: string,
  action: string,
): Refusal<Code> {
  return { refused: true, code, message, action };
}

/** Tells a refusal from the value a function gives when it does not refuse. */
export function isRefusal(value: unknown): value is Refusal {
  return (
    typeof value === 'object' && value !== null && 'refused' in value && value.refused === true
  );
}
