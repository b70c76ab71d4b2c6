import type { MemberId } from '@stoa/schema';
import type { RejectCode, Verdict } from './judge.ts';

/** What can be seen from the bytes and the registry alone, so that whoever passed it on has seen it. */
const SENDERS_FAULT: ReadonlySet<RejectCode> = new Set<RejectCode>([
  'FRAME_TOO_LARGE',
  'SIGNED_MALFORMED',
  'FRAME_MALFORMED',
  'VENUE_UNKNOWN',
  'NOT_A_VENUE',
  'SIGNATURE_INVALID',
]);

/**
 * What depends on two clocks, or on the block at which terms of a listing were read. That makes frames
 * useless, and is no attack.
 */
const NOBODYS_FAULT: ReadonlySet<RejectCode> = new Set<RejectCode>([
  'EPOCH_FROM_FUTURE',
  'FRAME_FROM_FUTURE',
  'TRADE_FROM_FUTURE',
  'PRICE_OFF_TICK',
]);

/**
 * The offence of whoever brought a frame; undefined where an honest node may have.
 *
 * A node judges before it relays, so garbage and forgeries are the relay's own doing. A contradiction,
 * or an entry against the rules, is authentic: a relay must bring it, and only the venue itself is to
 * blame for it.
 */
export function offenceOf(verdict: Verdict, from: MemberId): RejectCode | undefined {
  if (verdict.verdict !== 'reject' || NOBODYS_FAULT.has(verdict.code)) return undefined;
  if (SENDERS_FAULT.has(verdict.code)) return verdict.code;
  const author = verdict.authentic?.frame.venue ?? verdict.contradicts?.frame.venue;
  return author === from ? verdict.code : undefined;
}
