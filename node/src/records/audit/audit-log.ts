import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '../../telemetry/logger.ts';
import { type AuditEntry, type AuditHead, type AuditOutcome, NOBODY } from './audit-record.ts';
import type { AuditSink } from './audit-sink.ts';
import { AuditWriter } from './audit-writer.ts';
import { DenialTally } from './denial-tally.ts';

/** How long records are kept. */
export interface AuditLogOptions {
  readonly retentionMs: number;
  /** For tests: how often denials that were counted are written, and retention is looked after. */
  readonly windowMs?: number;
}

/** The log of what was asked of a process, and of what it denied. */
export interface AuditLog {
  /** Why nothing may be begun now that would have to be recorded; undefined where it may. */
  failure(): string | undefined;
  /** Records what came of a mutation: its answer waits for this. See {@link AuditWriter.record}. */
  mutation(entry: AuditEntry): Promise<void>;
  /** Records a denied field, or counts it where there are many. Nobody waits for it. */
  denied(entry: AuditEntry): void;
  /** The last record that is durable. */
  head(): AuditHead;
  stop(): Promise<void>;
}

interface AuditLogNeeds {
  readonly sink: AuditSink;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly nowMs: () => number;
}

const WINDOW_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Opens a log behind the last record that its sink keeps. */
export async function openAuditLog(
  { retentionMs, windowMs = WINDOW_MS }: AuditLogOptions,
  needs: AuditLogNeeds,
): Promise<AuditLog> {
  const { sink, logger, nowMs } = needs;
  const writer = await AuditWriter.open(sink, { logger });
  const tally = new DenialTally();
  const count = countersOf(needs.metrics, writer);
  const record = (entry: AuditEntry): Promise<void> => {
    count(entry);
    return writer.record(entry);
  };
  /** Nobody waits for it, and so it may be left out where the log has fallen behind for long. */
  const note = (entry: AuditEntry): void => {
    if (writer.isFull) count({ outcome: 'lost' });
    else void record(entry);
  };
  const endWindow = (): void => {
    for (const counted of tally.end()) note(counted);
  };
  /** Rows leave after a record that says which: the check of the chain asks for one. */
  const prune = async (): Promise<void> => {
    const last = await sink.lastBefore(nowMs() - retentionMs);
    if (!last || writer.failure !== undefined) return;
    await record(removal(last, nowMs()));
    if (writer.failure === undefined) await sink.removeThrough(last.number);
  };
  let lookAtMs = 0;
  const timer = setInterval(() => {
    endWindow();
    if (nowMs() < lookAtMs) return;
    lookAtMs = nowMs() + HOUR_MS;
    // Where logs are kept elsewhere, this is the head that was noted elsewhere.
    logger.info({ ...writer.head }, 'audit log head');
    prune().catch((error: unknown) => logger.error({ err: error }, 'audit log not pruned'));
  }, windowMs).unref();

  return {
    failure: () => writer.failure,
    mutation: record,
    denied(entry) {
      if (tally.take(entry)) note(entry);
    },
    head: () => writer.head,
    async stop() {
      clearInterval(timer);
      endWindow();
      await writer.stop();
    },
  };
}

/** What is told instead of something that nobody could record. */
export function nothingBegun(why: string): string {
  return `Nothing is changed while the audit log fails: ${why}. Nothing was done: try again.`;
}

function removal({ number, hash }: AuditHead, atMs: number): AuditEntry {
  return {
    ...{ kind: 'retention', outcome: 'removed', code: null, atMs, field: 'retention', count: 1 },
    ...NOBODY,
    ...{ operation: null, clientId: null, requestId: null },
    target: String(number),
    document: hash,
  };
}

function countersOf(registry: Registry, writer: AuditWriter) {
  const records = new Counter({
    name: 'stoa_audit_records_total',
    help: 'Audit records by outcome; `lost` are denials for which there was no room.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  });
  new Gauge({
    name: 'stoa_audit_queue',
    help: 'Audit records that wait to be durable.',
    registers: [registry],
    collect() {
      this.set(writer.queued);
    },
  });
  return ({ outcome }: { readonly outcome: AuditOutcome | 'lost' }) => records.inc({ outcome });
}
