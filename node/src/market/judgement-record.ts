import type { MemberId } from '@stoa/schema';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import type { Verdict } from './judge.ts';

/** One line a code and second: whoever sends garbage must not fill the disk as well. */
const LOG_INTERVAL_MS = 1_000;
/** So many proofs are kept in memory, the latest. */
export const MAX_PROOFS = 64;

/** Two frames that a venue signed and that cannot both be true; anybody can check the signatures. */
export interface EquivocationProof {
  readonly code: 'EQUIVOCATION' | 'CHAIN_BROKEN';
  readonly venue: MemberId;
  readonly epoch: number;
  readonly sequence: number;
  /** SignedFrame bytes, the one that was held first. */
  readonly frames: readonly [Uint8Array, Uint8Array];
  readonly foundAtMs: number;
}

/** Turns verdicts into counters, log lines and kept proofs. */
export interface JudgementRecord {
  record(verdict: Verdict, bytes: Uint8Array, from: MemberId): void;
  /** Keeps a proof that was checked, whoever found it; false for one that is known. */
  addProof(proof: EquivocationProof): boolean;
  /** Keeps proofs of before this node started. */
  restore(proofs: readonly EquivocationProof[]): void;
  /** The latest proofs, oldest first. */
  proofs(): readonly EquivocationProof[];
}

interface JudgementRecordNeeds {
  readonly logger: Logger;
  readonly registry: Registry;
  now(): number;
  /** Hears of each proof that is new to this node. */
  onProof?(proof: EquivocationProof): void;
}

/** Writes a line, unless one of the same code was written within the last second. */
function createRefusalLog(needs: JudgementRecordNeeds) {
  const logged = new Map<string, { untilMs: number; suppressed: number }>();
  return (code: string, fields: Record<string, unknown>): void => {
    const before = logged.get(code);
    if (before && needs.now() < before.untilMs) {
      before.suppressed += 1;
      return;
    }
    logged.set(code, { untilMs: needs.now() + LOG_INTERVAL_MS, suppressed: 0 });
    needs.logger.warn({ ...fields, code, suppressed: before?.suppressed ?? 0 }, 'frame refused');
  };
}

/** One function decides what a verdict means for metrics and log. */
export function createJudgementRecord(needs: JudgementRecordNeeds): JudgementRecord {
  const judged = new Counter({
    name: 'stoa_frames_judged_total',
    help: 'Frames by what was decided about them.',
    labelNames: ['verdict', 'code'],
    registers: [needs.registry],
  });
  const entriesLeftOut = new Counter({
    name: 'stoa_frame_entries_left_out_total',
    help: 'Entries of accepted frames that were left out.',
    labelNames: ['code'],
    registers: [needs.registry],
  });
  const shelf = createProofShelf(needs);
  const log = createRefusalLog(needs);

  return {
    record(verdict, bytes, from) {
      if (verdict.verdict === 'accept') {
        judged.inc({ verdict: 'accept', code: 'OK' });
        if (verdict.unlisted.length > 0) {
          entriesLeftOut.inc({ code: 'INSTRUMENT_NOT_LISTED' }, verdict.unlisted.length);
          log('INSTRUMENT_NOT_LISTED', { from, instruments: verdict.unlisted.slice(0, 3) });
        }
        if (verdict.skippedEntries > 0) {
          entriesLeftOut.inc({ code: 'ENTRY_KIND_UNKNOWN' }, verdict.skippedEntries);
          log('ENTRY_KIND_UNKNOWN', { from, entries: verdict.skippedEntries });
        }
        return;
      }
      const { code, message } = verdict;
      judged.inc({ verdict: verdict.verdict, code });
      // A duplicate is what a healthy network with more than one way produces.
      if (verdict.verdict === 'ignore' && code === 'DUPLICATE') return;
      log(code, { from, verdict: verdict.verdict, reason: message });
      if (verdict.verdict === 'reject' && verdict.contradicts) {
        const { venue, epoch, sequence } = verdict.contradicts.frame;
        shelf.add({
          code: verdict.code === 'EQUIVOCATION' ? 'EQUIVOCATION' : 'CHAIN_BROKEN',
          ...{ venue, epoch, sequence },
          frames: [verdict.contradicts.bytes, bytes],
          foundAtMs: needs.now(),
        });
      }
    },
    addProof: (proof) => shelf.add(proof),
    restore: (found) => shelf.restore(found),
    proofs: () => shelf.all(),
  };
}

/** The latest proofs, each contradiction once. */
function createProofShelf(needs: JudgementRecordNeeds) {
  const proofs = new Map<string, EquivocationProof>();
  const hold = (proof: EquivocationProof): boolean => {
    const { code, venue, epoch, sequence } = proof;
    const key = `${code}/${venue}/${epoch}/${sequence}`;
    if (proofs.has(key)) return false;
    proofs.set(key, proof);
    const oldest = proofs.keys().next().value;
    if (proofs.size > MAX_PROOFS && oldest !== undefined) proofs.delete(oldest);
    return true;
  };
  return {
    add(proof: EquivocationProof): boolean {
      if (!hold(proof)) return false;
      const { code, venue, epoch, sequence } = proof;
      needs.logger.error({ code, venue, epoch, sequence }, 'a venue contradicted itself');
      needs.onProof?.(proof);
      return true;
    },
    restore(found: readonly EquivocationProof[]): void {
      for (const proof of found) hold(proof);
    },
    all: () => [...proofs.values()].sort((one, other) => one.foundAtMs - other.foundAtMs),
  };
}
