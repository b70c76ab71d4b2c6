import type { SeededNumbers } from '../../market/testing/seeded-numbers.ts';

/** Names and indexes from the top of a JSON value. */
type Path = (string | number)[];

/** Every place of a value: names, elements and leaves. */
export function placesIn(value: unknown, at: Path = []): Path[] {
  const own = at.length === 0 ? [] : [at];
  if (typeof value !== 'object' || value === null) return own;
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [...own, ...keys.flatMap((key) => placesIn((value as never)[key], [...at, key]))];
}

/** Changes one place in one of the ways that fit it; says how. */
export function mutate(document: unknown, path: Path, random: SeededNumbers): string {
  const last = path.at(-1) as never;
  const holder = path.slice(0, -1).reduce((value, key) => value[key as never], document as never);
  const value: unknown = holder[last];
  if (random.between(0, 3) === 0) {
    if (Array.isArray(holder)) (holder as unknown[]).splice(last, 1);
    else delete holder[last];
    return 'dropped';
  }
  const write = (next: unknown): void => {
    (holder as unknown as Record<string, unknown>)[last] = next;
  };
  if (typeof value === 'number') write(value + random.pick([-1, 1, 1_000]));
  else if (typeof value === 'boolean') write(!value);
  else if (typeof value === 'string') write(flipped(value, random.between(0, value.length - 1)));
  else if (Array.isArray(value)) write([...value, ...value.slice(0, 1)]);
  else write({ ...(value as object), extra: 1 });
  return 'changed';
}

function flipped(text: string, at: number): string {
  const replaced = text[at] === 'a' ? 'b' : 'a';
  return `${text.slice(0, at)}${replaced}${text.slice(at + 1)}`;
}
