import type { MemberId } from '@stoa/schema';
import type { NumberedMessage } from './session-store.ts';

/** Where the session with one other member stands, as this process knows it. */
export interface SessionPeer {
  readonly member: MemberId;
  up: boolean;
  /** The peer has said, over this link, how far it has our messages. */
  heard: boolean;
  /** When it last said anything that was its own, in Unix milliseconds. */
  heardAtMs: number | undefined;
  /** Highest number recorded. */
  received: number;
  /** Highest number taken in, recorded or about to be. */
  taken: number;
  /**
   * By how much the peer's clock is behind ours, as far as this link showed: the least of what its
   * unstored messages, which are signed as they leave, seemed to take.
   */
  behindMs: number | undefined;
  /** Highest number given to a message; its transaction may still run. */
  given: number;
  /** Highest number up to which every message is committed: these can be sent. */
  sent: number;
  /** Committed behind one that is not. */
  readonly early: Map<number, Uint8Array>;
  /** Numbers whose transaction came to nothing, as far as is known: they are to be filled. */
  readonly gaps: Set<number>;
  filling: boolean;
  /** What was committed last, as long as it is not much: it need not be read to be sent. */
  fresh: NumberedMessage[];
  acknowledged: number;
  /** Highest number handed to the link since the last look back. */
  cursor: number;
  pruned: number;
  owed: number;
  progressAtMs: number;
  helloAtMs: number;
  prunedAtMs: number;
  pumping: Promise<void> | undefined;
  /** There may be more to be sent than the pump has seen. */
  again: boolean;
}

/** Messages that are kept to be sent, at most; more are read when their turn comes. */
const MOST_FRESH = 128;

/** Notes that a message was committed: it, and what waited for it, can be sent. */
export function noteCommitted(peer: SessionPeer, { number, message }: NumberedMessage): void {
  if (number <= peer.sent) return;
  peer.early.set(number, message);
  for (;;) {
    const next = peer.early.get(peer.sent + 1);
    if (next === undefined) return;
    peer.sent += 1;
    peer.early.delete(peer.sent);
    if (peer.fresh.length >= MOST_FRESH) peer.fresh = [];
    peer.fresh.push({ number: peer.sent, message: next });
  }
}

/** Where a session stands, for an operator. */
export interface SessionStanding
  extends Pick<SessionPeer, 'member' | 'sent' | 'acknowledged' | 'received' | 'heardAtMs'> {
  /** No link; a link over which the peer has not said how far it is; both ways. */
  readonly state: 'down' | 'connecting' | 'up';
}

/** What is told of a session. */
export function standingOf(peer: SessionPeer): SessionStanding {
  const { member, sent, acknowledged, received, heardAtMs } = peer;
  const linked = peer.heard ? 'up' : 'connecting';
  return { member, sent, acknowledged, received, heardAtMs, state: peer.up ? linked : 'down' };
}

/** A session in which nothing was said yet. */
export function newPeer(member: MemberId): SessionPeer {
  return {
    member,
    up: false,
    heard: false,
    heardAtMs: undefined,
    received: 0,
    taken: 0,
    behindMs: undefined,
    given: 0,
    sent: 0,
    early: new Map(),
    gaps: new Set(),
    filling: false,
    fresh: [],
    acknowledged: 0,
    cursor: 0,
    pruned: 0,
    owed: 0,
    progressAtMs: 0,
    helloAtMs: 0,
    prunedAtMs: 0,
    pumping: undefined,
    again: false,
  };
}
