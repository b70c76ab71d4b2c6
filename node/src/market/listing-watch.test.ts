import type { Directory, Listing } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryDirectory, testInstrument } from '../network/testing/memory-directory.ts';
import { type OpenDatabase, openDatabase } from '../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { createLogger } from '../telemetry/logger.ts';
import { type Contradiction, contradictionsOf, listingStandings } from './listing-standing.ts';
import { createListingStore } from './listing-store.ts';
import { createListingWatch, ListingChanges, type ListingUpdate } from './listing-watch.ts';
import type { ConsolidatedBook, VenueBook } from './market-view.ts';

const instrument = { ...testInstrument(1), issuer: 'acme' };
const base = memoryDirectory(['alpha'], [], [instrument]).current();
const listing: Listing = {
  ...{ instrument: instrument.id, venue: 'alpha', status: 'listed' },
  ...{ exemption: 'registered', evidenceHash: '0x' },
};

const trading: VenueBook = {
  ...{ venue: 'alpha', state: 'live', sinceMs: 0, halted: false, haltReason: undefined },
  ...{ firm: true, validUntilMs: 9e15, offers: [], bids: [{ price: 10, quantity: 5 }] },
};

/** A world that a test can change, and the watch looks at. */
class World {
  listing = listing;
  shown: VenueBook | undefined = trading;
  isPaused: boolean | undefined = false;
  nowMs = 1_000;
  get directory(): Directory {
    const instruments = new Map([[instrument.id, instrument]]);
    return { ...base, instruments, listings: [this.listing] };
  }
  book(): ConsolidatedBook {
    const venues = this.shown ? [this.shown] : [];
    return {
      ...{ instrument: instrument.id, version: 1, asOfMs: 0, locked: false, crossed: false },
      ...{ bids: [], offers: [], venues },
    };
  }
  standings() {
    const { directory } = this;
    const market = { book: () => this.book() };
    return listingStandings({ directory, market, isPaused: () => this.isPaused });
  }
}

describe('what contradicts what about a listing', () => {
  const shut = new Map(
    [...base.members].map(([id, one]) => [id, { ...one, status: 'suspended' as const }]),
  );
  it.each<[string, Partial<Listing>, Partial<VenueBook>, boolean | undefined, Contradiction[]]>([
    ['nothing while it trades', {}, {}, false, []],
    ['a paused token', {}, {}, true, ['trading-while-token-paused']],
    ['no paused token under indicative quotes', {}, { firm: false }, true, []],
    ['no token that does not say', {}, {}, undefined, []],
    ['quotes of what is halted', { status: 'halted' }, {}, false, ['trading-while-not-listed']],
    ['no quotes that are withdrawn', { status: 'delisted' }, { bids: [] }, false, []],
    ['a halt at the venue alone', {}, { halted: true }, true, ['halted-while-listed']],
    ['silence', {}, { state: 'stale' }, true, ['silent-while-listed']],
  ])('is %s', (_what, listed, shown, isPaused, expected) => {
    const found = contradictionsOf(
      base,
      { ...listing, ...listed },
      { ...trading, ...shown },
      isPaused,
    );
    expect(found).toEqual(expected);
  });

  it('is a listing at a venue that is suspended', () => {
    const directory = { ...base, members: shut };
    expect(contradictionsOf(directory, listing, trading, false)).toEqual([
      'listed-at-venue-not-standing',
    ]);
  });
});

