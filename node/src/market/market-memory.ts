import {
  decodeFrame,
  decodeSigned,
  type FramesRequest,
  isRefusal,
  MAX_ANSWER_FRAMES,
  MAX_FRAME_BYTES,
} from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';
import type { FrameArchive } from './frame-archive.ts';
import type { FrameLog } from './frame-log.ts';
import { type JudgementRecord, MAX_PROOFS } from './judgement-record.ts';
import type { MarketState } from './market-state.ts';
import { dayStartOf } from './trade-statistics.ts';

/** SignedFrames of a range in order of sequence: from memory, and what is older from the archive. */
export async function* framesOf(
  log: FrameLog,
  archive: FrameArchive | undefined,
  asked: FramesRequest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const epoch = asked.following ? await epochAfter(log, archive, asked) : asked.epoch;
  if (epoch === undefined) return;
  const request = { ...asked, epoch, following: false };
  const lowest = log.lowest(request.venue, request.epoch) ?? Number.POSITIVE_INFINITY;
  if (archive && request.from < lowest) {
    const to = Math.min(request.to, lowest - 1);
    const older = await archive.range({ ...request, to }, MAX_ANSWER_FRAMES);
    yield* older;
    // After a full answer there may be more in the archive: memory's frames would leave a hole.
    if (older.length === MAX_ANSWER_FRAMES) return;
  }
  yield* log.range(request);
}

async function epochAfter(
  log: FrameLog,
  archive: FrameArchive | undefined,
  { venue, epoch }: FramesRequest,
): Promise<number | undefined> {
  const running = log.epoch(venue);
  const archived = await archive?.epochAfter(venue, epoch);
  const later = [running, archived].filter((each) => each !== undefined && each > epoch);
  return later.toSorted((one, other) => (one ?? 0) - (other ?? 0))[0];
}

/**
 * Takes back what this node knew before it started: its proofs, where it stood with each venue, and
 * the trades of the day. In the
 * background, because trades may come in any order and be said twice.
 */
export function restoreMarket(
  { archive, ...known }: Restored & { readonly archive: FrameArchive | undefined },
  { logger, ...how }: { nowMs: number; signal: AbortSignal; logger: Logger },
): void {
  if (!archive) return;
  restore(archive, known, how).catch((error: unknown) => {
    if (!how.signal.aborted) logger.error({ err: error }, 'the past could not be read');
  });
}

interface Restored {
  readonly record: JudgementRecord;
  readonly state: MarketState;
}

async function restore(
  archive: FrameArchive,
  { record, state }: Restored,
  { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<void> {
  record.restore(await archive.proofs(MAX_PROOFS));
  for (const venue of state.index.venues) {
    const last = await archive.latest(venue, nowMs);
    if (last) state.feeds.resume(last);
  }
  for await (const page of archive.withTrades(dayStartOf(nowMs))) {
    if (signal.aborted) return;
    for (const bytes of page) {
      const signed = decodeSigned(bytes, MAX_FRAME_BYTES);
      const decoded = isRefusal(signed) ? signed : decodeFrame(signed.payload);
      if (!isRefusal(decoded)) state.takeTrades(decoded.frame, nowMs);
    }
  }
}
