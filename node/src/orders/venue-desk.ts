import type { OpenOrder, TradeParties, VenueEvent, VenueMarketEvent } from '@stoa/adapters';
import {
  type DirectorySource,
  type Execution,
  type LegOrder,
  type LegRejection,
  type MemberId,
  type OrderMessageBody,
  TERMINAL_STATUSES,
  type VenueId,
} from '@stoa/schema';
import type { Transaction } from '../store/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AfterCommit } from './after-commit.ts';
import type { LegReport, ToldReport } from './home-orders.ts';
import { isLegIdOf, whyNotTaken } from './leg-admission.ts';
import type { OrderSessions } from './order-session.ts';
import { holdOrders } from './order-store.ts';
import type { ReceivedMessage } from './peer-inbox.ts';
import { TradeBook } from './trade-book.ts';
import {
  holdOpenVenueOrders,
  holdVenueOrders,
  insertVenueOrder,
  openOrderOf,
  readVenueOrder,
  saveVenueOrders,
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
  /** Takes reports about orders whose home is this node too. */
  readonly tellOwnHome: (
    tx: Transaction,
    told: readonly ToldReport[],
    after: AfterCommit,
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

/** Events that are worked on before they are written, at most: it bounds the statements, too. */
const MOST_AT_ONCE = 1_000;

/** What is done in one transaction: written, and told to each home, once and at its end. */
interface Turn {
  readonly tx: Transaction;
  readonly after: AfterCommit;
  readonly changed: Set<VenueOrderRow>;
  readonly own: ToldReport[];
  readonly others: Map<MemberId, LegReport[]>;
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
    { body, sentAtMs }: Pick<ReceivedMessage, 'sentAtMs'> & { readonly body: LegRequest },
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
    if (kind === 'status') await this.#tellNow(tx, row, statusReport(row), after);
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
      if (known) await this.#tellNow(tx, known, statusReport(known), after);
    } else if (refused) {
      await this.#tellNow(tx, row, { kind: 'leg-rejected', legId, ...refused }, after);
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
    for (let first = 0; first < events.length; first += MOST_AT_ONCE) {
      await this.#events(tx, events.slice(first, first + MOST_AT_ONCE), rows, after);
    }
  }

  async #events(
    tx: Transaction,
    events: readonly VenueOrderEvent[],
    rows: ReadonlyMap<string, VenueOrderRow>,
    after: AfterCommit,
  ): Promise<void> {
    const executions = events.flatMap((event) =>
      event.kind === 'executed' ? [event.execution] : [],
    );
    const trades = await TradeBook.read(tx, this.#venue, executions);
    const turn = newTurn(tx, after);
    for (const event of events) {
      if (event.kind === 'executed') {
        this.#executed(turn, event.execution, event.parties, rows, trades);
        continue;
      }
      const row = rows.get(event.orderId);
      if (row) await this.#event(turn, row, event);
      else this.#needs.logger.error({ event }, 'the book speaks of an order that nobody recorded');
    }
    await trades.write(this.#needs.nowMs());
    await this.#finish(turn);
  }

  async #event(
    turn: Turn,
    row: VenueOrderRow,
    event: Exclude<VenueOrderEvent, { kind: 'executed' }>,
  ): Promise<void> {
    const { legId } = row;
    const ended = TERMINAL_STATUSES.has(row.status);
    switch (event.kind) {
      case 'accepted':
        if (row.status !== 'pending-new') return;
        row.status = 'new';
        turn.changed.add(row);
        return this.#tell(turn, row, { kind: 'leg-accepted', legId });
      case 'rejected':
        if (ended) return;
        return this.#reject(turn, row, event.rejection);
      case 'done':
        if (ended) return;
        return this.#end(turn, row, event);
      case 'cancel-rejected':
        return this.#cancelRejected(turn, row, event.rejection);
      case 'order-status':
        return this.#status(turn, row, event);
      case 'replaced':
        return this.#needs.logger.error({ event }, 'the book replaced an order unasked');
    }
  }

  #executed(
    turn: Turn,
    execution: Execution,
    parties: TradeParties,
    rows: ReadonlyMap<string, VenueOrderRow>,
    trades: TradeBook,
  ): void {
    const buy = parties.buyOrderId === undefined ? undefined : rows.get(parties.buyOrderId);
    const sell = parties.sellOrderId === undefined ? undefined : rows.get(parties.sellOrderId);
    if (trades.has(execution)) return;
    trades.add(execution, { buyLegId: buy?.legId, sellLegId: sell?.legId });
    const sides = [buy, sell].filter((row) => row !== undefined);
    // The taker came later. Met by the venue's own flow, a member's order is alone, and settles.
    const settling = sides.toSorted((a, b) => a.sequence - b.sequence).at(-1);
    for (const row of sides) {
      row.filled += execution.quantity;
      if (!TERMINAL_STATUSES.has(row.status)) row.status = 'partially-filled';
      turn.changed.add(row);
      const report = { kind: 'leg-executed', legId: row.legId, execution } as const;
      this.#tell(turn, row, report, row === settling);
    }
  }

  /** The book, or its adapter, did not take an order. */
  #reject(turn: Turn, row: VenueOrderRow, rejection: LegRejection): void {
    row.status = 'rejected';
    row.reason = rejection.code;
    turn.changed.add(row);
    this.#tell(turn, row, { kind: 'leg-rejected', legId: row.legId, ...rejection });
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
    const turn = newTurn(tx, after);
    if (request.kind === 'new') this.#reject(turn, row, rejection);
    else await this.#cancelRejected(turn, row, rejection);
    await this.#finish(turn);
  }

  #end(
    turn: Turn,
    row: VenueOrderRow,
    last: {
      readonly state: 'filled' | 'canceled' | 'expired';
      readonly filled: number;
      readonly reason: string;
    },
  ): void {
    const { state, filled, reason } = last;
    row.status = state;
    row.reason = reason;
    turn.changed.add(row);
    this.#tell(turn, row, { kind: 'leg-done', legId: row.legId, state, filled, reason });
  }

  async #cancelRejected(turn: Turn, row: VenueOrderRow, rejection: LegRejection): Promise<void> {
    if (row.homeVenue !== this.#venue) return this.#tell(turn, row, statusReport(row));
    // What was said of the order before it comes first.
    await this.#needs.tellOwnHome(turn.tx, turn.own.splice(0), turn.after);
    await this.#needs.cancelRejectedAtOwnHome(turn.tx, row.legId, rejection, turn.after);
  }

  #status(
    turn: Turn,
    row: VenueOrderRow,
    { status, filled }: Extract<VenueOrderEvent, { kind: 'order-status' }>,
  ): void {
    if (TERMINAL_STATUSES.has(row.status)) return;
    const reason = `The book says: ${status}.`;
    if (status === 'unknown-order') {
      return this.#end(turn, row, { state: 'canceled', filled: row.filled, reason });
    }
    if (status === 'rejected') {
      return this.#reject(turn, row, { code: 'REJECTED_BY_VENUE', message: reason });
    }
    if (status === 'filled' || status === 'canceled' || status === 'expired') {
      return this.#end(turn, row, { state: status, filled, reason });
    }
    this.#tell(turn, row, statusReport(row));
  }

  /**
   * Puts the desk in order after a restart: what the book takes back, in the order of acceptance.
   * Immediate orders without an outcome have the one that was recorded: whatever else the book did
   * with them was never made durable, so it did not happen.
   */
  async recover(tx: Transaction, after: AfterCommit): Promise<OpenOrder[]> {
    const restored: OpenOrder[] = [];
    const turn = newTurn(tx, after);
    for (const row of await holdOpenVenueOrders(tx)) {
      if (row.timeInForce === 'ioc' || row.timeInForce === 'fok') {
        const state = row.filled === row.quantity ? 'filled' : 'canceled';
        const reason = 'The venue restarted.';
        this.#end(turn, row, { state, filled: row.filled, reason });
      } else if (row.status === 'pending-new') {
        after.requests.push({ kind: 'new', order: venueOrderOf(row) });
      } else if (row.filled < row.quantity) {
        restored.push(openOrderOf(row));
      } else {
        const reason = 'Filled before the venue restarted.';
        this.#end(turn, row, { state: 'filled', filled: row.filled, reason });
      }
    }
    await this.#finish(turn);
    return restored;
  }

  #tell(turn: Turn, row: VenueOrderRow, report: LegReport, settles = false): void {
    const { homeVenue } = row;
    const others = turn.others.get(homeVenue);
    if (homeVenue === this.#venue) turn.own.push({ report, settles });
    else if (others) others.push(report);
    else turn.others.set(homeVenue, [report]);
  }

  async #tellNow(
    tx: Transaction,
    row: VenueOrderRow,
    report: LegReport,
    after: AfterCommit,
  ): Promise<void> {
    const turn = newTurn(tx, after);
    this.#tell(turn, row, report);
    await this.#finish(turn);
  }

  async #finish({ tx, after, changed, own, others }: Turn): Promise<void> {
    await saveVenueOrders(tx, [...changed]);
    for (const [home, reports] of others) await this.#needs.sessions.send(tx, home, ...reports);
    await this.#needs.tellOwnHome(tx, own, after);
  }
}

function newTurn(tx: Transaction, after: AfterCommit): Turn {
  return { tx, after, changed: new Set(), own: [], others: new Map() };
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
