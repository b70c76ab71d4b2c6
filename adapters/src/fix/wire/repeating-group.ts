import type { FixFields } from './fix-fields.ts';

/**
 * Reads a repeating group into `bounds`, and answers how many entries it has: 0 where the message has
 * no such group, -1 where it does not have the entries that it announces, or more than fit.
 *
 * An entry begins where the group's first tag stands again (FIX 4.4 volume 1, "Repeating Groups": the
 * first field of an entry is required and first). So a tag that nobody knows, anywhere within an
 * entry, costs nothing. The last entry reaches to the end of the message; a field that may stand in
 * the group never stands behind it.
 */
export function readGroup(fields: FixFields, countTag: number, bounds: Int32Array): number {
  const countAt = fields.find(countTag);
  if (countAt < 0) return 0;
  const announced = fields.intAt(countAt);
  if (announced === 0) return 0;
  if (announced < 0 || announced >= bounds.length || countAt + 1 >= fields.count) return -1;
  const { tags, count } = fields;
  const first = tags[countAt + 1];
  let found = 0;
  for (let index = countAt + 1; index < count; index += 1) {
    if (tags[index] !== first) continue;
    if (found === announced) return -1;
    bounds[found] = index;
    found += 1;
  }
  if (found !== announced) return -1;
  bounds[found] = count;
  return found;
}
