import {
  type Frame,
  type Head,
  MAX_ANSWER_FRAMES,
  type MemberId,
  type VenueId,
} from '@stoa/schema';
import { FeedPosition, type PastPosition, type SequenceRange } from './feed-position.ts';
import { type FrameGap, GapLog } from './gap-log.ts';
import type { Arrival } from './judge.ts';
import { quoteStateOf } from './liveness.ts';
import type { LoggedFrame } from './logged-frame.ts';
import type { QuoteState, VenueFeed } from './market-view.ts';
import type { Miss } from './recovery.ts';

/** How long a venue's own head may be ahead of us before its quotes count as degraded. */
const HEAD_PATIENCE_MS = 250;

/** Where the feed of one venue stands at this node. */
interface Feed {
  position: FeedPosition | undefined;
  /** The earlier epoch whose last frames are still asked for: their trades stand. */
  past: FeedPosition | undefined;
  /** Nobody has more of it, so that the epoch after it is asked for, up to the running one. */
  isFollowing: boolean;
  lastFreshMs: number | undefined;
  /** The highest that members say they have. */
  announced: { epoch: number; sequence: number } | undefined;
  announcers: Set<MemberId>;
  /** Since when the venue itself says that it is ahead of us. */
  behindSinceMs: number | undefined;
  state: QuoteState;
  sinceMs: number | undefined;
  /** Frames that were given up: somebody withholds them, or they were lost. */
  lostFrames: number;
}

/** What taking a frame did. */
export interface Taken {
  /** The venue's node started again: what it said before is void. */
  readonly isNewEpoch: boolean;
  /** Frames that were given up for it. */
  readonly lost: SequenceRange | undefined;
}

export interface FeedTableOptions {
  readonly staleAfterMs: number;
  readonly maxClockSkewMs: number;
}

/** The feeds of all venues: what was taken, what is missing, and the state that follows. Clock-free. */
export class FeedTable {
  readonly #options: FeedTableOptions;
  readonly #feeds = new Map<VenueId, Feed>();
  readonly #gaps = new GapLog();

  constructor(options: FeedTableOptions) {
    this.#options = options;
  }

  position(venue: VenueId): FeedPosition | undefined {
    return this.#feeds.get(venue)?.position;
  }

  /** Where this node stands in an earlier epoch, while it still asks for frames of it. */
  past(venue: VenueId): PastPosition | undefined {
    const feed = this.#feeds.get(venue);
    return feed?.past && { position: feed.past, isFollowing: feed.isFollowing };
  }

  /** Takes the number of a frame of an earlier epoch, which was asked for. */
  takePast({ venue, epoch, sequence }: Frame): void {
    const feed = this.#feed(venue);
    if (!feed.past) return;
    if (epoch === feed.past.epoch) feed.past.take(sequence);
    else {
      feed.past = new FeedPosition(epoch, sequence, 0);
      feed.isFollowing = false;
    }
  }

  /**
   * Goes on where this node stood before it was stopped: what its venue said since is asked for, of
   * that epoch and of all up to the running one.
   */
  resume({ venue, epoch, sequence }: Omit<Head, 'hash'>): void {
    const feed = this.#feed(venue);
    const known = feed.position;
    if (known?.epoch === epoch) known.wantSince(sequence + 1);
    else if (!known || epoch < known.epoch) feed.past ??= new FeedPosition(epoch, sequence, 0);
  }

  state(venue: VenueId): QuoteState {
    return this.#feeds.get(venue)?.state ?? 'silent';
  }

  view(venue: VenueId): VenueFeed {
    const feed = this.#feeds.get(venue);
    return {
      venue,
      state: feed?.state ?? 'silent',
      sinceMs: feed?.sinceMs,
      epoch: feed?.position?.epoch,
      lastSequence: feed?.position?.highest,
      lostFrames: feed?.lostFrames ?? 0,
    };
  }

