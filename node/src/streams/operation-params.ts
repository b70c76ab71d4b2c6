/** An operation as a client sends it. */
export interface OperationParams {
  readonly query?: string | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

/** A payload as an operation; undefined for what is none. */
export function paramsOf(payload: unknown): OperationParams | undefined {
  if (!isRecord(payload)) return undefined;
  const { query, operationName, variables, extensions } = payload;
  if (query !== undefined && typeof query !== 'string') return undefined;
  if (operationName != null && typeof operationName !== 'string') return undefined;
  if (variables != null && !isRecord(variables)) return undefined;
  if (extensions != null && !isRecord(extensions)) return undefined;
  // Without a text there may be the name of a persisted one, which the engine knows.
  return payload as OperationParams;
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
