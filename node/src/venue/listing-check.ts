import type { VenueAdapter, VenueListings } from '@stoa/adapters';
import type { Instrument } from '@stoa/schema';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import {
  LISTING_FIELDS,
  type ListingDifference,
  listingDifferences,
} from './listing-differences.ts';

/** What the venue lists beside what is configured here, when it was last asked. */
export interface ListingComparison {
  readonly checkedAtMs: number;
  /** `unknown`: it cannot be asked, or did not answer in a way that can be read. */
  readonly outcome: 'same' | 'different' | 'unknown';
  /** Why it is not known, in one sentence. */
  readonly reason: string | undefined;
  readonly differences: readonly ListingDifference[];
  /** Entries that are not configured here: nothing is wrong with that. */
  readonly onlyAtVenue: number;
  /** Entries that could not be read. */
  readonly passedOver: number;
}

export interface ListingCheckNeeds {
  readonly adapter: Pick<VenueAdapter, 'instruments'>;
  /** What is listed of this venue here. */
  readonly configured: readonly Instrument[];
  readonly metrics: Registry;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** A venue is not asked more often, whoever wants to know. */
const FRESH_MS = 10_000;
const MAX_LOGGED = 20;

/**
 * Compares what the venue says it lists with what is configured here, and tells the operator of every
 * difference: an order at a tick that the venue does not have is refused there, one at a time.
 */
export class ListingCheck {
  readonly #needs: ListingCheckNeeds;
  readonly #differences: Gauge<'field'>;
  readonly #checks: Counter<'outcome'>;
  #last: ListingComparison | undefined;
  #running: Promise<ListingComparison> | undefined;
  #logged = '';

  constructor(needs: ListingCheckNeeds) {
    this.#needs = needs;
    const registers = [needs.metrics];
    this.#differences = new Gauge({
      name: 'stoa_venue_listing_differences',
      help: 'Instruments of which the venue, when last asked, said otherwise than it is configured here.',
      labelNames: ['field'],
      registers,
    });
    this.#checks = new Counter({
      name: 'stoa_venue_listing_checks_total',
      help: 'How often the venue was asked what it lists, by what came of it.',
      labelNames: ['outcome'],
      registers,
    });
  }

  /** Asks the venue, unless it said so within the last ten seconds. Never throws. */
  async compared(): Promise<ListingComparison> {
    const last = this.#last;
    if (last && this.#needs.nowMs() - last.checkedAtMs < FRESH_MS) return last;
    return this.again();
  }

  /** Asks the venue now; whoever wants to know meanwhile waits for the same answer. Never throws. */
  again(): Promise<ListingComparison> {
    this.#running ??= this.#compare().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #compare(): Promise<ListingComparison> {
    const { adapter, configured, nowMs } = this.#needs;
    let told: VenueListings;
    try {
      told = await adapter.instruments();
    } catch (error) {
      // An adapter from outside may break its promise.
      this.#needs.logger.error(
        { err: error },
        'the adapter failed when asked what its venue lists',
      );
      const rejection = { code: 'LIST_UNREAD', message: 'The adapter failed; see the log.' };
      told = { outcome: 'refused', rejection };
    }
    const comparison = compare(told, configured, nowMs());
    this.#last = comparison;
    this.#tell(comparison);
    return comparison;
  }

  #tell(comparison: ListingComparison): void {
    const { outcome, reason, differences, onlyAtVenue, passedOver } = comparison;
    this.#checks.inc({ outcome });
    if (outcome !== 'unknown') {
      for (const field of LISTING_FIELDS) {
        const count = differences.filter((one) => one.field === field).length;
        this.#differences.set({ field }, count);
      }
    }
    const said = JSON.stringify([outcome, reason, differences, onlyAtVenue, passedOver]);
    if (said === this.#logged) return;
    this.#logged = said;
    const { logger } = this.#needs;
    for (const { instrument, ...difference } of differences.slice(0, MAX_LOGGED)) {
      logger.warn({ instrument: instrument.id, ...difference }, 'the venue lists it otherwise');
    }
    const counts = { differences: differences.length, onlyAtVenue, passedOver };
    logger.info({ outcome, reason, ...counts }, 'venue listings compared');
  }
}

function compare(
  told: VenueListings,
  configured: readonly Instrument[],
  checkedAtMs: number,
): ListingComparison {
  if (told.outcome === 'refused') {
    const nothing = { differences: [], onlyAtVenue: 0, passedOver: 0 };
    return { checkedAtMs, outcome: 'unknown', reason: told.rejection.message, ...nothing };
  }
  const { listings, passedOver } = told;
  const differences = listingDifferences(configured, listings, passedOver === 0);
  const onlyAtVenue = listings.filter(({ instrument }) => instrument === undefined).length;
  const outcome = differences.length > 0 ? 'different' : 'same';
  return { checkedAtMs, outcome, reason: undefined, differences, onlyAtVenue, passedOver };
}
