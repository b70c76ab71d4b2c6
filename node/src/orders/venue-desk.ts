import type { OpenOrder, TradeParties, VenueEvent, VenueMarketEvent } from '@stoa/adapters';
import {
  type DirectorySource,
  type Execution,
  type LegOrder,
  type LegRejection,
  type MemberId,
  type OrderMessage,
  type OrderMessageBody,
  TERMINAL_STATUSES,
  type VenueId,
} from '@stoa/schema';
import type { Transaction } from '../store/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AfterCommit } from './after-commit.ts';
import { insertExecution } from './execution-store.ts';
import type { LegReport } from './home-orders.ts';
import { isLegIdOf, whyNotTaken } from './leg-admission.ts';
import type { OrderSessions } from './order-session.ts';
import { holdOrders } from './order-store.ts';
import {
  holdOpenVenueOrders,
  holdVenueOrders,
  insertVenueOrder,
  openOrderOf,
  readVenueOrder,
  saveVenueOrder,
  type VenueOrderRow,
  venueOrderOf,
} from './venue-order-store.ts';

/** Events of the venue that are about orders. */
export type VenueOrderEvent = Exclude<VenueEvent, VenueMarketEvent>;
/** What a home node asks of this venue. */
export type LegRequest = Extract<
  OrderMessageBody,
  { kind: 'leg-new' | 'leg-cancel' | 'leg-status-request' }
>;

export interface VenueDeskNeeds {
  readonly sessions: Pick<OrderSessions, 'send'>;
  readonly directory: DirectorySource;
  /** Takes reports about orders whose home is this node too. `instruct`: see HomeOrders.report. */
  readonly tellOwnHome: (
    tx: Transaction,
    report: LegReport,
    after: AfterCommit,
    instruct: boolean,
  ) => Promise<void>;
  readonly cancelRejectedAtOwnHome: (
    tx: Transaction,
    legId: string,
    rejection: LegRejection,
    after: AfterCommit,
  ) => Promise<void>;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/**
 * This venue's side of orders: records what its book is asked to take and what the book says, and
 * reports each to the order's home in the same transaction.
 */
export class VenueDesk {
  readonly #venue: VenueId;
  readonly #needs: VenueDeskNeeds;

  constructor(venue: VenueId, needs: VenueDeskNeeds) {
    this.#venue = venue;
    this.#needs = needs;
  }

  /** Records legs of this node's own orders; the book gets them after the commit. */
  async openOwn(tx: Transaction, legs: readonly LegOrder[], after: AfterCommit): Promise<void> {
    for (const leg of legs) {
      const status = { status: 'pending-new' } as const;
      const row = await insertVenueOrder(tx, leg, this.#venue, status, this.#needs.nowMs());
      if (row) after.requests.push({ kind: 'new', order: venueOrderOf(row) });
    }
  }

  /** Takes a request of another home node. */
  async request(
    tx: Transaction,
    from: MemberId,
    { body, sentAtMs }: Pick<OrderMessage, 'sentAtMs'> & { readonly body: LegRequest },
    after: AfterCommit,
  ): Promise<void> {
    if (body.kind === 'leg-new') return this.#take(tx, from, body.leg, sentAtMs, after);
    const row = await readVenueOrder(tx, body.legId);
    if (row?.homeVenue !== from) {
      // Sessions lose and reorder nothing: what did not come before this will not come after it.
      const unknown = {
        kind: 'leg-status',
        legId: body.legId,
        state: 'unknown-order',
        filled: 0,
      } as const;
      return this.#needs.sessions.send(tx, from, unknown);
    }
    const open = !TERMINAL_STATUSES.has(row.status);
    const kind = body.kind === 'leg-cancel' ? 'cancel' : 'status';
    if (open) after.requests.push({ kind, orderId: row.legId, instrument: row.instrument });
    if (kind === 'status') await this.#tell(tx, row, statusReport(row), after);
  }

  async #take(
    tx: Transaction,
    from: MemberId,
    leg: LegOrder,
    sentAtMs: number,
    after: AfterCommit,
  ): Promise<void> {
    const { legId } = leg;
    const nowMs = this.#needs.nowMs();
    if (!isLegIdOf(from, legId)) {
      const rejection = {
        code: 'LEG_ID_FOREIGN',
        message: 'The leg id is not the home node’s own.',
      };
      return this.#needs.sessions.send(tx, from, { kind: 'leg-rejected', legId, ...rejection });
    }
    const directory = this.#needs.directory.current();
    const refused = whyNotTaken(leg, {
      home: from,
      venue: this.#venue,
      directory,
      sentAtMs,
      nowMs,
    });
    const status = refused
      ? ({ status: 'rejected', reason: refused.code } as const)
      : ({ status: 'pending-new' } as const);
    const row = await insertVenueOrder(tx, leg, from, status, nowMs);
    if (!row) {
      const known = await readVenueOrder(tx, legId);
      if (known) await this.#tell(tx, known, statusReport(known), after);
    } else if (refused) {
      await this.#tell(tx, row, { kind: 'leg-rejected', legId, ...refused }, after);
    } else {
      after.requests.push({ kind: 'new', order: venueOrderOf(row) });
    }
  }

