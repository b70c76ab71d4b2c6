import { CodedError } from '@stoa/schema';

/** Which page of a list: forward from its beginning or `after`, or backward from its end or `before`. */
export interface PageRequest {
  /** At most so many. */
  readonly limit: number;
  readonly backward: boolean;
  /** Cursor behind which the page is. */
  readonly after?: string;
  /** Cursor before which the page is. */
  readonly before?: string;
}

/** One page, and what lies around it; that is looked up only where somebody asks. */
export interface Page<Row> {
  readonly edges: readonly { readonly cursor: string; readonly node: Row }[];
  hasNext(): Promise<boolean>;
  hasPrevious(): Promise<boolean>;
}

/** Rows between two keys, neither of them included. Lists run from the newest row to the oldest. */
export interface KeyRange<Key> {
  readonly newerThan?: Key;
  readonly olderThan?: Key;
}

/** A list that pages can be taken from: its rows have keys that never change and are never reused. */
export interface KeysetSource<Row, Key> {
  cursorOf(row: Row): string;
  /** Undefined for text that is no cursor of this list. */
  keyOf(cursor: string): Key | undefined;
  /** At most `limit` rows of a range, from its newest on, or (`oldestFirst`) from its oldest on. */
  read(range: KeyRange<Key>, oldestFirst: boolean, limit: number): Promise<Row[]>;
}

/**
 * Reads one page by its keys: what is added meanwhile moves no page, and however deep a page lies it
 * costs the same.
 *
 * @throws CodedError `CURSOR_INVALID`
 */
export async function readPage<Row, Key>(
  page: PageRequest,
  source: KeysetSource<Row, Key>,
): Promise<Page<Row>> {
  const range = {
    ...(page.after === undefined ? {} : { olderThan: keyOf(source, page.after) }),
    ...(page.before === undefined ? {} : { newerThan: keyOf(source, page.before) }),
  };
  // One more than was asked for tells whether there is more.
  const found = await source.read(range, page.backward, page.limit + 1);
  const cut = found.length > page.limit;
  const rows = found.slice(0, page.limit);
  if (page.backward) rows.reverse();
  const edges = rows.map((node) => ({ cursor: source.cursorOf(node), node }));

  const isAny = async (beyond: KeyRange<Key>, oldestFirst: boolean): Promise<boolean> =>
    (await source.read(beyond, oldestFirst, 1)).length > 0;
  const [first, last] = [edges[0], edges.at(-1)];
  return {
    edges,
    async hasNext() {
      if (cut && !page.backward) return true;
      if (page.before === undefined) return false;
      return isAny(last ? { olderThan: keyOf(source, last.cursor) } : {}, false);
    },
    async hasPrevious() {
      if (cut && page.backward) return true;
      if (page.after === undefined) return false;
      return isAny(first ? { newerThan: keyOf(source, first.cursor) } : {}, true);
    },
  };
}

function keyOf<Row, Key>(source: KeysetSource<Row, Key>, cursor: string): Key {
  const key = source.keyOf(cursor);
  if (key !== undefined) return key;
  throw new CodedError('CURSOR_INVALID', 'The cursor is none of this list.');
}
