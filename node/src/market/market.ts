import type {
  DirectorySource,
  FramesRequest,
  Head,
  InstrumentId,
  MemberId,
  VenueId,
  Verifier,
} from '@stoa/schema';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import type { SequenceRange } from './feed-position.ts';
import type { FrameArchive } from './frame-archive.ts';
import { FrameLog } from './frame-log.ts';
import type { FrameGap } from './gap-log.ts';
import { type Arrival, type JudgeContext, judgeFrame, type Verdict } from './judge.ts';
import { judgeProof, type ProofVerdict } from './judge-proof.ts';
import {
  createJudgementRecord,
  type EquivocationProof,
  type JudgementRecord,
} from './judgement-record.ts';
import { indexListings } from './listing-index.ts';
import type { LoggedFrame } from './logged-frame.ts';
import { framesOf, restoreMarket } from './market-memory.ts';
import { MarketState } from './market-state.ts';
import type { MarketView, VenueEvidence } from './market-view.ts';
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
  /** This node's own key, hex. */
  readonly ownKey: string;
  /** Members that can be asked for frames now. */
  peers(): readonly MemberId[];
  /** Asks a member for frames; bounded in time and size, gives SignedFrames unjudged. */
  readonly pull: (
    member: MemberId,
    request: FramesRequest,
    signal: AbortSignal,
  ) => Promise<Uint8Array[]>;
  /** Hears what was decided about each frame, and who brought it. */
  readonly onVerdict?: ((verdict: Verdict, from: MemberId) => void) | undefined;
  /** Frames beyond memory; a gateway has none. */
  readonly archive?: FrameArchive | undefined;
}

/** The verified market of this node, and what feeds it. */
export interface Market extends MarketView {
  /** Judges the bytes of a SignedFrame and takes what is accepted. */
  receive(bytes: Uint8Array, arrival: Arrival, from: MemberId): Verdict;
  /** Takes in what a member says it has. */
  readonly hear: (member: MemberId, heads: readonly Head[]) => void;
  /** What this node has of each venue. */
  readonly heads: () => Head[];
  /** SignedFrames of a range that this node can pass on, in order of their sequence. */
  readonly frames: (range: FramesRequest) => AsyncIterable<Uint8Array>;
  readonly proofs: () => readonly EquivocationProof[];
  /** Frames that were missing between others, the oldest first. */
  readonly gaps: () => readonly FrameGap[];
  /** A frame that was taken and is still in memory. */
  readonly held: (venue: VenueId, epoch: number, sequence: number) => LoggedFrame | undefined;
  /** Judges two SignedFrames that somebody says contradict each other, and keeps what is proven. */
  readonly receiveProof: (first: Uint8Array, second: Uint8Array) => ProofVerdict;
  start(): void;
  stop(): void;
}

/** Composes judge, frame log, feeds, recovery and books. */
export function createMarket(options: MarketOptions, needs: MarketNeeds): Market {
  const { now, logger, archive } = needs;
  const state = new MarketState(options, now());
  const log = new FrameLog({ maxFrames: MAX_LOGGED_FRAMES, maxBytes: MAX_LOGGED_BYTES });
  const record = createJudgementRecord({ ...needs, onProof: (proof) => archive?.keepProof(proof) });
  const countLost = createLossCounter(needs);
  registerFeedGauge(needs.registry, state);
  const running = new AbortController();
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
      state.lose(venue, lost, now());
    }
    state.refresh(venue, now());
  };

  const receive = (bytes: Uint8Array, arrival: Arrival, from: MemberId): Verdict => {
    const verdict = judgeFrame(bytes, arrival, contextOf(state, log, options, needs));
    record.record(verdict, bytes, from);
    needs.onVerdict?.(verdict, from);
    const logged = verdict.verdict === 'accept' ? verdict.logged : authenticOf(verdict);
    if (!logged) return verdict;
    const { venue } = logged.frame;
    const counts = verdict.verdict === 'accept';
    archive?.keep(logged, { receivedAtMs: now(), counts });
    const lost = take({ state, log }, { logged, counts, arrival }, now());
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
    ...viewOf(state, record, now),
    evidence: (instrument) => evidenceOf(state, log, instrument),
    receive,
    hear: (member, heads) => hear(state, recovery, { member, heads }, now()),
    heads: () => headsOf(state, log),
    frames: (range) => framesOf(log, archive, range),
    held: (venue, epoch, sequence) => log.get(venue, epoch, sequence),
    receiveProof: (first, second) =>
      keepProof(judgeProof(first, second, contextOf(state, log, options, needs)), record),
    start() {
      timer = setInterval(() => tick(state, recovery, now()), TICK_MS);
      restoreMarket({ record, state, archive }, { nowMs: now(), signal: running.signal, logger });
    },
    stop() {
      running.abort();
      clearInterval(timer);
      recovery.stop();
      stopFollowing();
    },
  };
}

/** Takes a frame that was judged; returns the frames that were given up for it. */
function take(
  { state, log }: { readonly state: MarketState; readonly log: FrameLog },
  { logged, counts, arrival }: { logged: LoggedFrame; counts: boolean; arrival: Arrival },
  nowMs: number,
): SequenceRange | undefined {
  if (state.isPast(logged.frame)) {
    // A hole in what is over takes nothing out of the running market, and memory holds that alone.
    state.takePast(logged.frame, counts, nowMs);
    return undefined;
  }
  log.add(logged);
  if (!counts) return state.takeWrong(logged, arrival, nowMs);
  // What it said is in the books by now: their proof of it are its bytes.
  const kept: LoggedFrame = { ...logged, frame: { ...logged.frame, entries: [] } };
  return state.take(logged, arrival, nowMs, kept);
}

function keepProof(verdict: ProofVerdict, record: JudgementRecord): ProofVerdict {
  if (verdict.verdict === 'accept') record.addProof(verdict.proof);
  return verdict;
}

function evidenceOf(state: MarketState, log: FrameLog, instrument: InstrumentId): VenueEvidence[] {
  return state.evidence(instrument).map((evidence) => {
    const position = state.feeds.position(evidence.venue);
    const latest = position && log.get(evidence.venue, position.epoch, position.highest);
    return { ...evidence, latest };
  });
}

function viewOf(
  state: MarketState,
  record: JudgementRecord,
  now: () => number,
): Omit<MarketView, 'evidence'> & Pick<Market, 'gaps'> {
  return {
    book: (instrument) => state.book(instrument, now()),
    feeds: () => state.index.venues.map((venue) => state.feeds.view(venue)),
    lastTrade: (instrument) => state.lastTrade(instrument),
    statistics: (instrument) => state.statistics(instrument, now()),
    proofs: () => record.proofs(),
    gaps: () => state.feeds.gaps(),
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
    ownKey: needs.ownKey,
    listed: (venue, instrument) => state.index.listed(venue, instrument),
    position: (venue) => state.feeds.position(venue),
    past: (venue) => state.feeds.past(venue),
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

function createLossCounter({
  registry,
  logger,
}: Pick<MarketNeeds, 'registry' | 'logger'>): (venue: VenueId, lost: SequenceRange) => void {
  const counter = new Counter({
    name: 'stoa_frames_lost_total',
    help: 'Frames that were missing and that nobody could give.',
    labelNames: ['venue'],
    registers: [registry],
  });
  return (venue, lost) => {
    counter.inc({ venue }, lost.to - lost.from + 1);
    logger.error({ venue, ...lost }, 'frames are lost: nobody had them');
  };
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
