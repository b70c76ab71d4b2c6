import type {
  DirectorySource,
  FramesRequest,
  Head,
  MemberId,
  VenueId,
  Verifier,
} from '@stoa/schema';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import type { SequenceRange } from './feed-position.ts';
import { FrameLog } from './frame-log.ts';
import { type Arrival, type JudgeContext, judgeFrame, type Verdict } from './judge.ts';
import { createJudgementRecord, type EquivocationProof } from './judgement-record.ts';
import { indexListings } from './listing-index.ts';
import { MarketState } from './market-state.ts';
import type { MarketView } from './market-view.ts';
import { createRecovery, type Recovery } from './recovery.ts';
import { watchLatest } from './watch-latest.ts';

const TICK_MS = 100;
const GIVE_UP_AFTER_MS = 3_000;
const MAX_LOGGED_FRAMES = 4_096;
const MAX_LOGGED_BYTES = 16 * 1_048_576;

export interface MarketOptions {
  /** Without a frame for so long, a venue's quotes leave the CBBO. */
  readonly staleAfterMs: number;
  readonly maxClockSkewMs: number;
}

export interface MarketNeeds {
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly verifier: (publicKey: string) => Verifier;
  /** Members that can be asked for frames now. */
  peers(): readonly MemberId[];
  /** Asks a member for frames; bounded in time and size, gives SignedFrames unjudged. */
  readonly pull: (
    member: MemberId,
    request: FramesRequest,
    signal: AbortSignal,
  ) => Promise<Uint8Array[]>;
}

/** The verified market of this node, and what feeds it. */
export interface Market extends MarketView {
  /** Judges the bytes of a SignedFrame and takes what is accepted. */
  receive(bytes: Uint8Array, arrival: Arrival, from: MemberId): Verdict;
  /** Takes in what a member says it has. */
  readonly hear: (member: MemberId, heads: readonly Head[]) => void;
  /** What this node has of each venue. */
  readonly heads: () => Head[];
  /** SignedFrames of a range that this node can pass on. */
  readonly frames: (range: FramesRequest) => Iterable<Uint8Array>;
  /** Contradictions that venues have signed. */
  readonly proofs: () => readonly EquivocationProof[];
  start(): void;
  stop(): void;
}

/** Composes judge, frame log, feeds, recovery and books. */
export function createMarket(options: MarketOptions, needs: MarketNeeds): Market {
  const { now, logger } = needs;
  const state = new MarketState(options);
  const log = new FrameLog({ maxFrames: MAX_LOGGED_FRAMES, maxBytes: MAX_LOGGED_BYTES });
  const record = createJudgementRecord(needs);
  const countLost = createLossCounter(needs.registry);
  registerFeedGauge(needs.registry, state);
  let timer: NodeJS.Timeout | undefined;

  const followDirectory = (): void => {
    const gone = state.setIndex(indexListings(needs.directory.current()), now());
    for (const venue of gone) log.drop(venue);
  };
  followDirectory();
  const stopFollowing = needs.directory.onChange(followDirectory);

  const lose = (venue: VenueId, lost: SequenceRange | undefined): void => {
    if (lost) {
      countLost(venue, lost);
      logger.error({ venue, ...lost }, 'frames are lost: nobody had them');
      state.lose(venue, lost, now());
    }
    state.refresh(venue, now());
  };

  const receive = (bytes: Uint8Array, arrival: Arrival, from: MemberId): Verdict => {
    const verdict = judgeFrame(bytes, arrival, contextOf(state, log, options, needs));
    record.record(verdict, bytes, from);
    const logged = verdict.verdict === 'accept' ? verdict.logged : authenticOf(verdict);
    if (!logged) return verdict;
    const { venue } = logged.frame;
    log.add(logged);
    const lost =
      verdict.verdict === 'accept'
        ? state.take(logged, arrival, now())
        : state.takeWrong(logged, arrival, now());
    if (lost) lose(venue, lost);
    if (state.feeds.miss(venue)) recovery.kick(venue);
    return verdict;
  };

  const recovery = createRecovery(
    { giveUpAfterMs: GIVE_UP_AFTER_MS },
    {
      logger,
      miss: (venue) => state.feeds.miss(venue),
      announcers: (venue) => state.feeds.announcers(venue),
      providers: (venue) => providersOf(venue, state.feeds.announcers(venue), needs.peers()),
      pull: needs.pull,
      receive: (bytes, from) => receive(bytes, 'pulled', from),
      giveUp: (venue, miss) => lose(venue, state.feeds.giveUp(venue, miss)),
    },
  );

  return {
    ...viewOf(state, now),
    receive,
    hear: (member, heads) => hear(state, recovery, { member, heads }, now()),
    heads: () => headsOf(state, log),
    frames: (range) => log.range(range),
    proofs: () => record.proofs(),
    start() {
      timer = setInterval(() => tick(state, recovery, now()), TICK_MS);
    },
    stop() {
      clearInterval(timer);
      recovery.stop();
      stopFollowing();
    },
  };
}

