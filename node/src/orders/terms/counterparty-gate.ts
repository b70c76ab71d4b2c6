import {
  type DirectorySource,
  type InstrumentId,
  type LegOrder,
  type LegRejection,
  type MemberId,
  type Price,
  type Quantity,
  TERMINAL_STATUSES,
  type VenueId,
  type VenueTerms,
} from '@stoa/schema';
import { and, eq, ne, notInArray, sql } from 'drizzle-orm';
import type { Transaction } from '../../store/database.ts';
import { venueOrders } from '../../store/tables/venue-orders.ts';
import type { VenueOrderRow } from '../executing/venue-order-store.ts';
import { limitOfProduct } from './cash-notional.ts';
import { whyNotReplaced, whyNotTaken } from './leg-admission.ts';
import type { RoutingAgreements } from './routing-agreements.ts';

export interface CounterpartyGateNeeds {
  readonly directory: DirectorySource;
  /** This venue's own terms. */
  readonly terms: VenueTerms;
  readonly agreements: RoutingAgreements;
  readonly nowMs: () => number;
}

/** The door of the executing venue: what it takes from other home nodes, and what it changes for them. */
export class CounterpartyGate {
  readonly #venue: VenueId;
  readonly #needs: CounterpartyGateNeeds;

  constructor(venue: VenueId, needs: CounterpartyGateNeeds) {
    this.#venue = venue;
    this.#needs = needs;
  }

  /** Why a new leg is not taken; undefined where it is, and was counted against its agreement. */
  async whyNotTaken(
    tx: Transaction,
    home: MemberId,
    leg: LegOrder,
    sentAtMs: number,
  ): Promise<LegRejection | undefined> {
    const context = await this.#context(tx, home, leg);
    return whyNotTaken(leg, { ...context, sentAtMs });
  }

  /** Why an order of the book is not changed; undefined where the book may be asked. */
  async whyNotReplaced(
    tx: Transaction,
    home: MemberId,
    row: VenueOrderRow,
    change: { readonly quantity: Quantity; readonly limitPrice: Price },
  ): Promise<LegRejection | undefined> {
    return whyNotReplaced(row, change, await this.#context(tx, home, row));
  }

  async #context(
    tx: Transaction,
    home: MemberId,
    order: { readonly legId: string; readonly instrument: InstrumentId },
  ) {
    const { directory, terms, agreements, nowMs } = this.#needs;
    const openNotional = agreements.limitsOpenOf(home) ? await this.#openOf(tx, home, order) : 0n;
    const given = { directory: directory.current(), terms, agreements, nowMs: nowMs() };
    return { home, venue: this.#venue, ...given, openNotional };
  }

  /** What the home's other open orders in the same cash are worth, in 10^-36 of it. */
  async #openOf(
    tx: Transaction,
    home: MemberId,
    { legId, instrument: id }: { readonly legId: string; readonly instrument: InstrumentId },
  ): Promise<bigint> {
    const { instruments } = this.#needs.directory.current();
    const { limitPrice, quantity, filled } = venueOrders;
    const rows = await tx
      .select({
        instrument: venueOrders.instrument,
        open: sql<string>`sum(${limitPrice}::numeric * (${quantity} - ${filled}))`,
      })
      .from(venueOrders)
      .where(
        and(
          eq(venueOrders.homeVenue, home),
          ne(venueOrders.legId, legId),
          notInArray(venueOrders.status, [...TERMINAL_STATUSES]),
        ),
      )
      .groupBy(venueOrders.instrument);
    const cash = instruments.get(id)?.cashToken.toLowerCase();
    return rows.reduce((sum, row) => {
      const instrument = instruments.get(row.instrument);
      if (instrument?.cashToken.toLowerCase() !== cash || !instrument) return sum;
      return sum + limitOfProduct(instrument, BigInt(row.open));
    }, 0n);
  }
}