  /** Records what the book says. Repeats change nothing. */
  async events(
    tx: Transaction,
    events: readonly VenueOrderEvent[],
    after: AfterCommit,
  ): Promise<void> {
    const rows = await holdVenueOrders(tx, [...new Set(events.flatMap(legIdsOf))]);
    const own = [...rows.values()].filter(({ homeVenue }) => homeVenue === this.#venue);
    await holdOrders(tx, [...new Set(own.map(({ legId }) => orderIdOf(legId)))]);
    for (const event of events) {
      if (event.kind === 'executed') {
        await this.#executed(tx, event.execution, event.parties, rows, after);
        continue;
      }
      const row = rows.get(event.orderId);
      if (row) await this.#event(tx, row, event, after);
      else this.#needs.logger.error({ event }, 'the book speaks of an order that nobody recorded');
    }
  }

  async #event(
    tx: Transaction,
    row: VenueOrderRow,
    event: Exclude<VenueOrderEvent, { kind: 'executed' }>,
    after: AfterCommit,
  ): Promise<void> {
    const { legId } = row;
    const ended = TERMINAL_STATUSES.has(row.status);
    switch (event.kind) {
      case 'accepted':
        if (row.status !== 'pending-new') return;
        row.status = 'new';
        await saveVenueOrder(tx, row);
        return this.#tell(tx, row, { kind: 'leg-accepted', legId }, after);
      case 'rejected':
        if (ended) return;
        return this.reject(tx, row, event.rejection, after);
      case 'done':
        if (ended) return;
        return this.#end(tx, row, event, after);
      case 'cancel-rejected':
        return this.#cancelRejected(tx, row, event.rejection, after);
      case 'order-status':
        return this.#status(tx, row, event, after);
      case 'replaced':
        return this.#needs.logger.error({ event }, 'the book replaced an order unasked');
    }
  }

