import {
  decodeFrame,
  decodeSigned,
  type Frame,
  type Instrument,
  type InstrumentId,
  isRefusal,
  isStanding,
  isWithin,
  MAX_FRAME_BYTES,
  type Member,
  type MemberId,
  payloadHash,
  type SignedBytes,
  type VenueId,
  type Verifier,
} from '@stoa/schema';
import type { FeedPosition, PastPosition } from './feed-position.ts';
import { type EntryOffenceCode, entryOffence } from './judge-entry.ts';
import type { LoggedFrame } from './logged-frame.ts';

/** Signed here; pushed by the venue or a relay; or pulled by this node because it was missing. */
export type Arrival = 'own' | 'pushed' | 'pulled';

/** What frames are judged against: this node's view of the network at one moment. */
export interface JudgeContext {
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** How far another member's clock may be ahead. */
  readonly maxClockSkewMs: number;
  /** How old a pushed frame may be, beyond the skew. */
  readonly maxFrameAgeMs: number;
  readonly member: (id: MemberId) => Member | undefined;
  readonly verifier: (publicKey: string) => Verifier;
  /** This node's own key, hex. */
  readonly ownKey: string;
  /** The instrument, if the venue lists it. */
  readonly listed: (venue: VenueId, instrument: InstrumentId) => Instrument | undefined;
  /** Where this node stands in the venue's current epoch; undefined before the first frame. */
  position(venue: VenueId): FeedPosition | undefined;
  /** Where it stands in an earlier epoch, while it still asks for frames of that. */
  past?(venue: VenueId): PastPosition | undefined;
  /** A frame this node has taken and still holds. */
  held(venue: VenueId, epoch: number, sequence: number): LoggedFrame | undefined;
}

export type IgnoreCode =
  | 'FRAME_VERSION_UNKNOWN'
  | 'VENUE_NOT_STANDING'
  | 'DUPLICATE'
  | 'EPOCH_OLD'
  | 'SEQUENCE_CLOSED'
  | 'FRAME_TOO_OLD';

export type RejectCode =
  | 'FRAME_TOO_LARGE'
  | 'SIGNED_MALFORMED'
  | 'FRAME_MALFORMED'
  | 'VENUE_UNKNOWN'
  | 'NOT_A_VENUE'
  | 'SIGNATURE_INVALID'
  | 'EQUIVOCATION'
  | 'CHAIN_BROKEN'
  | 'EPOCH_FROM_FUTURE'
  | 'FRAME_FROM_FUTURE'
  | EntryOffenceCode;

/**
 * What was decided about bytes that claim to be a frame. Ignore: of no use, and no one's fault.
 * Reject: no honest node sends it.
 */
export type Verdict =
  | {
      readonly verdict: 'accept';
      readonly logged: LoggedFrame;
      /** Instruments whose entries were left out: the venue does not list them, as far as we know. */
      readonly unlisted: readonly InstrumentId[];
      /** Entries of kinds this version does not know. */
      readonly skippedEntries: number;
    }
  | {
      readonly verdict: 'ignore';
      readonly code: IgnoreCode;
      readonly message: string;
      /** Set where the very frame is held already: it came by more than one way. */
      readonly repeats?: VenueId;
    }
  | {
      readonly verdict: 'reject';
      readonly code: RejectCode;
      readonly message: string;
      /** Set where the venue itself signed what is wrong: then its number counts as taken. */
      readonly authentic?: LoggedFrame;
      /** Set where the frame contradicts one that the venue signed before: both prove it. */
      readonly contradicts?: LoggedFrame;
    };

type Refused = Exclude<Verdict, { verdict: 'accept' }>;

/**
 * Judges bytes from the network. Pure: it changes nothing, and nothing may change before it accepted.
 *
 * The order is cheapest first up to the signature, and nothing that a stranger wrote is believed
 * before it; what comes after can only be the venue's own doing.
 */
