import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import type { Database, Transaction } from './database.ts';
import { ask } from './transactions.ts';

/** What is known of a table's columns, once for all statements. */
interface Columns {
  readonly select: SQL;
  readonly read: readonly (readonly [
    key: string,
    name: string,
    map: (value: unknown) => unknown,
  ])[];
}

const known = new WeakMap<PgTable, Columns>();

/**
 * `select` of whole rows of one table; `rest` is what follows on its name. The list of the columns is
 * made once and not for each statement, which for wide tables costs more than the rows. In a
 * transaction the statement goes out at once, before whatever is asked for next.
 */
export async function readRows<Table extends PgTable>(
  reader: Database | Transaction,
  table: Table,
  rest: SQL,
): Promise<Table['$inferSelect'][]> {
  const { select, read } = columnsOf(table);
  const rows = await ask<Record<string, unknown>>(reader, sql`${select} ${rest}`);
  return rows.map((row) => {
    const made: Record<string, unknown> = {};
    for (const [key, name, map] of read) {
      const value = row[name];
      made[key] = value === null ? null : map(value);
    }
    return made as Table['$inferSelect'];
  });
}

function columnsOf(table: PgTable): Columns {
  const before = known.get(table);
  if (before) return before;
  const columns = Object.entries(getTableColumns(table));
  const names = columns.map(([, { name }]) => `"${name}"`).join(', ');
  const made: Columns = {
    select: sql.raw(`select ${names} from "${getTableConfig(table).name}"`),
    read: columns.map(([key, column]) => {
      return [key, column.name, (value) => column.mapFromDriverValue(value)] as const;
    }),
  };
  known.set(table, made);
  return made;
}