  async #executed(
    tx: Transaction,
    execution: Execution,
    parties: TradeParties,
    rows: ReadonlyMap<string, VenueOrderRow>,
    after: AfterCommit,
  ): Promise<void> {
    const buy = parties.buyOrderId === undefined ? undefined : rows.get(parties.buyOrderId);
    const sell = parties.sellOrderId === undefined ? undefined : rows.get(parties.sellOrderId);
    const legs = { buyLegId: buy?.legId, sellLegId: sell?.legId };
    if (!(await insertExecution(tx, execution, legs, this.#needs.nowMs()))) return;
    const sides = [buy, sell].filter((row) => row !== undefined);
    // The taker came later. Met by the venue's own flow, a member's order is alone, and settles.
    const settling = sides.toSorted((a, b) => a.sequence - b.sequence).at(-1);
    for (const row of sides) {
      row.filled += execution.quantity;
      if (!TERMINAL_STATUSES.has(row.status)) row.status = 'partially-filled';
      await saveVenueOrder(tx, row);
      const report = { kind: 'leg-executed', legId: row.legId, execution } as const;
      await this.#tell(tx, row, report, after, row === settling);
    }
  }

  /** The book, or its adapter, did not take an order. */
  async reject(
    tx: Transaction,
    row: VenueOrderRow,
    rejection: LegRejection,
    after: AfterCommit,
  ): Promise<void> {
    row.status = 'rejected';
    row.reason = rejection.code;
    await saveVenueOrder(tx, row);
    await this.#tell(tx, row, { kind: 'leg-rejected', legId: row.legId, ...rejection }, after);
  }

  /** A request was refused before it reached the book. */
  async refused(
    tx: Transaction,
    request: { readonly kind: 'new' | 'cancel'; readonly legId: string },
    rejection: LegRejection,
    after: AfterCommit,
  ): Promise<void> {
    const row = (await holdVenueOrders(tx, [request.legId])).get(request.legId);
    if (!row || TERMINAL_STATUSES.has(row.status)) return;
    if (request.kind === 'new') await this.reject(tx, row, rejection, after);
    else await this.#cancelRejected(tx, row, rejection, after);
  }

  async #end(
    tx: Transaction,
    row: VenueOrderRow,
    last: {
      readonly state: 'filled' | 'canceled' | 'expired';
      readonly filled: number;
      readonly reason: string;
    },
    after: AfterCommit,
  ): Promise<void> {
    const { state, filled, reason } = last;
    row.status = state;
    row.reason = reason;
    await saveVenueOrder(tx, row);
    await this.#tell(tx, row, { kind: 'leg-done', legId: row.legId, state, filled, reason }, after);
  }

  async #cancelRejected(
    tx: Transaction,
    row: VenueOrderRow,
    rejection: LegRejection,
    after: AfterCommit,
  ): Promise<void> {
    if (row.homeVenue === this.#venue) {
      return this.#needs.cancelRejectedAtOwnHome(tx, row.legId, rejection, after);
    }
    await this.#tell(tx, row, statusReport(row), after);
  }

  async #status(
    tx: Transaction,
    row: VenueOrderRow,
    { status, filled }: Extract<VenueOrderEvent, { kind: 'order-status' }>,
    after: AfterCommit,
  ): Promise<void> {
    if (TERMINAL_STATUSES.has(row.status)) return;
    const reason = `The book says: ${status}.`;
    if (status === 'unknown-order') {
      return this.#end(tx, row, { state: 'canceled', filled: row.filled, reason }, after);
    }
    if (status === 'rejected') {
      return this.reject(tx, row, { code: 'REJECTED_BY_VENUE', message: reason }, after);
    }
    if (status === 'filled' || status === 'canceled' || status === 'expired') {
      return this.#end(tx, row, { state: status, filled, reason }, after);
    }
    await this.#tell(tx, row, statusReport(row), after);
  }

  /**
   * Puts the desk in order after a restart: what the book takes back, in the order of acceptance.
   * Immediate orders without an outcome have the one that was recorded: whatever else the book did
   * with them was never made durable, so it did not happen.
   */
  async recover(tx: Transaction, after: AfterCommit): Promise<OpenOrder[]> {
    const restored: OpenOrder[] = [];
    for (const row of await holdOpenVenueOrders(tx)) {
      if (row.timeInForce === 'ioc' || row.timeInForce === 'fok') {
        const state = row.filled === row.quantity ? 'filled' : 'canceled';
        const reason = 'The venue restarted.';
        await this.#end(tx, row, { state, filled: row.filled, reason }, after);
      } else if (row.status === 'pending-new') {
        after.requests.push({ kind: 'new', order: venueOrderOf(row) });
      } else if (row.filled < row.quantity) {
        restored.push(openOrderOf(row));
      } else {
        const reason = 'Filled before the venue restarted.';
        await this.#end(tx, row, { state: 'filled', filled: row.filled, reason }, after);
      }
    }
    return restored;
  }

  async #tell(
    tx: Transaction,
    row: VenueOrderRow,
    report: LegReport,
    after: AfterCommit,
    instruct = false,
  ): Promise<void> {
    if (row.homeVenue === this.#venue) {
      await this.#needs.tellOwnHome(tx, report, after, instruct);
    } else {
      await this.#needs.sessions.send(tx, row.homeVenue, report);
    }
  }
}

function statusReport(row: VenueOrderRow): LegReport {
  const { legId, filled, status } = row;
  const told = {
    'pending-new': 'new',
    'pending-cancel': filled > 0 ? 'partially-filled' : 'new',
    unknown: filled > 0 ? 'partially-filled' : 'new',
  } as const;
  const state = status in told ? told[status as keyof typeof told] : status;
  return {
    kind: 'leg-status',
    legId,
    state: state as Exclude<typeof state, keyof typeof told>,
    filled,
  };
}

function legIdsOf(event: VenueOrderEvent): string[] {
  if (event.kind !== 'executed') return [event.orderId];
  const { buyOrderId, sellOrderId } = event.parties;
  return [buyOrderId, sellOrderId].filter((id) => id !== undefined);
}

/** Leg ids are `<orderId>.<leg>.<attempt>`, and order ids have no point. */
function orderIdOf(legId: string): string {
  return legId.slice(0, legId.indexOf('.'));
}
