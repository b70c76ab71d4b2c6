import { setTimeout as sleep } from 'node:timers/promises';
import type { DirectorySource, InstrumentId, MemberId, VenueId } from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';
import { type Contradiction, type ListingStanding, listingStandings } from './listing-standing.ts';
import type {
  ListingEvent,
  ListingStore,
  NewListingEvent,
  StoredStanding,
} from './listing-store.ts';
import type { MarketView } from './market-view.ts';

/** One step of a stream of listing events; without an event it says that nothing came after `sequence`. */
export interface ListingUpdate {
  readonly sequence: number;
  readonly event?: ListingEvent;
}

/** Listings as an issuer sees them: how they stand, and all that happens to them. */
export interface ListingWatch {
  /** How one issuer's tokens stand on every venue. */
  standings(issuer: MemberId): readonly ListingStanding[];
  /** Since when a listing has its status, in Unix milliseconds; undefined before the first look. */
  sinceMs(instrument: InstrumentId, venue: VenueId): number | undefined;
  /** Events of an issuer after a number, and then what happens, until the signal. */
  follow(issuer: MemberId, after: number, signal: AbortSignal): AsyncIterable<ListingUpdate>;
  readonly store: ListingStore;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What a watch looks at. */
export interface ListingWatchNeeds {
  readonly directory: DirectorySource;
  readonly market: Pick<MarketView, 'book'>;
  readonly isPaused: (instrument: InstrumentId) => boolean | undefined;
  readonly store: ListingStore;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

const LOOK_EVERY_MS = 1_000;
/** A contradiction counts when it was there so many looks in a row: links come and go. */
const LOOKS_TO_COUNT = 3;
const HEARTBEAT_MS = 10_000;
const BATCH = 64;

/** Creates the {@link ListingWatch} of a node. */
export function createListingWatch(
  needs: ListingWatchNeeds,
  { lookEveryMs = LOOK_EVERY_MS, heartbeatMs = HEARTBEAT_MS } = {},
): ListingWatch {
  const { store, logger } = needs;
  const changes = new ListingChanges();
  const ended = new AbortController();
  let turn = Promise.withResolvers<void>();
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    const found = changes.next(standingsNow(needs), needs.nowMs());
    if (found.events.length === 0 && found.standings.length === 0) return;
    await store.record(found.standings, found.events);
    changes.keep(found.standings);
    if (found.events.length === 0) return;
    const before = turn;
    turn = Promise.withResolvers<void>();
    before.resolve();
  }
  async function lookOn(): Promise<void> {
    while (!ended.signal.aborted) {
      // What could not be recorded is found again at the next look.
      await look().catch((error: unknown) => {
        logger.error({ err: error }, 'listing events cannot be stored');
      });
      await sleep(lookEveryMs, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  }

  async function* follow(issuer: MemberId, after: number, signal: AbortSignal) {
    let sequence = after;
    let isFirst = true;
    while (!signal.aborted) {
      const next = turn.promise;
      const events = await store.after(issuer, sequence, BATCH);
      for (const event of events) {
        sequence = event.sequence;
        yield { sequence, event };
      }
      if (events.length > 0) continue;
      if (isFirst) yield { sequence };
      isFirst = false;
      const waited = sleep(heartbeatMs, true, { signal, ref: false }).catch(() => false);
      if ((await Promise.race([next.then(() => false), waited])) && !signal.aborted) {
        yield { sequence };
      }
    }
  }

  return {
    standings: (issuer) => standingsNow(needs, issuer),
    sinceMs: (instrument, venue) => changes.known(instrument, venue)?.sinceMs,
    follow,
    store,
    async start() {
      changes.keep(await store.standings());
      looking = lookOn();
    },
    async stop() {
      ended.abort();
      await looking;
    },
  };
}

function standingsNow(needs: ListingWatchNeeds, issuer?: MemberId): ListingStanding[] {
  const sources = { ...needs, directory: needs.directory.current() };
  return listingStandings(sources, (one) => issuer === undefined || one.issuer === issuer);
}

/** Compares how listings stand with how they stood: pure but for what it remembers. */
export class ListingChanges {
  readonly #known = new Map<string, StoredStanding>();
  /** How many looks in a row each contradiction of a listing was there. */
  readonly #seen = new Map<string, ReadonlyMap<Contradiction, number>>();

  known(instrument: InstrumentId, venue: VenueId): StoredStanding | undefined {
    return this.#known.get(`${instrument} ${venue}`);
  }

  keep(standings: readonly StoredStanding[]): void {
    for (const one of standings) this.#known.set(`${one.instrument} ${one.venue}`, one);
  }

  /** What changed since what is kept: the new standings, and the events that led to them. */
  next(standings: readonly ListingStanding[], nowMs: number) {
    const changed: StoredStanding[] = [];
    const events: NewListingEvent[] = [];
    for (const standing of standings) {
      const { listing, instrument, shown } = standing;
      const known = this.known(listing.instrument, listing.venue);
      const of = { instrument: instrument.id, venue: listing.venue, issuer: instrument.issuer };
      const happened: NewListingEvent[] = [];
      const note = (kind: NewListingEvent['kind'], before: string | null, after: string | null) =>
        happened.push({ ...of, kind, before, after, atMs: nowMs });

      const { status } = listing;
      if (known?.status !== status) note('status', known?.status ?? null, status);
      // Of a venue that is not heard nobody knows whether it trades.
      const isHeard = shown?.state === 'live';
      const isHalted = isHeard ? shown.halted : (known?.isHalted ?? false);
      if (isHalted && !known?.isHalted) note('halted', null, shown?.haltReason ?? null);
      if (!isHalted && known?.isHalted) note('resumed', null, null);
      const held = known?.contradictions ?? [];
      const holding = this.#counting(`${of.instrument} ${of.venue}`, standing.contradictions, held);
      for (const code of holding) if (!held.includes(code)) note('contradiction', null, code);
      for (const code of held) if (!holding.includes(code)) note('contradiction-over', code, null);
      if (happened.length === 0) continue;
      events.push(...happened);
      const sinceMs = known?.status === status ? known.sinceMs : nowMs;
      changed.push({
        ...{ instrument: of.instrument, venue: of.venue },
        ...{ status, sinceMs, isHalted, contradictions: holding },
      });
    }
    return { standings: changed, events };
  }

  /** Those that were there long enough, and those that were counted and are there still. */
  #counting(
    key: string,
    found: readonly Contradiction[],
    held: readonly Contradiction[],
  ): Contradiction[] {
    const before = this.#seen.get(key);
    const seen = new Map(found.map((code) => [code, (before?.get(code) ?? 0) + 1]));
    this.#seen.set(key, seen);
    return found.filter((code) => held.includes(code) || (seen.get(code) ?? 0) >= LOOKS_TO_COUNT);
  }
}
