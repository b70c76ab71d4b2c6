import type { VenueEvent, VenueMarketEvent } from '@stoa/adapters';
import {
  type BookEntry,
  type DirectorySource,
  type Entry,
  encodeFrame,
  type InstrumentId,
  type Level,
  MAX_ENTRIES,
  type NodeKey,
  payloadHash,
  type SignedBytes,
  type StatusEntry,
  type TradeEntry,
  type VenueId,
  WIRE_VERSION,
} from '@stoa/schema';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import { entryOffence } from './judge-entry.ts';
import { indexListings, type ListingIndex } from './listing-index.ts';

/** So many frames a millisecond go on; what comes faster shares frames, and their signatures. */
const FRAMES_PER_MS = 2;
/** So many frames may go at once after a quiet moment. */
const MAX_ALLOWANCE = 8;
/** A frame of so many entries counts as one more: under load frames are few and full. */
const ENTRIES_PER_FRAME = 16;
/** However much was sent, the next frame waits no longer than until this is made up for. */
const MIN_ALLOWANCE = -4;
/** Above this a frame takes longer to encrypt and send than it saves in signatures. */
const MAX_PAYLOAD_BYTES = 16_384;
const MAX_REASON_BYTES = 200;

export interface PublisherOptions {
  readonly venue: VenueId;
  readonly nodeKey: NodeKey;
  /** Unix milliseconds of this node's start: what was said before it is void. */
  readonly epoch: number;
  readonly heartbeatMs: number;
  readonly staleAfterMs: number;
  /** Whether the venue's quotes are firm; indicative ones are shown and never routed to. */
  readonly firm: boolean;
}

export interface PublisherNeeds {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Unix milliseconds. */
  now(): number;
  /** Says what this venue lists, and under which terms. */
  readonly directory: DirectorySource;
  /** Sends a frame to this node's own judge and to every peer. */
  broadcast(signed: SignedBytes): void;
}

/** What the venue says that everybody hears: its market, and what became of trades it had printed. */
export type PublishedEvent =
  | VenueMarketEvent
  | Extract<VenueEvent, { kind: 'busted' | 'corrected' }>;

/** Turns what the venue says into signed frames. */
export interface Publisher {
  /** Takes market events in; they leave in the next frame, within a tick when it is quiet. */
  deliver(events: readonly PublishedEvent[]): void;
  start(): void;
  /** Ends; what is queued leaves in a last frame. */
  stop(): void;
}

type Signer = (entries: readonly Entry[]) => void;

/**
 * Builds the publisher. BOOK entries are conflated to the latest, because each is whole; trades and
 * status changes never are. Each heartbeat says again what was not said of late: that keeps quotes
 * valid, and gives a late joiner the whole market within two heartbeats.
 */
export function createPublisher(options: PublisherOptions, needs: PublisherNeeds): Publisher {
  const state = new VenueState(options, needs);
  const stopFollowing = needs.directory.onChange((directory) => {
    state.index = indexListings(directory);
  });
  const sign = createSigner(options, needs);
  const pace = createPace();
  let scheduled: { cancel(): void } | undefined;
  let heartbeat: NodeJS.Timeout | undefined;

  const flush = (): void => {
    scheduled?.cancel();
    scheduled = undefined;
    for (const entries of cut(state.takeChanges())) {
      pace.spend(entries.length, performance.now());
      sign(entries);
    }
  };
  const schedule = (): void => {
    if (scheduled || !heartbeat) return;
    const waitMs = pace.waitMs(performance.now());
    if (waitMs <= 0) {
      const immediate = setImmediate(flush);
      scheduled = { cancel: () => clearImmediate(immediate) };
    } else {
      const timer = setTimeout(flush, waitMs);
      scheduled = { cancel: () => clearTimeout(timer) };
    }
  };
  const beat = (): void => {
    state.markAll();
    const frames = cut(state.takeChanges());
    // A venue that has nothing to show says at least that it is there.
    if (frames.length === 0) sign([]);
    for (const entries of frames) sign(entries);
  };

  return {
    deliver(events) {
      for (const event of events) state.apply(event);
      if (state.hasChanges) schedule();
    },
    start() {
      heartbeat = setInterval(beat, options.heartbeatMs);
      beat();
    },
    stop() {
      if (!heartbeat) return;
      clearInterval(heartbeat);
      heartbeat = undefined;
      stopFollowing();
      if (state.hasChanges) flush();
      scheduled?.cancel();
    },
  };
}

