import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';

/**
 * `insert into … select` of many rows as one parameter: with as many parameters as rows and columns,
 * building and parsing the statement costs more than the rows. All rows have the keys of the first;
 * what a row lacks is null, so that columns with a default are to be given. To be followed by what
 * the statement says further (`on conflict …`).
 */
export function insertRows<Table extends PgTable>(
  table: Table,
  rows: readonly Partial<Table['$inferInsert']>[],
): SQL {
  const keys = Object.keys(rows[0] ?? {});
  const { text, names } = insertOf(table, keys);
  const json = JSON.stringify(
    rows.map((row) =>
      Object.fromEntries(keys.map((key, at) => [names[at], row[key as keyof typeof row]])),
    ),
    (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value),
  );
  // As text, or the driver would make a JSON string of it once more.
  return sql`${text}${json}::text::jsonb)`;
}

/** An insert up to its rows, with the names of its columns. */
interface InsertText {
  readonly text: SQL;
  readonly names: readonly string[];
}

const texts = new WeakMap<PgTable, Map<string, InsertText>>();

/** Made once for each table and set of columns, of which the code has few. */
function insertOf(table: PgTable, keys: readonly string[]): InsertText {
  const known = texts.get(table) ?? new Map<string, InsertText>();
  texts.set(table, known);
  const before = known.get(keys.join());
  if (before) return before;
  const columns = getTableColumns(table);
  const names = keys.map((key) => columns[key]?.name ?? key);
  const list = names.map((name) => `"${name}"`).join(', ');
  const { name } = getTableConfig(table);
  const made = {
    names,
    text: sql.raw(
      `insert into "${name}" (${list}) select ${list} from jsonb_populate_recordset(null::"${name}", `,
    ),
  };
  known.set(keys.join(), made);
  return made;
}