function viewOf(state: MarketState, now: () => number): MarketView {
  return {
    book: (instrument) => state.book(instrument, now()),
    feeds: () => state.index.venues.map((venue) => state.feeds.view(venue)),
    lastTrade: (instrument) => state.lastTrade(instrument),
    watch: (instrument, signal) =>
      watchLatest(
        () => state.book(instrument, now()),
        (onChange) => state.subscribe(instrument, onChange),
        signal,
      ),
  };
}

/** What changes with time alone. */
function tick(state: MarketState, recovery: Recovery, nowMs: number): void {
  for (const venue of state.feeds.venues()) {
    state.refresh(venue, nowMs);
    if (state.feeds.miss(venue)) recovery.kick(venue);
  }
  state.expire(nowMs);
}

function hear(
  state: MarketState,
  recovery: Recovery,
  said: { readonly member: MemberId; readonly heads: readonly Head[] },
  nowMs: number,
): void {
  for (const head of said.heads) {
    if (!state.index.venues.includes(head.venue)) continue;
    if (!recovery.believes(said.member, head.venue)) continue;
    if (state.feeds.announce(said.member, head, nowMs)) recovery.kick(head.venue);
  }
}

function contextOf(
  state: MarketState,
  log: FrameLog,
  options: MarketOptions,
  needs: MarketNeeds,
): JudgeContext {
  return {
    nowMs: needs.now(),
    maxClockSkewMs: options.maxClockSkewMs,
    maxFrameAgeMs: options.staleAfterMs,
    member: (id) => state.index.member(id),
    verifier: needs.verifier,
    listed: (venue, instrument) => state.index.listed(venue, instrument),
    position: (venue) => state.feeds.position(venue),
    held: (venue, epoch, sequence) => log.get(venue, epoch, sequence),
  };
}

function authenticOf(verdict: Verdict) {
  return verdict.verdict === 'reject' ? verdict.authentic : undefined;
}

/** The venue itself knows best, then those who say they have more than we do, then anybody. */
function providersOf(
  venue: VenueId,
  announcers: readonly MemberId[],
  peers: readonly MemberId[],
): MemberId[] {
  const connected = new Set(peers);
  const inOrder = [venue, ...announcers, ...peers];
  return [...new Set(inOrder)].filter((member) => connected.has(member));
}

function headsOf(state: MarketState, log: FrameLog): Head[] {
  const heads: Head[] = [];
  for (const venue of state.feeds.venues()) {
    const position = state.feeds.position(venue);
    const logged = position && log.get(venue, position.epoch, position.floor);
    if (!logged) continue;
    const { epoch, sequence } = logged.frame;
    heads.push({ venue, epoch, sequence, hash: logged.hash });
  }
  return heads;
}

function createLossCounter(registry: Registry): (venue: VenueId, lost: SequenceRange) => void {
  const counter = new Counter({
    name: 'stoa_frames_lost_total',
    help: 'Frames that were missing and that nobody could give.',
    labelNames: ['venue'],
    registers: [registry],
  });
  return (venue, lost) => counter.inc({ venue }, lost.to - lost.from + 1);
}

function registerFeedGauge(registry: Registry, state: MarketState): void {
  new Gauge({
    name: 'stoa_feed_state',
    help: 'State of each venue in the quotes of this node: 1 for the state that holds.',
    labelNames: ['venue', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const venue of state.index.venues)
        this.set({ venue, state: state.feeds.state(venue) }, 1);
    },
  });
}