/**
 * When the next frame may go: at once while the venue is quiet. Each frame costs every peer a
 * signature check, so that a busy venue's frames wait for company, for about two milliseconds.
 */
function createPace() {
  let allowance = MAX_ALLOWANCE;
  let atMs = performance.now();
  const refill = (nowMs: number): void => {
    allowance = Math.min(MAX_ALLOWANCE, allowance + (nowMs - atMs) * FRAMES_PER_MS);
    atMs = nowMs;
  };
  return {
    spend(entries: number, nowMs: number): void {
      refill(nowMs);
      allowance = Math.max(MIN_ALLOWANCE, allowance - 1 - entries / ENTRIES_PER_FRAME);
    },
    waitMs(nowMs: number): number {
      refill(nowMs);
      return (1 - allowance) / FRAMES_PER_MS;
    },
  };
}

/** What the venue shows now, and what of it was not published yet. */
class VenueState {
  readonly #options: PublisherOptions;
  readonly #needs: PublisherNeeds;
  readonly #books = new Map<InstrumentId, Pick<BookEntry, 'bids' | 'offers'>>();
  readonly #statuses = new Map<InstrumentId, StatusEntry>();
  readonly #changedBooks = new Set<InstrumentId>();
  /** When each book was last said, by a clock that is never set. */
  readonly #saidAtMs = new Map<InstrumentId, number>();
  /** In the order they happened; emptied at every flush. */
  #lasting: (TradeEntry | StatusEntry)[] = [];
  readonly #refused: Counter;
  index: ListingIndex;