export function judgeFrame(bytes: Uint8Array, arrival: Arrival, context: JudgeContext): Verdict {
  // Rule: a signed frame is at most 64 KiB.
  if (bytes.length > MAX_FRAME_BYTES) {
    return reject('FRAME_TOO_LARGE', `The frame has ${bytes.length} bytes.`);
  }
  // Rule: the bytes are a SignedFrame, its payload a Frame, both as stoa.proto has them.
  const signed = decodeSigned(bytes, MAX_FRAME_BYTES);
  if (isRefusal(signed)) return reject(signed.code, signed.message);
  const decoded = decodeFrame(signed.payload);
  if (isRefusal(decoded)) {
    // Rule: a later version is no offence, it is not for us.
    if (decoded.code === 'FRAME_VERSION_UNKNOWN') return ignore(decoded.code, decoded.message);
    return reject(decoded.code, decoded.message);
  }
  const { frame, skippedEntries } = decoded;
  const logged: LoggedFrame = { frame, bytes, hash: payloadHash(signed.payload) };
  const refused =
    judgeAuthor(signed, logged, arrival, context) ??
    judgePlace(logged, arrival, context) ??
    judgeTime(frame, arrival, context);
  if (refused) return refused;
  return judgeEntries(logged, skippedEntries, context);
}

/** Who says it. */
function judgeAuthor(
  signed: SignedBytes,
  { frame, hash }: LoggedFrame,
  arrival: Arrival,
  context: JudgeContext,
): Refused | undefined {
  // Rule: the author is in the on-chain member registry.
  const member = context.member(frame.venue);
  if (!member) return reject('VENUE_UNKNOWN', `${frame.venue} is no member.`);
  // Rule: only venues publish.
  if (member.kind !== 'venue') return reject('NOT_A_VENUE', `${frame.venue} is no venue.`);
  // Rule: a suspended or ceased venue is not heard. Ignored: relays learn of it at different times.
  if (!isStanding(member))
    return ignore('VENUE_NOT_STANDING', `${frame.venue} is ${member.status}.`);
  // Rule: what was judged once is not judged again. The same payload needs no second signature
  // check, which is a hundred times as dear as this one, and changes nothing whoever sent it.
  const held = context.held(frame.venue, frame.epoch, frame.sequence);
  if (held && equal(held.hash, hash)) {
    const message = 'This frame was taken before.';
    return { verdict: 'ignore', code: 'DUPLICATE', message, repeats: frame.venue };
  }
  // Rule: the payload is signed with a key of the venue that is valid now.
  const atSeconds = Math.floor(context.nowMs / 1_000);
  const isSigned = member.nodeKeys.some(
    (window) =>
      isWithin(window, atSeconds) &&
      // A signature that this node just made is right if the key is; to check it costs as much as
      // all else that a venue does for a frame.
      (arrival === 'own'
        ? window.key === context.ownKey
        : context.verifier(window.key)('frame', signed.payload, signed.signature)),
  );
  if (!isSigned) {
    return reject('SIGNATURE_INVALID', `No valid key of ${frame.venue} signed this.`);
  }
  return undefined;
}

/** Where it stands in what the venue said. */
function judgePlace(
  logged: LoggedFrame,
  arrival: Arrival,
  context: JudgeContext,
): Refused | undefined {
  const { venue, epoch, sequence, previousHash } = logged.frame;
  const position = context.position(venue);
  // Rule: an epoch is the time the venue's node started, so it is not in the future.
  if (epoch > context.nowMs + context.maxClockSkewMs) {
    return reject('EPOCH_FROM_FUTURE', `${venue} starts in the future.`);
  }
  // Rule: a node that started again is not heard from before.
  if (position && epoch < position.epoch) {
    const past = arrival === 'pulled' ? context.past?.(venue) : undefined;
    // But for what this node asked for: trades of then stand, whatever the venue said since.
    if (past && isAwaited(past, epoch, sequence)) return undefined;
    return ignore('EPOCH_OLD', `${venue} has started again since.`);
  }
  // Rule: one number, one frame. Two are an equivocation, and both signatures prove it.
  const held = context.held(venue, epoch, sequence);
  if (held) {
    return contradiction('EQUIVOCATION', `${venue} signed two frames ${sequence}.`, held, logged);
  }
  // Rule: each frame names the hash of the one before it, the first one zeros.
  const before = context.held(venue, epoch, sequence - 1);
  const after = context.held(venue, epoch, sequence + 1);
  const expected = sequence === 1 ? NO_HASH : before?.hash;
  if (expected && !equal(previousHash, expected)) {
    return contradiction(
      'CHAIN_BROKEN',
      `${venue} frame ${sequence} breaks the chain.`,
      before,
      logged,
    );
  }
  if (after && !equal(after.frame.previousHash, logged.hash)) {
    return contradiction(
      'CHAIN_BROKEN',
      `${venue} frame ${sequence} breaks the chain.`,
      after,
      logged,
    );
  }
  // Rule: a number is taken once. Frames no longer held cannot be compared, so they are let go.
  if (!position || epoch > position.epoch) return undefined;
  if (!isOpen(position, sequence) || (arrival !== 'pulled' && sequence <= position.floor)) {
    return ignore('SEQUENCE_CLOSED', `${venue} frame ${sequence} is not awaited.`);
  }
  return undefined;
}

