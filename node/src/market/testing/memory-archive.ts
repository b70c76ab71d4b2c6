import { decodeFrame, decodeSigned, type Frame, isRefusal } from '@stoa/schema';
import type { FrameArchive } from '../frame-archive.ts';
import type { EquivocationProof } from '../judgement-record.ts';

interface Kept {
  readonly frame: Frame;
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
}

/** A {@link FrameArchive} in memory: what the port promises, without a database. */
export interface MemoryArchive extends FrameArchive {
  /** Keeps SignedFrames as if they had been taken. */
  add(frames: readonly Uint8Array[]): void;
}

/** Creates an empty {@link MemoryArchive}. */
export function createMemoryArchive(): MemoryArchive {
  const kept: Kept[] = [];
  const proofs: EquivocationProof[] = [];
  const of = (venue: string) => kept.filter(({ frame }) => frame.venue === venue);
  const within = ({ frame }: Kept, fromMs: number, toMs: number) =>
    frame.sentAtMs >= fromMs && frame.sentAtMs <= toMs;
  return {
    add(frames) {
      for (const bytes of frames) {
        const signed = decodeSigned(bytes, bytes.length);
        const decoded = isRefusal(signed) ? signed : decodeFrame(signed.payload);
        if (isRefusal(decoded)) throw new Error(decoded.message);
        kept.push({ frame: decoded.frame, bytes, receivedAtMs: 0 });
      }
    },
    keep: ({ frame, bytes }, { receivedAtMs }) => void kept.push({ frame, bytes, receivedAtMs }),
    keepProof: (proof) => void proofs.push(proof),
    range: async ({ venue, epoch, from, to }, most) =>
      of(venue)
        .filter(({ frame }) => frame.epoch === epoch)
        .filter(({ frame }) => frame.sequence >= from && frame.sequence <= to)
        .sort((one, other) => one.frame.sequence - other.frame.sequence)
        .slice(0, most)
        .map(({ bytes }) => bytes),
    epochAfter: async (venue, epoch) =>
      of(venue)
        .map(({ frame }) => frame.epoch)
        .filter((each) => each > epoch)
        .toSorted((one, other) => one - other)[0],
    latest: async (venue, beforeMs) =>
      of(venue)
        .filter(({ receivedAtMs }) => receivedAtMs < beforeMs)
        .map(({ frame }) => frame)
        .toSorted((one, other) => other.epoch - one.epoch || other.sequence - one.sequence)[0],
    venues: async ({ fromMs, toMs }) => {
      const sent = kept.filter((one) => within(one, fromMs, toMs));
      return [...new Set(sent.map(({ frame }) => frame.venue))].sort();
    },
    async *newestFirst({ venue, fromMs, toMs }) {
      const newest = of(venue)
        .filter((one) => within(one, fromMs, toMs))
        .sort(
          ({ frame: one }, { frame: other }) =>
            other.epoch - one.epoch || other.sequence - one.sequence,
        );
      // Pages of two, so that everybody who reads them meets more than one.
      for (let at = 0; at < newest.length; at += 2) {
        yield newest.slice(at, at + 2).map(({ bytes }) => bytes);
      }
    },
    async *withTrades(sinceMs) {
      const sent = kept.filter(({ frame }) => frame.sentAtMs >= sinceMs);
      yield sent
        .filter(({ frame }) => frame.entries.some(({ kind }) => kind === 'trade'))
        .map(({ bytes }) => bytes);
    },
    proofs: async (most) => proofs.slice(-most),
  };
}
