import type { VenueMarketEvent } from '@stoa/adapters';
import type { InstrumentId, Level, VenueId } from '@stoa/schema';
import type {
  ConsolidatedBook,
  MarketView,
  VenueBook,
  VenueEvidence,
} from '../../market/market-view.ts';
import type { DayStatistics } from '../../market/trade-statistics.ts';

const FOR_EVER = Number.MAX_SAFE_INTEGER;

/** A market that all nodes of a test see alike, and at once. */
export class TestMarket implements MarketView {
  readonly #books = new Map<VenueId, VenueBook>();
  readonly #instrument: InstrumentId;
  #version = 0;

  constructor(instrument: InstrumentId, venues: readonly VenueId[]) {
    this.#instrument = instrument;
    for (const venue of venues) this.show(venue, {});
  }

  /** What a venue shows from now on. */
  show(venue: VenueId, shown: Partial<VenueBook>): void {
    this.#version += 1;
    this.#books.set(venue, {
      venue,
      state: 'live',
      sinceMs: 0,
      halted: false,
      haltReason: undefined,
      firm: true,
      validUntilMs: FOR_EVER,
      bids: [],
      offers: [],
      ...shown,
    });
  }

  /** Takes what a venue says of its book. */
  hear(venue: VenueId, events: readonly VenueMarketEvent[]): void {
    for (const event of events) {
      if (event.kind === 'book') this.show(venue, { bids: event.bids, offers: event.offers });
    }
  }

  offers(venue: VenueId): readonly Level[] {
    return this.#books.get(venue)?.offers ?? [];
  }

  book(): ConsolidatedBook {
    return {
      instrument: this.#instrument,
      version: this.#version,
      asOfMs: 0,
      bids: [],
      offers: [],
      locked: false,
      crossed: false,
      venues: [...this.#books.values()].toSorted((a, b) => (a.venue < b.venue ? -1 : 1)),
    };
  }

  evidence(): readonly VenueEvidence[] {
    return [];
  }

  feeds(): [] {
    return [];
  }

  lastTrade(): undefined {
    return undefined;
  }

  statistics(): DayStatistics {
    const none = { trades: 0, volume: 0n, notional: 0n };
    const consolidated = {
      ...none,
      open: undefined,
      last: undefined,
      high: undefined,
      low: undefined,
    };
    return { dayStartMs: 0, knownSinceMs: 0, exact: true, consolidated, venues: [] };
  }

  proofs(): [] {
    return [];
  }

  async *watch(): AsyncIterable<ConsolidatedBook> {
    yield this.book();
  }
}
