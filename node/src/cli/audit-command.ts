import { stat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CodedError } from '@stoa/schema';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { AuditCheck } from '../records/audit/audit-chain.ts';
import { auditFilesIn, readAuditFiles } from '../records/audit/audit-file.ts';
import type { AuditHead, AuditRecord } from '../records/audit/audit-record.ts';
import { readAuditTable } from '../records/audit/audit-table.ts';
import { type Command, EXIT } from './command.ts';

const HELP = `Usage: stoa audit verify (--database URL | FOLDER | FILE…) [--head NUMBER:HASH]

Checks an audit log: that no record was altered, removed or put in. A node's log is in its PostgreSQL, a
gateway's in the folder STOA_AUDIT_DIR. The log alone cannot show that its end was cut off, or that all of
it was made anew: note its head from time to time (this command prints it, and the process logs it every
hour), and give it here later.

  --database URL       postgres://… of the node
  --head NUMBER:HASH   a record that was noted, and must be there

Exit code: 0 whole, 1 not whole, 2 the log cannot be read or an argument is of no use.

Examples:
  stoa audit verify --database postgres://stoa@127.0.0.1/stoa
  stoa audit verify /var/lib/stoa/audit --head 1041:9f2c…
`;

const CONNECT_WITHIN_SECONDS = 10;

/** `stoa audit verify`: whether an audit log is whole. */
export const auditCommand: Command = {
  name: 'audit',
  summary: 'check that an audit log is whole',
  help: HELP,
  async run(args, { out, err }) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { database: { type: 'string' }, head: { type: 'string' } },
    });
    const [verb, ...paths] = positionals;
    const noted = values.head === undefined ? undefined : headIn(values.head);
    const isOneOfTwo = (values.database === undefined) === paths.length > 0;
    if (verb !== 'verify' || !isOneOfTwo || (values.head !== undefined && !noted)) {
      err(HELP);
      return EXIT.unusable;
    }
    const check = new AuditCheck(noted);
    let records = 0;
    for await (const record of readLog(values.database, paths)) {
      records += 1;
      if (check.add(record)) break;
    }
    const fault = check.end();
    if (fault) {
      err(`Not whole: ${fault.message} [${fault.code}]\n`);
      return EXIT.no;
    }
    const { number, hash } = check.head;
    out(`${number}:${hash}\n`);
    err(`Whole: ${records} records, from ${check.first ?? 'none'} to ${number}.\n`);
    return EXIT.ok;
  },
};

function headIn(text: string): AuditHead | undefined {
  const [, number = '', hash = ''] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  return hash === '' ? undefined : { number: Number(number), hash };
}

/** @throws CodedError `AUDIT_UNREADABLE`, and what the database throws */
async function* readLog(
  database: string | undefined,
  paths: readonly string[],
): AsyncGenerator<AuditRecord> {
  if (database === undefined) {
    yield* readAuditFiles((await Promise.all(paths.map(filesAt))).flat());
    return;
  }
  const sql = postgres(database, {
    ...{ max: 1, connect_timeout: CONNECT_WITHIN_SECONDS, onnotice: () => undefined },
    connection: { application_name: 'stoa-audit', default_transaction_read_only: true },
  });
  try {
    yield* readAuditTable(drizzle(sql));
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function filesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new CodedError('AUDIT_UNREADABLE', `There is no ${path}.`);
  return found.isDirectory() ? auditFilesIn(path) : [path];
}
