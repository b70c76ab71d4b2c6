import {
  decodeFrame,
  decodeSigned,
  isRefusal,
  MAX_FRAME_BYTES,
  type Member,
  payloadHash,
  type SignedBytes,
} from '@stoa/schema';
import type { JudgeContext } from './judge.ts';
import type { EquivocationProof } from './judgement-record.ts';
import type { LoggedFrame } from './logged-frame.ts';

/** Clocks differ: a key counts for what was signed so close to the ends of its window. */
const KEY_WINDOW_SLACK_MS = 60_000;

/** What was decided about two frames that are said to contradict each other. */
export type ProofVerdict =
  | { readonly verdict: 'accept'; readonly proof: EquivocationProof }
  | { readonly verdict: 'ignore' | 'reject'; readonly code: string };

type ProofContext = Pick<JudgeContext, 'nowMs' | 'member' | 'verifier'>;

/**
 * Judges two SignedFrames as evidence. Pure. The venue's own signatures decide, so it does not matter
 * who shows them.
 */
export function judgeProof(
  first: Uint8Array,
  second: Uint8Array,
  context: ProofContext,
): ProofVerdict {
  const one = readFrame(first);
  const other = readFrame(second);
  if (typeof one === 'string') return { verdict: verdictOn(one), code: one };
  if (typeof other === 'string') return { verdict: verdictOn(other), code: other };
  const { venue, epoch } = one.logged.frame;
  const code = contradictionOf(one.logged, other.logged);
  // Rule: both are of one venue and epoch, and cannot both be true.
  if (!code) return { verdict: 'reject', code: 'PROOF_PROVES_NOTHING' };
  // Rule: the venue is a member. Ignored otherwise: directories are read at different blocks.
  const member = context.member(venue);
  if (!member) return { verdict: 'ignore', code: 'VENUE_UNKNOWN' };
  // Rule: both are signed with keys that were the venue's when it sent them. A proof outlives a key.
  if (!isSigned(member, one, context) || !isSigned(member, other, context)) {
    return { verdict: 'reject', code: 'SIGNATURE_INVALID' };
  }
  const sequence = Math.min(one.logged.frame.sequence, other.logged.frame.sequence);
  const proof: EquivocationProof = {
    ...{ code, venue, epoch, sequence },
    // Copies: what arrived may be a part of a larger buffer.
    frames: [Uint8Array.from(first), Uint8Array.from(second)],
    foundAtMs: context.nowMs,
  };
  return { verdict: 'accept', proof };
}

/** A later version of the wire is no offence: it is not for us. */
function verdictOn(code: string): 'ignore' | 'reject' {
  return code === 'FRAME_VERSION_UNKNOWN' ? 'ignore' : 'reject';
}

interface ReadFrame {
  readonly logged: LoggedFrame;
  readonly signed: SignedBytes;
}

function readFrame(bytes: Uint8Array): ReadFrame | string {
  const signed = decodeSigned(bytes, MAX_FRAME_BYTES);
  if (isRefusal(signed)) return signed.code;
  const decoded = decodeFrame(signed.payload);
  if (isRefusal(decoded)) return decoded.code;
  return {
    signed,
    logged: { frame: decoded.frame, bytes, hash: payloadHash(signed.payload) },
  };
}

function contradictionOf(
  one: LoggedFrame,
  other: LoggedFrame,
): EquivocationProof['code'] | undefined {
  const [earlier, later] = one.frame.sequence <= other.frame.sequence ? [one, other] : [other, one];
  const isOneFeed = one.frame.venue === other.frame.venue && one.frame.epoch === other.frame.epoch;
  if (!isOneFeed) return undefined;
  const isSame = Buffer.compare(one.hash, other.hash) === 0;
  if (earlier.frame.sequence === later.frame.sequence) {
    if (!isSame) return 'EQUIVOCATION';
    // One frame is enough where it names a frame before the first.
    const namesNone = one.frame.previousHash.every((byte) => byte === 0);
    return one.frame.sequence === 1 && !namesNone ? 'CHAIN_BROKEN' : undefined;
  }
  const follows = later.frame.sequence === earlier.frame.sequence + 1;
  const isChained = Buffer.compare(later.frame.previousHash, earlier.hash) === 0;
  return follows && !isChained ? 'CHAIN_BROKEN' : undefined;
}

function isSigned(member: Member, { logged, signed }: ReadFrame, context: ProofContext): boolean {
  const fromSeconds = (logged.frame.sentAtMs - KEY_WINDOW_SLACK_MS) / 1_000;
  const toSeconds = (logged.frame.sentAtMs + KEY_WINDOW_SLACK_MS) / 1_000;
  return member.nodeKeys.some(
    ({ key, validFrom, validTo }) =>
      validFrom <= toSeconds &&
      (validTo === 0 || validTo >= fromSeconds) &&
      context.verifier(key)('frame', signed.payload, signed.signature),
  );
}
