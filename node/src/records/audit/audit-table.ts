import { and, asc, desc, eq, gt, gte, inArray, lt, sql } from 'drizzle-orm';
import {
  type KeyRange,
  type Page,
  type PageRequest,
  readPage,
} from '../../orders/blotter/keyset-page.ts';
import type { Database } from '../../store/database.ts';
import { insertRows } from '../../store/insert-rows.ts';
import { auditRecords } from '../../store/tables/audit-records.ts';
import { type AuditKind, type AuditOutcome, type AuditRecord, EMPTY_LOG } from './audit-record.ts';
import type { AuditSink } from './audit-sink.ts';

/** Which records are listed: all that is given holds at once. Unix milliseconds; `toMs` is not included. */
export interface AuditFilter {
  readonly member?: string;
  readonly kind?: AuditKind;
  readonly outcomes?: readonly AuditOutcome[];
  readonly field?: string;
  readonly target?: string;
  readonly requestId?: string;
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** The log as an examiner reads it. */
export interface AuditReader {
  /** The newest first. @throws CodedError `CURSOR_INVALID` */
  page(page: PageRequest, filter: AuditFilter): Promise<Page<AuditRecord>>;
}

/** Rows of one statement: locks and write-ahead log stay small. */
const MAX_DELETED_ROWS = 10_000;

/** The node's log, in its PostgreSQL. */
export function createAuditTable(database: Database): AuditSink & AuditReader {
  return {
    async head() {
      const [last] = await heads(database).orderBy(desc(auditRecords.number)).limit(1);
      return last ?? EMPTY_LOG;
    },
    async append(records) {
      // One statement is one transaction; another process's record of a number makes it fail.
      await database.execute(insertRows(auditRecords, records));
    },
    async lastBefore(atMs) {
      // By number, which no clock that was wrong can change: nothing younger leaves with what is old.
      const [young] = await heads(database)
        .where(gte(auditRecords.atMs, atMs))
        .orderBy(asc(auditRecords.number))
        .limit(1);
      const older = young && lt(auditRecords.number, young.number);
      const [last] = await heads(database).where(older).orderBy(desc(auditRecords.number)).limit(1);
      return last;
    },
    async removeThrough(number) {
      for (;;) {
        const { count } = await database.execute(sql`
          delete from ${auditRecords} where number in (
            select number from ${auditRecords} where number <= ${number}
            order by number limit ${MAX_DELETED_ROWS})`);
        if (count < MAX_DELETED_ROWS) return;
      }
    },
    page: (page, filter) => auditPage(database, page, filter),
  };
}

/** All records in the order of their numbers, a thousand at a time. */
export async function* readAuditTable(database: Database): AsyncGenerator<AuditRecord> {
  for (let after = 0; ; ) {
    const rows = await database
      .select()
      .from(auditRecords)
      .where(gt(auditRecords.number, after))
      .orderBy(asc(auditRecords.number))
      .limit(1_000);
    yield* rows.map(recordOf);
    const last = rows.at(-1);
    if (!last) return;
    after = last.number;
  }
}

function heads(database: Database) {
  return database
    .select({ number: auditRecords.number, hash: auditRecords.hash })
    .from(auditRecords)
    .$dynamic();
}

function auditPage(
  database: Database,
  page: PageRequest,
  { member, kind, outcomes, field, target, requestId, fromMs, toMs }: AuditFilter,
): Promise<Page<AuditRecord>> {
  const wanted = [
    member === undefined ? undefined : eq(auditRecords.member, member),
    kind === undefined ? undefined : eq(auditRecords.kind, kind),
    outcomes === undefined ? undefined : inArray(auditRecords.outcome, [...outcomes]),
    field === undefined ? undefined : eq(auditRecords.field, field),
    target === undefined ? undefined : eq(auditRecords.target, target),
    requestId === undefined ? undefined : eq(auditRecords.requestId, requestId),
    fromMs === undefined ? undefined : gte(auditRecords.atMs, fromMs),
    toMs === undefined ? undefined : lt(auditRecords.atMs, toMs),
  ];
  return readPage(page, {
    cursorOf: ({ number }: AuditRecord) => String(number),
    keyOf: (cursor) => (/^[1-9]\d{0,14}$/.test(cursor) ? Number(cursor) : undefined),
    async read({ newerThan, olderThan }: KeyRange<number>, oldestFirst, limit) {
      const rows = await database
        .select()
        .from(auditRecords)
        .where(
          and(
            ...wanted,
            newerThan === undefined ? undefined : gt(auditRecords.number, newerThan),
            olderThan === undefined ? undefined : lt(auditRecords.number, olderThan),
          ),
        )
        .orderBy(oldestFirst ? asc(auditRecords.number) : desc(auditRecords.number))
        .limit(limit);
      return rows.map(recordOf);
    },
  });
}

function recordOf(row: typeof auditRecords.$inferSelect): AuditRecord {
  return { ...row, kind: row.kind as AuditKind, outcome: row.outcome as AuditOutcome };
}
