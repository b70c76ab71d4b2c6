import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { AuditCheck } from './audit-chain.ts';
import { openAuditLog } from './audit-log.ts';
import { type AuditEntry, type AuditHead, EMPTY_LOG } from './audit-record.ts';
import { createAuditTable, readAuditTable } from './audit-table.ts';

const DAY_MS = 86_400_000;
const YEAR_MS = 366 * DAY_MS;

let databases: TemporaryDatabases;
let store: OpenDatabase;

function entry(more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    ...{ kind: 'mutation', outcome: 'accepted', code: null, atMs: Date.now(), count: 1 },
    ...{ member: 'broker', subject: 'desk', client: 'test', scopes: 'orders:write' },
    ...{ keyThumbprint: null, operation: 'Place', document: 'ab'.repeat(32) },
    ...{ field: 'Mutation.placeOrder', target: 'alpha-1', clientId: 'one', requestId: 'request-1' },
    ...more,
  };
}

function open(retentionMs = 6 * YEAR_MS, windowMs = 60_000) {
  return openAuditLog(
    { retentionMs, windowMs },
    {
      sink: createAuditTable(store.db),
      logger: createLogger('audit', 'silent'),
      metrics: new Registry(),
      nowMs: Date.now,
    },
  );
}

async function check(noted?: AuditHead) {
  const checked = new AuditCheck(noted);
  for await (const record of readAuditTable(store.db)) checked.add(record);
  return { fault: checked.end(), head: checked.head, first: checked.first };
}

/** What somebody does who may do anything to the database. */
async function tamper(statement: string): Promise<void> {
  await store.sql.unsafe(`alter table audit_records disable trigger user; ${statement};
    alter table audit_records enable trigger user`);
}

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  store = await openDatabase(await databases.empty('audit'));
}, 60_000);
beforeEach(async () => {
  await store.sql`truncate audit_records`;
});
afterAll(async () => {
  await store.close();
  await databases.stop();
});

describe('the audit log', () => {
  it('numbers and chains what is recorded at once, and goes on where it stood after a restart', async () => {
    const log = await open();
    await Promise.all(Array.from({ length: 600 }, () => log.mutation(entry())));
    expect(log.head().number).toBe(600);
    await log.stop();
    const again = await open();
    expect(again.head()).toEqual(log.head());
    await again.mutation(entry({ outcome: 'refused', code: 'OFF_TICK' }));
    await again.stop();
    expect(await check()).toMatchObject({ fault: undefined, first: 1, head: { number: 601 } });
  });

  it.each([
    ['a changed', `update audit_records set member = 'other' where number = 3`, 'ALTERED', 3],
    ['a removed', 'delete from audit_records where number = 3', 'MISSING', 4],
    [
      'an exchanged',
      `update audit_records set hash = repeat('0', 64) where number = 2`,
      'ALTERED',
      2,
    ],
    ['a removed first', 'delete from audit_records where number = 1', 'BEGINNING_MISSING', 2],
    ['a removed last', 'delete from audit_records where number = 5', 'CUT_OFF', 4],
  ])('shows %s record', async (_what, statement, code, number) => {
    const log = await open();
    for (let one = 0; one < 5; one += 1) await log.mutation(entry());
    await log.stop();
    expect((await check(log.head())).fault).toBeUndefined();
    await tamper(statement);
    expect((await check(log.head())).fault).toMatchObject({ code, number });
  });

  it('shows that all of it was made anew, by a head that was noted elsewhere', async () => {
    const log = await open();
    await log.mutation(entry());
    await log.stop();
    await tamper('delete from audit_records');
    const forged = await open();
    await forged.mutation(entry({ target: 'alpha-2' }));
    await forged.stop();
    expect((await check()).fault).toBeUndefined();
    expect((await check(log.head())).fault).toMatchObject({ code: 'ALTERED', number: 1 });
  });

  it('lets nobody change a row, or remove one that is younger than three years', async () => {
    const log = await open();
    await log.mutation(entry());
    await log.mutation(entry({ atMs: Date.now() - 4 * YEAR_MS }));
    await log.stop();
    const { sql } = store;
    await expect(sql`update audit_records set field = ''`).rejects.toThrow('only ever added');
    await expect(sql`delete from audit_records where number = 1`).rejects.toThrow('three years');
    await sql`delete from audit_records where number = 2`;
  });

  it('removes what retention no longer covers, and says so in the chain', async () => {
    const log = await open();
    for (const years of [6, 5, 1]) {
      await log.mutation(entry({ atMs: Date.now() - years * YEAR_MS }));
    }
    await log.stop();
    const pruning = await open(4 * YEAR_MS, 5);
    await vi.waitFor(async () => expect((await check()).first).toBe(3), { timeout: 5_000 });
    await pruning.stop();
    expect(await check()).toMatchObject({ fault: undefined, first: 3, head: { number: 4 } });
    // Whoever removes more than the record says is found out.
    await tamper('delete from audit_records where number = 3');
    expect((await check()).fault).toMatchObject({ code: 'BEGINNING_MISSING', number: 4 });
  });

  it('removes nothing that is younger for a record of a clock that was wrong', async () => {
    const log = await open();
    for (const years of [6, 1, 50]) {
      await log.mutation(entry({ atMs: Date.now() - years * YEAR_MS }));
    }
    await log.stop();
    const table = createAuditTable(store.db);
    expect(await table.lastBefore(Date.now() - 4 * YEAR_MS)).toMatchObject({ number: 1 });
    expect(await table.lastBefore(Date.now() - 7 * YEAR_MS)).toBeUndefined();
    expect(await table.lastBefore(Date.now() + YEAR_MS)).toMatchObject({ number: 3 });
  });

  it('counts a flood of denials, and tells its first ones apart', async () => {
    const log = await open();
    const denied = { kind: 'denied', outcome: 'denied', code: 'FORBIDDEN' } as const;
    for (let one = 0; one < 5_000; one += 1) {
      log.denied(entry({ ...denied, field: 'Query.auditRecords', requestId: `request-${one}` }));
      log.denied(
        entry({ ...denied, member: null, code: 'UNAUTHENTICATED', field: `Query.f${one}` }),
      );
    }
    await log.stop();
    const counts: [string | null, number][] = [];
    for await (const { code, count } of readAuditTable(store.db)) counts.push([code, count]);
    const ones = [1, 1, 1, 4_997];
    expect(counts.filter(([code]) => code === 'FORBIDDEN').map(([, count]) => count)).toEqual(ones);
    expect(counts).toHaveLength(8);
  });

  it('says that it cannot be written, lets nobody wait, and writes what is owed afterwards', async () => {
    const log = await open();
    await log.mutation(entry());
    await store.sql`alter table audit_records rename to audit_records_away`;
    await log.mutation(entry());
    expect(log.failure()).toBe('it cannot be written');
    await log.mutation(entry());
    await store.sql`alter table audit_records_away rename to audit_records`;
    await vi.waitFor(() => expect(log.failure()).toBeUndefined(), { timeout: 5_000 });
    await log.mutation(entry());
    await log.stop();
    expect(await check()).toMatchObject({ fault: undefined, head: { number: 4 } });
    expect(log.head()).not.toEqual(EMPTY_LOG);
  });
});
