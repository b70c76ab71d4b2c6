/** What is no id is not kept: it could be anything. */
const ID = /^[\x21-\x7e]{1,66}$/;

/** The first of some values that is an id. */
export function idAmong(...values: readonly unknown[]): string | null {
  const found = values.find((value) => typeof value === 'string' && ID.test(value));
  return (found as string | undefined) ?? null;
}
