import type { MemberId, VenueId } from '@stoa/schema';
import type { Transaction } from '../../store/database.ts';
import type { AfterCommit } from '../after-commit.ts';
import type { LegReport, ToldReport } from '../leg-reports.ts';
import type { OrderSessions } from '../sessions/order-session.ts';
import { saveVenueOrders, type VenueOrderRow } from './venue-order-store.ts';

export interface VenueTurnNeeds {
  readonly sessions: Pick<OrderSessions, 'send'>;
  /** Takes reports about orders whose home is this node too. */
  readonly tellOwnHome: (
    tx: Transaction,
    told: readonly ToldReport[],
    after: AfterCommit,
  ) => Promise<void>;
}

/** What this venue does in one transaction: written, and told to each home, once and at its end. */
export class VenueTurn {
  readonly tx: Transaction;
  readonly after: AfterCommit;
  readonly #venue: VenueId;
  readonly #needs: VenueTurnNeeds;
  readonly #changed = new Set<VenueOrderRow>();
  readonly #own: ToldReport[] = [];
  readonly #others = new Map<MemberId, LegReport[]>();

  constructor(venue: VenueId, tx: Transaction, after: AfterCommit, needs: VenueTurnNeeds) {
    this.#venue = venue;
    this.tx = tx;
    this.after = after;
    this.#needs = needs;
  }

  /** The row is written as it stands at the end. */
  changes(row: VenueOrderRow): void {
    this.#changed.add(row);
  }

  /** Tells the home of an order. */
  tell(row: VenueOrderRow, report: LegReport, settles = false): void {
    const { homeVenue } = row;
    const others = this.#others.get(homeVenue);
    if (homeVenue === this.#venue) this.#own.push({ report, settles });
    else if (others) others.push(report);
    else this.#others.set(homeVenue, [report]);
  }

  async finish(): Promise<void> {
    saveVenueOrders(this.tx, [...this.#changed]);
    for (const [home, reports] of this.#others) {
      this.#needs.sessions.send(this.tx, home, ...reports);
    }
    if (this.#own.length > 0) await this.#needs.tellOwnHome(this.tx, this.#own, this.after);
  }
}
