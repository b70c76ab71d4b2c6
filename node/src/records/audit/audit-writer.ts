import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../telemetry/logger.ts';
import { type AuditEntry, type AuditHead, type AuditRecord, chainRecords } from './audit-record.ts';
import type { AuditSink } from './audit-sink.ts';

const MAX_QUEUED = 10_000;
/** Some 100 KiB of one write. */
const MAX_BATCH = 256;
const RETRY_AFTER_MS = 500;
const STOP_WITHIN_MS = 2_000;

interface Waiting {
  readonly entry: AuditEntry;
  readonly done: () => void;
}

/**
 * Writes a log by group commit: while one batch is on its way to the disk the next one gathers, so that
 * whoever waits for a record waits for two writes at most, however many records there are. It has one
 * writer, because each record is hashed over the one before it.
 */
export class AuditWriter {
  readonly #sink: AuditSink;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  #head: AuditHead;
  #queue: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: string | undefined;

  private constructor(sink: AuditSink, head: AuditHead, { logger }: { logger: Logger }) {
    this.#sink = sink;
    this.#head = head;
    this.#logger = logger;
  }

  /** Goes on behind the last record that is kept. */
  static async open(sink: AuditSink, needs: { readonly logger: Logger }): Promise<AuditWriter> {
    return new AuditWriter(sink, await sink.head(), needs);
  }

  /** The last record that is durable. */
  get head(): AuditHead {
    return this.#head;
  }

  get queued(): number {
    return this.#queue.length;
  }

  get isFull(): boolean {
    return this.#queue.length >= MAX_QUEUED;
  }

  /** Why nothing more can be recorded now; undefined where it can. */
  get failure(): string | undefined {
    if (this.#stopping.signal.aborted) return 'it is closed';
    return this.#failure ?? (this.isFull ? 'it falls behind' : undefined);
  }

  /**
   * Records an entry. Resolves when it is durable, or once the log cannot be written: what has happened
   * is told then, stays queued to be recorded, and nothing more is begun while {@link failure} is set.
   */
  record(entry: AuditEntry): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#queue.push({ entry, done: resolve });
    if (this.#failure !== undefined || this.#stopping.signal.aborted) resolve();
    this.#writing ??= this.#writeAll();
    return promise;
  }

  /** Writes what is queued, for two seconds at most; nobody waits for what is not written by then. */
  async stop(): Promise<void> {
    const ended = new AbortController();
    const deadline = sleep(STOP_WITHIN_MS, undefined, { signal: ended.signal });
    await Promise.race([this.#writing, deadline.catch(() => undefined)]);
    ended.abort();
    this.#stopping.abort();
    if (this.#queue.length > 0) {
      this.#logger.error({ records: this.#queue.length }, 'audit records not written at the stop');
    }
    for (const { done } of this.#queue) done();
  }

  async #writeAll(): Promise<void> {
    // What is asked for in one turn of the event loop goes out together.
    await Promise.resolve();
    let records: readonly AuditRecord[] = [];
    while (this.#queue.length > 0 && !this.#stopping.signal.aborted) {
      // A write without an answer may be durable: the same records again, however many came since.
      if (records.length === 0) records = this.#nextRecords();
      if (!(await this.#append(records))) continue;
      this.#head = headOf(records, this.#head);
      const written = this.#queue.slice(0, records.length);
      this.#queue = this.#queue.slice(records.length);
      records = [];
      for (const { done } of written) done();
    }
    // In this very turn: whoever records on hearing that it is done must find that nobody writes.
    this.#writing = undefined;
  }

  #nextRecords(): AuditRecord[] {
    const batch = this.#queue.slice(0, MAX_BATCH);
    return chainRecords(
      this.#head,
      batch.map(({ entry }) => entry),
    );
  }

  /** Whether all of them are durable; what is not is to be tried again. */
  async #append(records: readonly AuditRecord[]): Promise<boolean> {
    try {
      await this.#sink.append(records);
      if (this.#failure !== undefined) this.#logger.info({}, 'the audit log is written again');
      this.#failure = undefined;
      return true;
    } catch (error) {
      // One line when it begins to fail, and not one for each attempt.
      if (this.#failure === undefined) {
        this.#logger.error({ err: error }, 'the audit log cannot be written');
      }
      this.#failure = 'it cannot be written';
      for (const { done } of this.#queue) done();
    }
    await sleep(RETRY_AFTER_MS, undefined, { signal: this.#stopping.signal }).catch(
      () => undefined,
    );
    return this.#isKept(records);
  }

  /** Whether a write that gave no answer was durable all the same. */
  async #isKept(records: readonly AuditRecord[]): Promise<boolean> {
    const kept = await this.#sink.head().catch(() => undefined);
    const { hash } = headOf(records, this.#head);
    if (kept?.hash === hash) this.#failure = undefined;
    else if (kept && kept.hash !== this.#head.hash) {
      // Two processes on one store: neither's log would be whole.
      this.#logger.error({ ...kept }, 'the audit log is written by another process');
    }
    return kept?.hash === hash;
  }
}

function headOf(records: readonly AuditRecord[], head: AuditHead): AuditHead {
  const { number, hash } = records.at(-1) ?? head;
  return { number, hash };
}
