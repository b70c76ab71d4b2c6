import { CodedError } from '@stoa/schema';
import type { Page, PageRequest } from '../orders/blotter/keyset-page.ts';

/**
 * A page of a list that is in memory already, in the order of its keys, which are unique texts. Cursors
 * are keys, so that what is added meanwhile moves no page.
 *
 * @throws CodedError `CURSOR_INVALID`
 */
export async function listPage<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  { limit, backward, after, before }: PageRequest,
): Promise<Page<Row>> {
  const from = after === undefined ? undefined : keyIn(after);
  const to = before === undefined ? undefined : keyIn(before);
  const between = rows.filter((row) => {
    const key = keyOf(row);
    return (from === undefined || key > from) && (to === undefined || key < to);
  });
  const page = backward ? between.slice(-limit) : between.slice(0, limit);
  const isCut = between.length > page.length;
  return {
    edges: page.map((node) => ({ cursor: cursorOf(keyOf(node)), node })),
    hasNext: async () =>
      backward ? rows.some((row) => to !== undefined && keyOf(row) >= to) : isCut,
    hasPrevious: async () =>
      backward ? isCut : rows.some((row) => from !== undefined && keyOf(row) <= from),
  };
}

function cursorOf(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function keyIn(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString();
  if (cursor.length <= 512 && cursorOf(key) === cursor) return key;
  throw new CodedError('CURSOR_INVALID', 'The cursor is none of this list.');
}