function isAwaited(
  { position, isFollowing }: PastPosition,
  epoch: number,
  sequence: number,
): boolean {
  return epoch === position.epoch
    ? isOpen(position, sequence)
    : isFollowing && epoch > position.epoch;
}

function isOpen(position: FeedPosition, sequence: number): boolean {
  const standing = position.standing(sequence);
  return standing === 'next' || standing === 'ahead' || standing === 'wanted';
}

/** When it was said. */
function judgeTime(frame: Frame, arrival: Arrival, context: JudgeContext): Refused | undefined {
  // Rule: nothing is sent in the future, give or take the allowed skew of clocks.
  if (frame.sentAtMs > context.nowMs + context.maxClockSkewMs) {
    return reject(
      'FRAME_FROM_FUTURE',
      `${frame.venue} frame ${frame.sequence} is from the future.`,
    );
  }
  // Rule: a push is news. Old frames are history, and history is asked for.
  const oldestMs = context.nowMs - context.maxClockSkewMs - context.maxFrameAgeMs;
  if (arrival !== 'pulled' && frame.sentAtMs < oldestMs) {
    return ignore('FRAME_TOO_OLD', `${frame.venue} frame ${frame.sequence} is too old.`);
  }
  return undefined;
}

/** What it says. */
function judgeEntries(logged: LoggedFrame, skippedEntries: number, context: JudgeContext): Verdict {
  const { venue, entries } = logged.frame;
  const unlisted = new Set<InstrumentId>();
  for (const entry of entries) {
    // Rule: a venue speaks of instruments it lists. Directories are read at different blocks, so this
    // leaves out the entry and not the frame: a refused frame would be a gap for no one's fault.
    const instrument = context.listed(venue, entry.instrument);
    if (!instrument) {
      unlisted.add(entry.instrument);
      continue;
    }
    // Rule: entries keep the business rules; a venue that breaks them withdraws what it named.
    const offence = entryOffence(entry, instrument, context.nowMs + context.maxClockSkewMs);
    if (offence) return { verdict: 'reject', ...offence, authentic: logged };
  }
  const kept: LoggedFrame =
    unlisted.size === 0
      ? logged
      : {
          ...logged,
          frame: {
            ...logged.frame,
            entries: entries.filter((entry) => !unlisted.has(entry.instrument)),
          },
        };
  return { verdict: 'accept', logged: kept, unlisted: [...unlisted], skippedEntries };
}

const NO_HASH = new Uint8Array(32);

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function ignore(code: IgnoreCode, message: string): Refused {
  return { verdict: 'ignore', code, message };
}

function reject(code: RejectCode, message: string): Refused {
  return { verdict: 'reject', code, message };
}

function contradiction(
  code: 'EQUIVOCATION' | 'CHAIN_BROKEN',
  message: string,
  held: LoggedFrame | undefined,
  logged: LoggedFrame,
): Refused {
  // The first frame has no predecessor to contradict: its own hash field is wrong by itself.
  return { verdict: 'reject', code, message, contradicts: held ?? logged };
}
