/** JSON whose numbers are still the text that they were: nothing is rounded on its way in. */
export type ExactJson =
  | string
  | boolean
  | null
  | readonly ExactJson[]
  | { readonly [name: string]: ExactJson };

/**
 * Reads JSON; numbers become their source text, so `1.10` stays `1.10`.
 *
 * @throws SyntaxError
 */
export function parseExactJson(text: string): ExactJson {
  const keepSource = (_key: string, value: unknown, context: { readonly source?: string }) =>
    typeof value === 'number' ? (context.source ?? String(value)) : value;
  return JSON.parse(text, keepSource as (key: string, value: unknown) => unknown) as ExactJson;
}

/** The value that a JSON pointer (RFC 6901) names; undefined where there is none. `""` is the whole. */
export function valueAt(json: ExactJson | undefined, pointer: string): ExactJson | undefined {
  let value = json;
  for (const part of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return undefined;
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    value = Object.hasOwn(value, name)
      ? (value as Readonly<Record<string, ExactJson>>)[name]
      : undefined;
  }
  return value;
}

/** The text at a pointer, of a string, number or boolean; undefined where there is none. */
export function textAt(json: ExactJson | undefined, pointer: string): string | undefined {
  const value = valueAt(json, pointer);
  return typeof value === 'string' ? value : typeof value === 'boolean' ? String(value) : undefined;
}

/** The list at a pointer; undefined where there is none. */
export function listAt(
  json: ExactJson | undefined,
  pointer: string,
): readonly ExactJson[] | undefined {
  const value = valueAt(json, pointer);
  return Array.isArray(value) ? value : undefined;
}
