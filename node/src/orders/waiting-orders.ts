import { phaseAt } from '@stoa/schema';
import type { Database } from '../store/database.ts';
import type { StoredOrder } from './order-rows.ts';
import { readDueOrders, readNextDueMs, readPausedLegs } from './order-store.ts';
import type { VenueTermsBook } from './terms/venue-terms-book.ts';

export interface WaitingOrderNeeds {
  readonly database: Database;
  readonly terms: VenueTermsBook;
  /** The moment that these orders waited for has come. */
  readonly release: (orderIds: readonly string[]) => Promise<void>;
  readonly askStatus: (
    legs: readonly { readonly orderId: string; readonly legId: string }[],
  ) => Promise<void>;
}

/** How often legs that are done for the day are asked about while their venue is open. */
const PAUSED_EVERY_MS = 30_000;

/** What waits for a venue to open: orders that were not sent, and legs that are done for the day. */
export class WaitingOrders {
  readonly #needs: WaitingOrderNeeds;
  /** When the first order need wait no more, as far as this process knows. */
  #dueMs = Number.NEGATIVE_INFINITY;
  #pausedAtMs = Number.NEGATIVE_INFINITY;
  #releasing = false;

  constructor(needs: WaitingOrderNeeds) {
    this.#needs = needs;
  }

  /** Takes note of orders as they stand now. */
  note(orders: readonly StoredOrder[]): void {
    for (const { state } of orders) {
      this.#dueMs = Math.min(this.#dueMs, state.heldUntilMs ?? Number.POSITIVE_INFINITY);
    }
  }

  async tick(nowMs: number): Promise<void> {
    if (nowMs >= this.#dueMs && !this.#releasing) await this.#release(nowMs);
    if (nowMs < this.#pausedAtMs) return;
    this.#pausedAtMs = nowMs + PAUSED_EVERY_MS;
    await this.#askAboutPaused(nowMs);
  }

  /** Each is routed, waits on, or expires. */
  async #release(nowMs: number): Promise<void> {
    const { database, release } = this.#needs;
    this.#releasing = true;
    this.#dueMs = Number.POSITIVE_INFINITY;
    try {
      let due = await readDueOrders(database, nowMs);
      while (due.length > 0) {
        await release(due);
        due = await readDueOrders(database, nowMs);
      }
      // Orders that began to wait meanwhile were noted, or are among those that the store knows.
      const next = await readNextDueMs(database);
      this.#dueMs = Math.min(this.#dueMs, next ?? Number.POSITIVE_INFINITY);
    } catch (error) {
      this.#dueMs = nowMs;
      throw error;
    } finally {
      this.#releasing = false;
    }
  }

  /** A venue that has opened again says whether what was done for the day stands again. */
  async #askAboutPaused(nowMs: number): Promise<void> {
    const { database, terms, askStatus } = this.#needs;
    const paused = (await readPausedLegs(database)).filter(
      ({ venue }) => phaseAt(terms.of(venue)?.terms.calendar, nowMs) === 'open',
    );
    if (paused.length > 0) await askStatus(paused);
  }
}