describe('what happens to a listing', () => {
  const look = (changes: ListingChanges, world: World) => {
    const found = changes.next(world.standings(), (world.nowMs += 1));
    changes.keep(found.standings);
    return found.events.map(({ kind, before, after }) => [kind, before, after]);
  };

  it('is told once: its status, a halt and its end', () => {
    const [changes, world] = [new ListingChanges(), new World()];
    expect(look(changes, world)).toEqual([['status', null, 'listed']]);
    expect(look(changes, world)).toEqual([]);
    world.shown = { ...trading, halted: true, haltReason: 'news' };
    expect(look(changes, world)).toEqual([['halted', null, 'news']]);
    // A venue that falls silent has not resumed.
    world.shown = { ...trading, state: 'degraded' };
    expect(look(changes, world)).toEqual([]);
    world.shown = trading;
    expect(look(changes, world)).toEqual([['resumed', null, null]]);
    world.listing = { ...listing, status: 'suspended' };
    const before = changes.known(instrument.id, 'alpha')?.sinceMs;
    expect(look(changes, world)).toEqual([['status', 'listed', 'suspended']]);
    expect(changes.known(instrument.id, 'alpha')?.sinceMs).toBeGreaterThan(before ?? 0);
  });

  it('is a contradiction only when it lasts, and its end at once', () => {
    const [changes, world] = [new ListingChanges(), new World()];
    look(changes, world);
    const paused = 'trading-while-token-paused';
    world.isPaused = true;
    expect([look(changes, world), look(changes, world)]).toEqual([[], []]);
    world.isPaused = false;
    expect(look(changes, world)).toEqual([]);
    world.isPaused = true;
    // The looks before do not count: it was not there in between.
    expect([look(changes, world), look(changes, world)]).toEqual([[], []]);
    expect(look(changes, world)).toEqual([['contradiction', null, paused]]);
    expect(look(changes, world)).toEqual([]);
    world.isPaused = undefined;
    expect(look(changes, world)).toEqual([['contradiction-over', paused, null]]);
  });
});

describe('a watch with a store', () => {
  let databases: TemporaryDatabases;
  let store: OpenDatabase;
  beforeAll(async () => {
    databases = await startTemporaryDatabases();
    store = await openDatabase(await databases.empty('listings'));
  });
  afterAll(async () => {
    await store.close();
    await databases.stop();
  });

  const start = async (world: World) => {
    const watch = createListingWatch(
      {
        directory: { current: () => world.directory, onChange: () => () => {} },
        market: { book: () => world.book() },
        isPaused: () => world.isPaused,
        store: createListingStore(store.db),
        logger: createLogger('test', 'silent'),
        nowMs: () => (world.nowMs += 1),
      },
      { lookEveryMs: 10, heartbeatMs: 50 },
    );
    await watch.start();
    return watch;
  };

  it('tells each event once and in order, also what changed while it was down', async () => {
    const world = new World();
    const watch = await start(world);
    const ended = new AbortController();
    const items: ListingUpdate[] = [];
    const reading = (async () => {
      for await (const item of watch.follow('acme', 0, ended.signal)) {
        items.push(item);
        if (item.event?.kind === 'status') world.isPaused = true;
        if (item.event?.kind === 'contradiction') ended.abort();
      }
    })();
    await reading;
    const told = items.flatMap(({ event }) => (event ? [[event.kind, event.after]] : []));
    expect(told).toEqual([
      ['status', 'listed'],
      ['contradiction', 'trading-while-token-paused'],
    ]);
    await watch.stop();

    // Meanwhile it is delisted, and the token moves again.
    world.listing = { ...listing, status: 'delisted' };
    world.shown = undefined;
    const again = await start(world);
    const later: ListingUpdate[] = [];
    for await (const item of again.follow(
      'acme',
      items.at(-1)?.sequence ?? 0,
      new AbortController().signal,
    )) {
      later.push(item);
      if (later.filter(({ event }) => event).length === 2) break;
    }
    const kinds = later.flatMap(({ event }) => (event ? [event.kind] : []));
    expect(kinds).toEqual(['status', 'contradiction-over']);
    for await (const item of again.follow('other', 0, new AbortController().signal)) {
      expect(item).toEqual({ sequence: 0 });
      break;
    }
    const page = await again.store.read({ instrument: instrument.id }, false, 2);
    expect(page.map(({ kind }) => kind)).toEqual(['contradiction-over', 'status']);
    await again.stop();
  });
});
