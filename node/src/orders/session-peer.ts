import type { MemberId } from '@stoa/schema';
import type { WrittenMessage } from './session-store.ts';

/** Where the session with one other member stands, as this process knows it. */
export interface SessionPeer {
  readonly member: MemberId;
  up: boolean;
  /** The peer has said, over this link, how far it has our messages. */
  heard: boolean;
  /** Highest number recorded. */
  received: number;
  /** Highest number taken in, recorded or about to be. */
  taken: number;
  /**
   * By how much the peer's clock is behind ours, as far as this link showed: the least of what its
   * unstored messages, which are signed as they leave, seemed to take.
   */
  behindMs: number | undefined;
  sent: number;
  acknowledged: number;
  /** Highest number handed to the link since the last look back. */
  cursor: number;
  pruned: number;
  /** Committed messages may have no number yet. */
  waiting: boolean;
  /** The messages that wait, where this process wrote them; undefined where the store knows better. */
  written: WrittenMessage[] | undefined;
  owed: number;
  progressAtMs: number;
  helloAtMs: number;
  prunedAtMs: number;
  pumping: Promise<void> | undefined;
}

/** A session in which nothing was said yet. */
export function newPeer(member: MemberId): SessionPeer {
  return {
    member,
    up: false,
    heard: false,
    received: 0,
    taken: 0,
    behindMs: undefined,
    sent: 0,
    acknowledged: 0,
    cursor: 0,
    pruned: 0,
    waiting: false,
    written: undefined,
    owed: 0,
    progressAtMs: 0,
    helloAtMs: 0,
    prunedAtMs: 0,
    pumping: undefined,
  };
}
