import {
  type DirectorySource,
  decodeOrderMessage,
  decodePlaced,
  decodeSessionPlace,
  isRefusal,
  isStanding,
  isWithin,
  MAX_ORDER_MESSAGE_BYTES,
  type MemberId,
  type OrderMessage,
  placeHash,
  type Refusal,
  refuse,
  type Verifier,
  verifierOf,
  withoutPlace,
} from '@stoa/schema';

/** Version of order messages this node speaks. */
export const ORDER_MESSAGE_VERSION = 2;
/** Numbers within what is signed: what an outbox held when its node began to speak version 2. */
const COUNTED_VERSION = 1;

/** A message that a peer said, at its place in the session. */
export interface CheckedMessage {
  readonly message: OrderMessage;
  /** The SignedOrderMessage without its place: proves what was said, and tells no number. */
  readonly signed: Uint8Array;
}

/** Why bytes from a peer are not a message of the session with it. */
export type SessionRefusalCode =
  | 'SIGNED_MALFORMED'
  | 'MEMBER_UNKNOWN'
  | 'ORDER_MESSAGE_SIGNATURE'
  | 'ORDER_MESSAGE_MALFORMED'
  | 'ORDER_MESSAGE_VERSION'
  | 'ORDER_MESSAGE_MISADDRESSED'
  | 'ORDER_MESSAGE_PLACE'
  | 'ORDER_MESSAGE_NUMBER';

/** What is told anew on every link is not stored, and has no number. */
const UNNUMBERED: ReadonlySet<string> = new Set(['hello', 'acknowledge', 'venue-terms']);
/** With a number it stands where a sender committed nothing under that number. */
const FILLER = 'acknowledge';
const MAX_CACHED_KEYS = 1_000;

/**
 * Judges bytes that came over a member's link. The cheap checks that need no trust come first, then
 * the signature, so that the body's schema only ever sees what a member signed.
 */
export function createMessageCheck(
  self: MemberId,
  directory: DirectorySource,
): (
  from: MemberId,
  bytes: Uint8Array,
  nowMs: number,
) => CheckedMessage | Refusal<SessionRefusalCode> {
  const verifiers = new Map<string, Verifier>();

  function verifierFor(key: string): Verifier {
    const known = verifiers.get(key);
    if (known) return known;
    if (verifiers.size >= MAX_CACHED_KEYS) verifiers.clear();
    const made = verifierOf(key);
    verifiers.set(key, made);
    return made;
  }

  return (from, bytes, nowMs) => {
    const signed = decodePlaced(bytes, MAX_ORDER_MESSAGE_BYTES);
    if (isRefusal(signed)) return signed;

    const member = directory.current().members.get(from);
    if (!member || !isStanding(member)) {
      return refuse('MEMBER_UNKNOWN', `"${from}" is no standing member.`, 'Join the network.');
    }
    const proven = member.nodeKeys.some(
      (window) =>
        isWithin(window, Math.floor(nowMs / 1_000)) &&
        verifierFor(window.key)('order', signed.payload, signed.signature),
    );
    if (!proven) {
      const message = `No node key of "${from}" made this signature.`;
      return refuse('ORDER_MESSAGE_SIGNATURE', message, 'Sign with the registered node key.');
    }

    const decoded = decodeOrderMessage(signed.payload);
    if (isRefusal(decoded)) return decoded;
    const message = placed(decoded, signed.place);
    if (isRefusal(message)) return message;
    // A message is for one session only: one signed for another peer cannot be replayed here.
    if (message.from !== from || message.to !== self) {
      const said = `The message is from "${message.from}" to "${message.to}".`;
      return refuse('ORDER_MESSAGE_MISADDRESSED', said, 'Send it over its own session.');
    }
    const isFiller = message.body.kind === FILLER && message.number > 0;
    if (!isFiller && UNNUMBERED.has(message.body.kind) !== (message.number === 0)) {
      const said = `A ${message.body.kind} cannot have number ${message.number}.`;
      return refuse('ORDER_MESSAGE_NUMBER', said, 'Number what is stored, and only that.');
    }
    return { message, signed: withoutPlace(signed) };
  };
}

/** The message with its numbers, which from version 2 on stand beside what was signed. */
function placed(
  message: OrderMessage,
  place: Uint8Array,
): OrderMessage | Refusal<'ORDER_MESSAGE_VERSION' | 'ORDER_MESSAGE_PLACE'> {
  if (message.version === COUNTED_VERSION) return message;
  if (message.version !== ORDER_MESSAGE_VERSION) {
    const said = `Version ${message.version} is not spoken here.`;
    return refuse('ORDER_MESSAGE_VERSION', said, `Send version ${ORDER_MESSAGE_VERSION}.`);
  }
  const signed = message.placeHash !== undefined && placeHash(place).equals(message.placeHash);
  const found = decodeSessionPlace(place);
  if (!signed || isRefusal(found)) {
    const said = 'The place beside the message is not the one that was signed.';
    return refuse('ORDER_MESSAGE_PLACE', said, 'Send each message with its own place.');
  }
  return { ...message, number: found.number, acknowledged: found.acknowledged };
}
