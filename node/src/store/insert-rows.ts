import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';

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
  const columns = getTableColumns(table);
  const keys = Object.keys(rows[0] ?? {}) as (keyof typeof columns)[];
  const names = sql.join(
    keys.map((key) => sql.identifier(columns[key]?.name ?? String(key))),
    sql`, `,
  );
  const json = JSON.stringify(
    rows.map((row) =>
      Object.fromEntries(keys.map((key) => [columns[key]?.name, row[key as keyof typeof row]])),
    ),
    (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value),
  );
  // As text, or the driver would make a JSON string of it once more.
  return sql`insert into ${table} (${names}) select ${names} from jsonb_populate_recordset(null::${table}, ${json}::text::jsonb)`;
}

/** `column = any(…)` for whole numbers, as one parameter. */
export function isAnyOf(
  column: SQL.Aliased | SQL | PgTable['_']['columns'][string],
  numbers: readonly number[],
): SQL {
  return sql`${column} = any(${`{${numbers.join(',')}}`}::text::bigint[])`;
}