  venues(): VenueId[] {
    return [...this.#feeds.keys()];
  }

  /** Takes a frame that the judge accepted. */
  take({ frame }: LoggedFrame, arrival: Arrival, nowMs: number): Taken {
    const feed = this.#feed(frame.venue);
    // A replay of genuine old frames must not pass for a venue that lives.
    const oldestFreshMs = nowMs - this.#options.staleAfterMs - this.#options.maxClockSkewMs;
    if (frame.sentAtMs >= oldestFreshMs) feed.lastFreshMs = nowMs;
    const isNewEpoch = feed.position?.epoch !== frame.epoch;
    let lost: SequenceRange | undefined;
    if (feed.position && !isNewEpoch) lost = feed.position.take(frame.sequence);
    else {
      // What was pulled was asked for with its history; else one answer's worth holds the latest trades.
      const history = arrival === 'pulled' ? 0 : MAX_ANSWER_FRAMES;
      feed.past ??= feed.position;
      feed.position = new FeedPosition(frame.epoch, frame.sequence, history);
      if (feed.past?.epoch === frame.epoch) {
        feed.position.wantSince(feed.past.highest + 1);
        feed.past = undefined;
      }
    }
    if (!isAhead(feed.announced, feed.position)) {
      feed.announced = undefined;
      feed.announcers.clear();
      feed.behindSinceMs = undefined;
    }
    return { isNewEpoch, lost };
  }

  /** Notes what a member says it has; true when that is more than this node has. */
  announce(member: MemberId, head: Head, nowMs: number): boolean {
    const feed = this.#feed(head.venue);
    if (head.epoch > nowMs + this.#options.maxClockSkewMs) return false;
    if (!isAhead(head, feed.position)) return false;
    const isHigher =
      !feed.announced ||
      head.epoch > feed.announced.epoch ||
      (head.epoch === feed.announced.epoch && head.sequence > feed.announced.sequence);
    if (isHigher) feed.announced = { epoch: head.epoch, sequence: head.sequence };
    feed.announcers.add(member);
    // Anybody else may be lying: hearsay makes this node ask, and never takes a venue out.
    if (member === head.venue) feed.behindSinceMs ??= nowMs;
    return true;
  }

  announcers(venue: VenueId): MemberId[] {
    return [...(this.#feeds.get(venue)?.announcers ?? [])];
  }

  /** What to ask for next: a gap, then what was announced, then history, then the epoch before. */
  miss(venue: VenueId): Miss | undefined {
    const feed = this.#feeds.get(venue);
    if (!feed) return undefined;
    const { position, announced } = feed;
    const gap = position?.gap();
    if (position && gap) return { kind: 'gap', venue, epoch: position.epoch, ...gap };
    if (announced && isAhead(announced, position)) {
      const { epoch, sequence: to } = announced;
      const isKnownEpoch = position?.epoch === epoch;
      const from = isKnownEpoch ? position.highest + 1 : Math.max(1, to - MAX_ANSWER_FRAMES + 1);
      return { kind: 'announced', venue, epoch, from, to };
    }
    const history = position?.history();
    if (position && history) return { kind: 'history', venue, epoch: position.epoch, ...history };
    if (feed.past && position) {
      const { isFollowing: following } = feed;
      const from = following ? 1 : feed.past.floor + 1;
      const to = from + MAX_ANSWER_FRAMES - 1;
      return { kind: 'past', venue, epoch: feed.past.epoch, from, to, following };
    }
    return undefined;
  }

  /** Stops asking for something nobody has; returns the frames that are lost by it. */
  giveUp(venue: VenueId, miss: Miss): SequenceRange | undefined {
    const feed = this.#feed(venue);
    if (miss.kind === 'gap') return feed.position?.giveUpGap();
    if (miss.kind === 'history') feed.position?.giveUpHistory();
    else if (miss.kind === 'past') {
      if (miss.following) feed.past = undefined;
      feed.isFollowing = !miss.following;
    } else {
      feed.announced = undefined;
      feed.announcers.clear();
      feed.behindSinceMs = undefined;
    }
    return undefined;
  }

  /** Works out the state of a venue's quotes; true when it is another one than before. */
  refresh(venue: VenueId, nowMs: number): boolean {
    const feed = this.#feeds.get(venue);
    if (!feed) return false;
    if (feed.position) this.#gaps.look(venue, feed.position, nowMs);
    const isBehind =
      feed.behindSinceMs !== undefined && nowMs - feed.behindSinceMs > HEAD_PATIENCE_MS;
    const state = quoteStateOf(
      {
        lastFreshMs: feed.lastFreshMs,
        isMissingFrames: isBehind || (feed.position?.hasGap ?? false),
      },
      nowMs,
      this.#options.staleAfterMs,
    );
    if (state === feed.state) return false;
    feed.state = state;
    feed.sinceMs = nowMs;
    return true;
  }

  /** Notes frames that nobody had. */
  countLost(venue: VenueId, lost: SequenceRange): void {
    const frames = lost.to - lost.from + 1;
    this.#feed(venue).lostFrames += frames;
    this.#gaps.lose(venue, frames);
  }

  /** What was missed between frames, the oldest first. */
  gaps(): readonly FrameGap[] {
    return this.#gaps.list();
  }

  /** Forgets a venue that left the network. */
  drop(venue: VenueId, nowMs: number): void {
    this.#feeds.delete(venue);
    this.#gaps.drop(venue, nowMs);
  }

  #feed(venue: VenueId): Feed {
    const known = this.#feeds.get(venue);
    if (known) return known;
    const feed: Feed = {
      position: undefined,
      past: undefined,
      isFollowing: false,
      lastFreshMs: undefined,
      announced: undefined,
      announcers: new Set(),
      behindSinceMs: undefined,
      state: 'silent',
      sinceMs: undefined,
      lostFrames: 0,
    };
    this.#feeds.set(venue, feed);
    return feed;
  }
}

function isAhead(
  head: { readonly epoch: number; readonly sequence: number } | undefined,
  position: FeedPosition | undefined,
): boolean {
  if (!head) return false;
  if (!position || head.epoch > position.epoch) return true;
  return head.epoch === position.epoch && head.sequence > position.highest;
}
