import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Database } from '../store/database.ts';
import { contradictions } from '../store/tables/contradictions.ts';
import { frames } from '../store/tables/frames.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { EquivocationProof } from './judgement-record.ts';
import { type PrintWord, recordPrints } from './print-store.ts';

const FLUSH_INTERVAL_MS = 200;
/** What one turn of the event loop encodes: a millisecond or two. */
const MAX_BATCH_FRAMES = 256;
const MAX_QUEUED_FRAMES = 16_384;
const MAX_QUEUED_BYTES = 32 * 1_048_576;
const MAX_QUEUED_PROOFS = 64;
const STOP_WITHIN_MS = 2_000;

/** One row of the frames table. */
export type ArchivedFrame = typeof frames.$inferInsert & {
  /** What it says of trades, where that counts. */
  readonly words?: readonly PrintWord[];
};

/** A queue of bounded size in front of the store. */
export interface ArchiveWriter {
  add(frame: ArchivedFrame): void;
  addProof(proof: EquivocationProof): void;
  /** Writes what is queued at this moment; what cannot be written stays queued. */
  flush(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

interface ArchiveWriterNeeds {
  /** Frames that wait for the store at most; 16,384 unless said. */
  readonly maxQueuedFrames?: number;
  readonly database: Database;
  readonly logger: Logger;
  readonly registry: Registry;
}

/**
 * Writes in batches, one at a time, off the path that frames take through the market. When the store
 * falls behind, what is new is dropped and counted: the market waits for no disk.
 */
export function createArchiveWriter(needs: ArchiveWriterNeeds): ArchiveWriter {
  const queue = new FrameQueue(needs.maxQueuedFrames ?? MAX_QUEUED_FRAMES);
  const proofs: EquivocationProof[] = [];
  const count = createCounters(needs.registry, queue);
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isFailing = false;

  const writeAll = async (): Promise<void> => {
    // Only what is queued now: a busy market would keep a flush busy for ever.
    let left = queue.length;
    try {
      while (proofs[0]) {
        await insertProof(needs.database, proofs[0]);
        proofs.shift();
      }
      while (left > 0) {
        const batch = queue.first(Math.min(left, MAX_BATCH_FRAMES));
        // Both can be done again: a batch that failed between them is written as a whole once more.
        await recordPrints(
          needs.database,
          batch.flatMap(({ words = [] }) => words),
        );
        await insertFrames(needs.database, batch);
        queue.drop(batch.length);
        left -= batch.length;
        count('written', batch.length);
      }
      isFailing = false;
    } catch (error) {
      // Kept for the next turn; one line when it begins to fail, and not one each time.
      if (!isFailing) needs.logger.error({ err: error }, 'frames cannot be stored');
      isFailing = true;
    }
  };
  const flush = async (): Promise<void> => {
    // What was queued while another flush ran is this one's to write.
    await writing;
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
    await writing;
  };

  return {
    add(frame) {
      if (queue.add(frame)) return;
      count('dropped', 1);
    },
    addProof(proof) {
      if (proofs.length < MAX_QUEUED_PROOFS) proofs.push(proof);
    },
    flush,
    start() {
      timer = setInterval(() => {
        if (!writing && (queue.length > 0 || proofs.length > 0)) void flush();
      }, FLUSH_INTERVAL_MS);
    },
    async stop() {
      clearInterval(timer);
      const ended = new AbortController();
      const deadline = sleep(STOP_WITHIN_MS, undefined, { signal: ended.signal });
      await Promise.race([flush(), deadline.catch(() => undefined)]);
      ended.abort();
    },
  };
}

/**
 * One parameter for the whole batch: statements with one for each value take several times as long to
 * put together, and that time is the market's.
 */
async function insertFrames(database: Database, batch: readonly ArchivedFrame[]): Promise<void> {
  const rows = batch.map((frame) => [
    ...[frame.venue, frame.epoch, frame.sequence, frame.sentAtMs, frame.receivedAtMs],
    ...[frame.hasTrades, Buffer.from(frame.signed).toString('base64')],
  ]);
  await database.execute(sql`
    insert into ${frames} (venue, epoch, sequence, sent_at_ms, received_at_ms, has_trades, signed)
    select r->>0, (r->>1)::bigint, (r->>2)::bigint, (r->>3)::bigint, (r->>4)::bigint,
      (r->>5)::boolean, decode(r->>6, 'base64')
    from json_array_elements(${JSON.stringify(rows)}::json) as r
    on conflict do nothing`);
}

/** First in, first out, in bounded memory. */
class FrameQueue {
  readonly #mostFrames: number;
  #frames: ArchivedFrame[] = [];
  #bytes = 0;

  constructor(mostFrames: number) {
    this.#mostFrames = mostFrames;
  }

  get length(): number {
    return this.#frames.length;
  }

  /** False when there is no room. */
  add(frame: ArchivedFrame): boolean {
    const bytes = this.#bytes + frame.signed.length;
    if (this.#frames.length >= this.#mostFrames || bytes > MAX_QUEUED_BYTES) return false;
    this.#frames.push(frame);
    this.#bytes = bytes;
    return true;
  }

  first(most: number): ArchivedFrame[] {
    return this.#frames.slice(0, most);
  }

  drop(number: number): void {
    for (const { signed } of this.#frames.slice(0, number)) this.#bytes -= signed.length;
    this.#frames = this.#frames.slice(number);
  }
}

async function insertProof(database: Database, proof: EquivocationProof): Promise<void> {
  const { code, venue, epoch, sequence, foundAtMs } = proof;
  const [held, other] = proof.frames;
  await database
    .insert(contradictions)
    .values({ code, venue, epoch, sequence, held, other, foundAtMs })
    .onConflictDoNothing();
}

function createCounters(registry: Registry, queue: FrameQueue) {
  const archived = new Counter({
    name: 'stoa_frames_archived_total',
    help: 'Frames by what became of them in the store: written, or dropped because it fell behind.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  new Gauge({
    name: 'stoa_frames_archive_queue',
    help: 'Frames that wait to be stored.',
    registers: [registry],
    collect() {
      this.set(queue.length);
    },
  });
  return (outcome: 'written' | 'dropped', frameCount: number): void =>
    archived.inc({ outcome }, frameCount);
}
