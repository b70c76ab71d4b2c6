import { expect, it, vi } from 'vitest';
import { createLogger } from '../../telemetry/logger.ts';
import { type AuditEntry, type AuditRecord, EMPTY_LOG, NOBODY } from './audit-record.ts';
import type { AuditSink } from './audit-sink.ts';
import { AuditWriter } from './audit-writer.ts';

const ENTRY: AuditEntry = {
  ...{ kind: 'mutation', outcome: 'accepted', code: null, atMs: 1_700_000_000_000, count: 1 },
  ...{ ...NOBODY, operation: null, document: null, field: 'Mutation.placeOrder' },
  ...{ target: null, clientId: null, requestId: null },
};
const logger = createLogger('audit', 'silent');

/** A store that refuses a number it has, as a primary key does. */
class KeptRecords implements AuditSink {
  readonly records: AuditRecord[] = [];

  async head() {
    return this.records.at(-1) ?? EMPTY_LOG;
  }

  async append(records: readonly AuditRecord[]) {
    if (records[0]?.number !== this.records.length + 1) throw new Error('number is taken');
    this.records.push(...records);
  }

  async lastBefore() {
    return undefined;
  }

  async removeThrough() {}
}

it('goes on after a write without an answer was durable, however many records have come since', async () => {
  const sink = new KeptRecords();
  const writer = await AuditWriter.open(sink, { logger });
  const append = vi.spyOn(sink, 'append').mockImplementationOnce(async (records) => {
    sink.records.push(...records);
    throw new Error('connection lost');
  });
  // Nor can it be asked what it has, when that is tried first.
  vi.spyOn(sink, 'head').mockRejectedValueOnce(new Error('connection lost'));
  await writer.record(ENTRY);
  expect(append).toHaveBeenCalledTimes(1);
  await writer.record(ENTRY);
  await vi.waitFor(() => expect(writer.failure).toBeUndefined(), { timeout: 5_000 });
  await writer.record(ENTRY);
  expect(sink.records.map(({ number }) => number)).toEqual([1, 2, 3]);
});

it('lets nobody wait once it is stopped', async () => {
  const sink = new KeptRecords();
  const writer = await AuditWriter.open(sink, { logger });
  vi.spyOn(sink, 'append').mockReturnValue(new Promise(() => undefined));
  const waiting = writer.record(ENTRY);
  await writer.stop();
  await waiting;
  await writer.record(ENTRY);
  expect(writer.failure).toBe('it is closed');
});
