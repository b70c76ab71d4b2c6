import type { Frame, FramesRequest, VenueId } from '@stoa/schema';
import { and, asc, between, desc, eq, gt, gte, lt, sql } from 'drizzle-orm';
import type { Registry } from 'prom-client';
import type { Database } from '../store/database.ts';
import { contradictions } from '../store/tables/contradictions.ts';
import { frames } from '../store/tables/frames.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type ArchiveWriter, createArchiveWriter } from './archive-writer.ts';
import type { FrameArchive, RecordedRange } from './frame-archive.ts';
import { createFramePruning, type FrameRetention } from './frame-pruning.ts';
import type { EquivocationProof } from './judgement-record.ts';
import type { PrintWord } from './print-store.ts';

const PAGE_FRAMES = 256;

export interface PostgresArchiveNeeds {
  readonly database: Database;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Frames that wait for the store at most; 16,384 unless said. */
  readonly maxQueuedFrames?: number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A {@link FrameArchive} in the node's store, which prunes itself. */
export interface PostgresArchive extends FrameArchive {
  start(): void;
  /** Writes what is queued, within two seconds, and ends. */
  stop(): Promise<void>;
}

/** Frames and proofs in PostgreSQL, under a retention policy. */
export function createPostgresArchive(
  retention: FrameRetention,
  needs: PostgresArchiveNeeds,
): PostgresArchive {
  const { database } = needs;
  const writer = createArchiveWriter(needs);
  const pruning = createFramePruning(retention, needs);
  return {
    keep(logged, { receivedAtMs, counts }) {
      const { venue, epoch, sequence, sentAtMs, entries } = logged.frame;
      const hasTrades = counts && entries.some(({ kind }) => kind === 'trade');
      const { bytes: signed } = logged;
      const row = { venue, epoch, sequence, sentAtMs, receivedAtMs, hasTrades, signed };
      writer.add(hasTrades ? { ...row, words: wordsIn(logged.frame) } : row);
    },
    keepProof: (proof) => writer.addProof(proof),
    range: (request, most) => readRange(database, request, most),
    epochAfter: (venue, epoch) => readEpochAfter(database, venue, epoch),
    latest: (venue, beforeMs) => readLatest(database, venue, beforeMs),
    async venues({ fromMs, toMs }) {
      await writer.flush();
      const rows = await database
        .selectDistinct({ venue: frames.venue })
        .from(frames)
        .where(between(frames.sentAtMs, fromMs, toMs));
      return rows.map(({ venue }) => venue as VenueId).sort();
    },
    newestFirst: (range) => readNewestFirst(database, writer, range),
    withTrades: (sinceMs) => readWithTrades(database, sinceMs),
    proofs: (most) => readProofs(database, most),
    start() {
      writer.start();
      pruning.start();
    },
    async stop() {
      pruning.stop();
      await writer.stop();
    },
  };
}

/** What a frame says of trades. */
function wordsIn({ venue, epoch, sequence, entries }: Frame): PrintWord[] {
  return entries.flatMap((said, entry) =>
    said.kind === 'trade' ? [{ ...said, venue, epoch, sequence, entry }] : [],
  );
}

async function readRange(
  database: Database,
  { venue, epoch, from, to }: FramesRequest,
  most: number,
): Promise<Uint8Array[]> {
  const rows = await database
    .select({ signed: frames.signed })
    .from(frames)
    .where(
      and(eq(frames.venue, venue), eq(frames.epoch, epoch), between(frames.sequence, from, to)),
    )
    .orderBy(asc(frames.sequence))
    .limit(most);
  return rows.map(({ signed }) => signed);
}

async function readEpochAfter(
  database: Database,
  venue: VenueId,
  epoch: number,
): Promise<number | undefined> {
  const [row] = await database
    .select({ epoch: frames.epoch })
    .from(frames)
    .where(and(eq(frames.venue, venue), gt(frames.epoch, epoch)))
    .orderBy(asc(frames.epoch))
    .limit(1);
  return row?.epoch;
}

async function readLatest(database: Database, venue: VenueId, beforeMs: number) {
  const [row] = await database
    .select({ venue: frames.venue, epoch: frames.epoch, sequence: frames.sequence })
    .from(frames)
    .where(and(eq(frames.venue, venue), lt(frames.receivedAtMs, beforeMs)))
    .orderBy(desc(frames.epoch), desc(frames.sequence))
    .limit(1);
  return row;
}

async function* readNewestFirst(
  database: Database,
  writer: ArchiveWriter,
  { venue, fromMs, toMs }: RecordedRange,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  await writer.flush();
  let below = sql`true`;
  while (true) {
    const rows = await database
      .select({ epoch: frames.epoch, sequence: frames.sequence, signed: frames.signed })
      .from(frames)
      .where(and(eq(frames.venue, venue), between(frames.sentAtMs, fromMs, toMs), below))
      .orderBy(desc(frames.epoch), desc(frames.sequence))
      .limit(PAGE_FRAMES);
    yield rows.map(({ signed }) => signed);
    const last = rows.at(-1);
    if (!last || rows.length < PAGE_FRAMES) return;
    below = sql`(${frames.epoch}, ${frames.sequence}) < (${last.epoch}, ${last.sequence})`;
  }
}

async function* readWithTrades(
  database: Database,
  sinceMs: number,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  let after = sql`true`;
  while (true) {
    const rows = await database
      .select({
        sentAtMs: frames.sentAtMs,
        venue: frames.venue,
        epoch: frames.epoch,
        sequence: frames.sequence,
        signed: frames.signed,
      })
      .from(frames)
      .where(and(sql`${frames.hasTrades}`, gte(frames.sentAtMs, sinceMs), after))
      .orderBy(asc(frames.sentAtMs), asc(frames.venue), asc(frames.epoch), asc(frames.sequence))
      .limit(PAGE_FRAMES);
    yield rows.map(({ signed }) => signed);
    const last = rows.at(-1);
    if (!last || rows.length < PAGE_FRAMES) return;
    after = sql`(${frames.sentAtMs}, ${frames.venue}, ${frames.epoch}, ${frames.sequence})
      > (${last.sentAtMs}, ${last.venue}, ${last.epoch}, ${last.sequence})`;
  }
}

async function readProofs(database: Database, most: number): Promise<EquivocationProof[]> {
  const rows = await database
    .select()
    .from(contradictions)
    .orderBy(desc(contradictions.foundAtMs), asc(contradictions.venue))
    .limit(most);
  return rows.reverse().map(({ code, venue, epoch, sequence, held, other, foundAtMs }) => ({
    ...{ code, venue, epoch, sequence, foundAtMs },
    frames: [held, other] as const,
  }));
}