  constructor(options: PublisherOptions, needs: PublisherNeeds) {
    this.index = indexListings(needs.directory.current());
    this.#options = options;
    this.#needs = needs;
    this.#refused = new Counter({
      name: 'stoa_venue_events_unpublished_total',
      help: 'What the venue said and this node could not publish.',
      labelNames: ['code'],
      registers: [needs.registry],
    });
  }

  get hasChanges(): boolean {
    return this.#changedBooks.size > 0 || this.#lasting.length > 0;
  }

  apply(event: PublishedEvent): void {
    switch (event.kind) {
      case 'book': {
        const { instrument, bids, offers } = event;
        this.#books.set(instrument, { bids, offers });
        this.#changedBooks.add(instrument);
        return;
      }
      case 'print': {
        const { kind: _print, ...print } = event;
        this.#lasting.push({ kind: 'trade', action: 'print', ...print });
        return;
      }
      case 'busted': {
        const { instrument, executionId } = event;
        const undone = { instrument, executionId, price: 0, quantity: 0, executedAtMs: 0 };
        this.#lasting.push({ kind: 'trade', action: 'bust', ...undone });
        return;
      }
      case 'corrected': {
        const { instrument, executionId, price, quantity, executedAtMs } = event.execution;
        const corrected = { instrument, executionId, price, quantity, executedAtMs };
        this.#lasting.push({ kind: 'trade', action: 'correct', ...corrected });
        return;
      }
      case 'trading-status': {
        const { instrument, state } = event;
        const reason = cutText(event.reason);
        const status = { kind: 'status', instrument, state, authority: 'venue', reason } as const;
        // Trading is what everybody takes for granted who has never heard of a halt.
        if (state === 'halted' || this.#statuses.has(instrument)) {
          this.#statuses.set(instrument, status);
        }
        this.#lasting.push(status);
        return;
      }
      case 'link':
        // Books mean nothing while the venue cannot be reached; it sends them anew when it can.
        if (DOWN_STATES.has(event.state)) this.#empty();
    }
  }

  /** Everything is to be said again, but for books that were said within half a heartbeat. */
  markAll(): void {
    // A busy venue says its books all the time: to repeat them all at once would only hold it up.
    const recentMs = performance.now() - this.#options.heartbeatMs / 2;
    for (const instrument of this.#books.keys()) {
      const saidAtMs = this.#saidAtMs.get(instrument) ?? Number.NEGATIVE_INFINITY;
      if (saidAtMs <= recentMs) this.#changedBooks.add(instrument);
    }
    const pending = new Set(this.#lasting.filter(isStatus).map((entry) => entry.instrument));
    for (const [instrument, status] of this.#statuses) {
      if (!pending.has(instrument)) this.#lasting.push(status);
    }
  }

  /** What changed since the last call, as entries that keep the rules of the wire. */
  takeChanges(): Entry[] {
    const nowMs = this.#needs.now();
    const entries: Entry[] = [...this.#lasting];
    const said = new Set(this.#lasting.filter(isStatus).map((entry) => entry.instrument));
    for (const instrument of this.#changedBooks) {
      const status = this.#statuses.get(instrument);
      // Whoever hears of a halted book for the first time must hear of the halt with it.
      if (status?.state === 'halted' && !said.has(instrument)) entries.push(status);
      entries.push(this.#bookEntry(instrument, nowMs));
    }
    this.#lasting = [];
    this.#changedBooks.clear();
    return entries.flatMap((entry) => this.#lawful(entry, nowMs));
  }

  #bookEntry(instrument: InstrumentId, nowMs: number): BookEntry {
    const { bids = [], offers = [] } = this.#books.get(instrument) ?? {};
    this.#saidAtMs.set(instrument, performance.now());
    return {
      kind: 'book',
      instrument,
      firm: this.#options.firm,
      // Two missed heartbeats do not take a venue's quotes out; its silence does.
      validUntilMs: nowMs + 2 * this.#options.staleAfterMs,
      bids,
      offers,
    };
  }

  #empty(): void {
    for (const instrument of this.#books.keys()) {
      this.#books.set(instrument, { bids: [], offers: [] });
      this.#changedBooks.add(instrument);
    }
  }

  /** The entry, if peers would accept it: a frame they refuse would take the venue out everywhere. */
  #lawful(entry: Entry, nowMs: number): Entry[] {
    const instrument = this.index.listed(this.#options.venue, entry.instrument);
    const offence = instrument
      ? entryOffence(entry, instrument, nowMs)
      : { code: 'INSTRUMENT_NOT_LISTED', message: `${entry.instrument} is not listed here.` };
    if (!offence) return [entry];
    this.#refused.inc({ code: offence.code });
    this.#needs.logger.debug(
      { code: offence.code, reason: offence.message },
      'entry not published',
    );
    // An outdated book must not stand in place of one that cannot be said.
    return entry.kind === 'book' && instrument ? [{ ...entry, bids: [], offers: [] }] : [];
  }
}

const DOWN_STATES: ReadonlySet<string> = new Set([
  'stopped',
  'connecting',
  'authenticating',
  'recovering',
]);

function isStatus(entry: Entry): entry is StatusEntry {
  return entry.kind === 'status';
}

/** Numbers, chains, signs and sends frames. */
function createSigner(options: PublisherOptions, needs: PublisherNeeds): Signer {
  const published = new Histogram({
    name: 'stoa_published_frame_entries',
    help: 'Entries in each frame this node published.',
    buckets: [0, 1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers: [needs.registry],
  });
  let sequence = 0;
  let previousHash: Uint8Array = new Uint8Array(32);
  return (entries) => {
    sequence += 1;
    const payload = encodeFrame({
      version: WIRE_VERSION,
      venue: options.venue,
      epoch: options.epoch,
      sequence,
      sentAtMs: needs.now(),
      previousHash,
      entries,
    });
    previousHash = payloadHash(payload);
    published.observe(entries.length);
    needs.broadcast({ payload, signature: options.nodeKey.sign('frame', payload) });
  };
}

/** Cuts entries into frames of bounded size, in their order. */
function cut(entries: readonly Entry[]): Entry[][] {
  const frames: Entry[][] = [];
  let frame: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = maxEncodedBytes(entry);
    if (frame.length > 0 && (bytes + size > MAX_PAYLOAD_BYTES || frame.length >= MAX_ENTRIES)) {
      frames.push(frame);
      frame = [];
      bytes = 0;
    }
    frame.push(entry);
    bytes += size;
  }
  if (frame.length > 0) frames.push(frame);
  return frames;
}

/** An upper bound, and a close one: the instrument's name is counted every time. */
function maxEncodedBytes(entry: Entry): number {
  const fixed = 48 + entry.instrument.length;
  if (entry.kind === 'book') return fixed + levelBytes(entry.bids) + levelBytes(entry.offers);
  if (entry.kind === 'trade') return fixed + 24 + Buffer.byteLength(entry.executionId);
  return fixed + Buffer.byteLength(entry.reason);
}

function levelBytes(levels: readonly Level[]): number {
  let bytes = 0;
  for (const { price, quantity } of levels) bytes += varintBytes(price) + varintBytes(quantity);
  return bytes;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest /= 128) bytes += 1;
  return bytes;
}

/** A reason within the wire's bound, cut between characters. */
function cutText(text: string): string {
  let cutAt = text;
  while (Buffer.byteLength(cutAt) > MAX_REASON_BYTES) cutAt = [...cutAt].slice(0, -1).join('');
  return cutAt;
}
