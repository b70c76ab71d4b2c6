import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';

/** Columns that are unique, beside those that hold the order's id. */
const numbered = new Set([
  'orders.number',
  'order_events.member_sequence',
  'session_outbox.number',
]);
/** What an accepted order writes, and how its rows are found. */
const tables = {
  orders: 'id = $1',
  order_events: 'order_id = $1',
  legs: 'order_id = $1',
  session_outbox: `body->'leg'->>'legId' like $1 || '.%'`,
  sent_legs: `leg_id like $1 || '.%'`,
} as const;

/**
 * A pgbench script that writes what one accepted order wrote: the same rows into the same tables, in
 * one transaction, under other ids. Each client is a member of its own, so that none waits for
 * another's lock.
 */
export async function scriptOfOrder(databaseUrl: string, orderId: string): Promise<string> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  try {
    const lines = [String.raw`\set n random(1, 9000000000000000)`, 'BEGIN;'];
    const sequences = `member_sequences (member, last) VALUES ('m' || (:client_id)::bigint, 1)`;
    lines.push(
      `INSERT INTO ${sequences} ON CONFLICT (member) DO UPDATE SET last = member_sequences.last + 1;`,
    );
    for (const [table, where] of Object.entries(tables)) {
      lines.push(...(await insertsOf(sql, table, where, orderId)));
    }
    return [...lines, 'COMMIT;', ''].join('\n');
  } finally {
    await sql.end();
  }
}

async function insertsOf(
  sql: postgres.Sql,
  table: string,
  where: string,
  orderId: string,
): Promise<string[]> {
  const columns = await sql<{ name: string; type: string }[]>`
    select column_name as name, udt_name as type from information_schema.columns
    where table_schema = 'public' and table_name = ${table} order by ordinal_position`;
  const literals = columns.map(({ name }) => `quote_nullable("${name}"::text) as "${name}"`);
  const rows = await sql.unsafe<Record<string, string>[]>(
    `select ${literals.join(', ')} from ${table} where ${where}`,
    [orderId],
  );
  if (rows.length === 0) throw new Error(`order ${orderId} wrote nothing into ${table}`);
  return rows.map((row, index) => {
    const values = columns.map(({ name, type }) => {
      const literal = row[name] ?? 'NULL';
      if (numbered.has(`${table}.${name}`)) return `(:n)::bigint + ${index}`;
      if (name === 'client_order_id') return `'c' || (:n)::bigint`;
      if (name === 'member') return `'m' || (:client_id)::bigint`;
      // A colon within a literal would be read as the name of a variable.
      const safe = literal.replaceAll(':', `'||chr(58)||'`);
      const text = literal.includes(orderId) && type !== 'jsonb';
      return text ? `replace(${safe}, '${orderId}', 'b' || (:n)::bigint)` : `(${safe})::${type}`;
    });
    const names = columns.map(({ name }) => `"${name}"`).join(', ');
    return `INSERT INTO ${table} (${names}) VALUES (${values.join(', ')});`;
  });
}

/** Transactions a second of a script; undefined where pgbench is not installed. */
export async function runPgbench(
  databaseUrl: string,
  script: string,
  options: { readonly folder: string; readonly clients: number; readonly seconds: number },
): Promise<number | undefined> {
  const file = join(options.folder, 'accept.sql');
  await writeFile(file, script);
  const { clients, seconds } = options;
  const args = ['-n', '-M', 'prepared', '-c', clients, '-j', 2, '-T', seconds, '-f', file];
  const child = spawn('pgbench', [...args.map(String), databaseUrl], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null | 'missing'>((resolve) => {
    child.on('error', () => resolve('missing'));
    child.on('close', resolve);
  });
  if (code === 'missing') return undefined;
  const tps = /tps = ([\d.]+)/.exec(output)?.[1];
  if (code !== 0 || tps === undefined) throw new Error(`pgbench failed: ${output.slice(0, 500)}`);
  return Number(tps);
}
