import type { TradeParties, VenueEvent, VenueMarketEvent, VenueQuoteEvent } from '@stoa/adapters';
import { type Execution, type LegRejection, TERMINAL_STATUSES, type VenueId } from '@stoa/schema';
import type { Transaction } from '../../store/database.ts';
import { together } from '../../store/together.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { AfterCommit } from '../after-commit.ts';
import type { LegReport } from '../leg-reports.ts';
import { liveStatus } from '../life/order-types.ts';
import { holdOrders, orderIdsOf } from '../order-store.ts';
import { TradeBook } from '../trade-book.ts';
import { holdVenueOrders, type VenueOrderRow } from './venue-order-store.ts';
import { VenueTurn, type VenueTurnNeeds } from './venue-turn.ts';

/** Events of the venue that are about orders. */
export type VenueOrderEvent = Exclude<VenueEvent, VenueMarketEvent | VenueQuoteEvent>;
/** A trade that is undone, or is another than was said. */
export type TradeChangeEvent = Extract<VenueOrderEvent, { kind: 'busted' | 'corrected' }>;
/** Events about one order. */
type OneOrderEvent = Extract<VenueOrderEvent, { readonly orderId: string }>;

export interface VenueEventNeeds extends VenueTurnNeeds {
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** Events that are worked on together, with what is recorded of what they are about. */
interface EventPart {
  readonly events: readonly VenueOrderEvent[];
  readonly rows: ReadonlyMap<string, VenueOrderRow>;
  readonly trades: TradeBook;
}

/** Events that are worked on before they are written, at most: it bounds the statements, too. */
const MOST_AT_ONCE = 1_000;

/** Records what this venue's book says, and tells the orders' homes, in the caller's transaction. */
export class VenueEvents {
  readonly #venue: VenueId;
  readonly #needs: VenueEventNeeds;

  constructor(venue: VenueId, needs: VenueEventNeeds) {
    this.#venue = venue;
    this.#needs = needs;
  }

  /** Repeats change nothing. */
  async record(
    tx: Transaction,
    events: readonly VenueOrderEvent[],
    after: AfterCommit,
  ): Promise<void> {
    const changing = events.flatMap((event) => (isTradeChange(event) ? [changedIdOf(event)] : []));
    const known = await TradeBook.read(tx, this.#venue, [], changing);
    const traded = changing.flatMap((id) => legsOf(known, id));
    const legIds = [...new Set([...events.flatMap(legIdsOf), ...traded])];
    const first = events.slice(0, MOST_AT_ONCE);
    const [rows, trades] = await together(this.#hold(tx, legIds), this.#tradesOf(tx, first));
    await this.#record(tx, { events: first, rows, trades }, after);
    for (let next = MOST_AT_ONCE; next < events.length; next += MOST_AT_ONCE) {
      const some = events.slice(next, next + MOST_AT_ONCE);
      const part = { events: some, rows, trades: await this.#tradesOf(tx, some) };
      await this.#record(tx, part, after);
    }
  }

  async #hold(tx: Transaction, legIds: readonly string[]): Promise<Map<string, VenueOrderRow>> {
    await holdOwnOrders(tx, this.#venue, legIds);
    return holdVenueOrders(tx, legIds);
  }

  /** Nobody else records trades of this venue's book, whatever is held. */
  #tradesOf(tx: Transaction, events: readonly VenueOrderEvent[]): Promise<TradeBook> {
    const executions = events.flatMap((event) =>
      event.kind === 'executed' ? [event.execution] : [],
    );
    const changing = events.flatMap((event) => (isTradeChange(event) ? [changedIdOf(event)] : []));
    return TradeBook.read(tx, this.#venue, executions, changing);
  }

  async #record(
    tx: Transaction,
    { events, rows, trades }: EventPart,
    after: AfterCommit,
  ): Promise<void> {
    const turn = new VenueTurn(this.#venue, tx, after, this.#needs);
    for (const event of events) {
      if (event.kind === 'executed') {
        this.#executed(turn, event.execution, event.parties, rows, trades);
      } else if (isTradeChange(event)) {
        await this.#tradeChanged(turn, event, rows, trades);
      } else {
        const row = rows.get(event.orderId);
        if (row) this.#event(turn, row, event);
        else
          this.#needs.logger.error({ event }, 'the book speaks of an order that nobody recorded');
      }
    }
    trades.write(this.#needs.nowMs());
    await turn.finish();
  }

  #event(turn: VenueTurn, row: VenueOrderRow, event: Exclude<OneOrderEvent, { kind: 'executed' }>) {
    const { legId } = row;
    const ended = TERMINAL_STATUSES.has(row.status);
    switch (event.kind) {
      case 'accepted':
        if (row.status !== 'pending-new') return;
        row.status = 'new';
        turn.changes(row);
        return row.acceptanceTold ? undefined : turn.tell(row, { kind: 'leg-accepted', legId });
      case 'rejected':
        return ended ? undefined : reject(turn, row, event.rejection);
      case 'done':
        return ended ? undefined : end(turn, row, event);
      case 'done-for-day':
        return ended ? undefined : pause(turn, row, 'done-for-day');
      case 'cancel-rejected':
        return cancelRejected(turn, row, event.rejection);
      case 'replaced':
        return this.#replaced(turn, row, event);
      case 'replace-rejected':
        return replaceRejected(turn, row, event.rejection);
      case 'order-status':
        return this.#status(turn, row, event);
    }
  }

  #executed(
    turn: VenueTurn,
    told: Execution,
    parties: TradeParties,
    rows: ReadonlyMap<string, VenueOrderRow>,
    trades: TradeBook,
  ): void {
    const buy = parties.buyOrderId === undefined ? undefined : rows.get(parties.buyOrderId);
    const sell = parties.sellOrderId === undefined ? undefined : rows.get(parties.sellOrderId);
    const sides = [buy, sell].filter((row) => row !== undefined);
    const settling = settlingSide(sides, told);
    // Met by the venue's own flow, a member's order is alone: then its home settles, taker or not.
    const alone = sides.length === 1 && settling !== undefined;
    const execution = alone ? { ...told, homeVenue: settling.homeVenue } : told;
    if (trades.has(execution)) return;
    trades.add(execution, { buyLegId: buy?.legId, sellLegId: sell?.legId });
    for (const row of sides) {
      row.filled += execution.quantity;
      if (!TERMINAL_STATUSES.has(row.status)) row.status = 'partially-filled';
      turn.changes(row);
      turn.tell(row, { kind: 'leg-executed', legId: row.legId, execution }, row === settling);
    }
  }

  /** The trade's own record stays; what became of it is added, and its orders count anew. */
  async #tradeChanged(
    turn: VenueTurn,
    event: TradeChangeEvent,
    rows: ReadonlyMap<string, VenueOrderRow>,
    trades: TradeBook,
  ): Promise<void> {
    const standing = trades.standing(changedIdOf(event));
    // A trade of the venue's own flow with itself is nobody's order: only its print is withdrawn.
    if (!standing) return;
    const corrected = event.kind === 'corrected';
    const { price, quantity } = corrected ? event.execution : { price: 0, quantity: 0 };
    const reason = corrected ? {} : { reason: event.reason };
    if (standing.quantity === 0 || !trades.change(standing, { price, quantity, ...reason })) return;

    const { trade } = standing;
    const { recordedAtMs: _none, buyLegId, sellLegId, ...first } = { recordedAtMs: 0, ...trade };
    const execution = { ...first, price, quantity };
    const sides = [buyLegId, sellLegId].flatMap((id) => (id ? (rows.get(id) ?? []) : []));
    const own = sides.find(({ homeVenue }) => homeVenue === this.#venue);
    for (const row of sides) {
      const { legId } = row;
      row.filled += quantity - standing.quantity;
      if (!TERMINAL_STATUSES.has(row.status)) row.status = liveStatus(row.filled);
      else if (row.status === 'filled' && row.filled < row.quantity) row.status = 'canceled';
      turn.changes(row);
      const report: LegReport = corrected
        ? { kind: 'leg-trade-corrected', legId, execution }
        : {
            ...{ kind: 'leg-trade-busted', legId, executionId: trade.executionId },
            reason: event.reason.slice(0, MAX_TEXT),
          };
      turn.tell(row, report, row === own);
    }
  }

  #replaced(
    turn: VenueTurn,
    row: VenueOrderRow,
    { quantity, limitPrice, ...event }: Extract<VenueOrderEvent, { kind: 'replaced' }>,
  ): void {
    // Said again after a crash, it is known.
    const known = row.quantity === quantity && row.limitPrice === limitPrice;
    if (TERMINAL_STATUSES.has(row.status) || (row.pendingRevision === null && known)) return;
    if (row.pendingRevision === null) {
      this.#needs.logger.warn({ event }, 'the book replaced an order unasked');
    }
    const { legId } = row;
    const revision = row.pendingRevision ?? Math.max(1, row.revision);
    row.quantity = quantity;
    row.limitPrice = limitPrice;
    answered(row);
    turn.changes(row);
    turn.tell(row, { kind: 'leg-replaced', legId, revision, quantity, limitPrice });
  }

  #status(
    turn: VenueTurn,
    row: VenueOrderRow,
    { status, filled }: Extract<VenueOrderEvent, { kind: 'order-status' }>,
  ): void {
    if (TERMINAL_STATUSES.has(row.status)) return;
    const reason = `The book says: ${status}.`;
    if (status === 'unknown-order') {
      return end(turn, row, { state: 'canceled', filled: row.filled, reason });
    }
    if (status === 'rejected') {
      return reject(turn, row, { code: 'REJECTED_BY_VENUE', message: reason });
    }
    if (status === 'filled' || status === 'canceled' || status === 'expired') {
      return end(turn, row, { state: status, filled, reason });
    }
    if (status === 'suspended' || status === 'done-for-day') return pause(turn, row, status);
    if (row.status === 'suspended' || row.status === 'done-for-day') {
      row.status = liveStatus(row.filled);
      turn.changes(row);
    }
    turn.tell(row, statusReport(row));
  }
}

/** Texts of order messages are bounded. */
const MAX_TEXT = 512;

/** The book, or its adapter, did not take an order. */
export function reject(turn: VenueTurn, row: VenueOrderRow, rejection: LegRejection): void {
  row.status = 'rejected';
  row.reason = rejection.code;
  answered(row);
  turn.changes(row);
  turn.tell(row, { kind: 'leg-rejected', legId: row.legId, ...rejection });
}

/** The book is done with an order. */
export function end(
  turn: VenueTurn,
  row: VenueOrderRow,
  last: {
    readonly state: 'filled' | 'canceled' | 'expired';
    readonly filled: number;
    readonly reason: string;
  },
): void {
  const { state, filled, reason } = last;
  row.status = state === 'filled' && row.filled < row.quantity ? 'canceled' : state;
  row.reason = reason;
  answered(row);
  turn.changes(row);
  turn.tell(row, { kind: 'leg-done', legId: row.legId, state, filled, reason });
}

/** The book would not cancel an order, which stands as it was; or it was over already. */
export function cancelRejected(
  turn: VenueTurn,
  row: VenueOrderRow,
  { code, message }: LegRejection,
): void {
  row.cancelRequested = false;
  turn.changes(row);
  turn.tell(row, { kind: 'leg-cancel-rejected', legId: row.legId, code, message });
}

/** The book would not replace an order, which stands as it was. */
export function replaceRejected(
  turn: VenueTurn,
  row: VenueOrderRow,
  { code, message }: LegRejection,
): void {
  const { legId, pendingRevision: revision } = row;
  if (revision === null) return;
  answered(row);
  turn.changes(row);
  turn.tell(row, { kind: 'leg-replace-rejected', legId, revision, code, message });
}

function pause(turn: VenueTurn, row: VenueOrderRow, status: 'done-for-day' | 'suspended'): void {
  if (row.status === status) return;
  row.status = status;
  turn.changes(row);
  turn.tell(row, statusReport(row));
}

/** Nothing that was asked of the book about this order waits any more, but for its cancellation. */
function answered(row: VenueOrderRow): void {
  row.revision = row.pendingRevision ?? row.revision;
  row.pendingRevision = null;
  row.pendingQuantity = null;
  row.pendingLimitPrice = null;
}

/** Where an order stands here, as its home is told. */
export function statusReport({ legId, filled, status }: VenueOrderRow): LegReport {
  switch (status) {
    case 'pending-new':
    case 'pending-cancel':
    case 'pending-replace':
    case 'unknown':
      return { kind: 'leg-status', legId, state: filled > 0 ? 'partially-filled' : 'new', filled };
    default:
      return { kind: 'leg-status', legId, state: status, filled };
  }
}

/**
 * The side whose home settles: the taker's, as the venue says; of two at one home the later one,
 * which took what was there.
 */
function settlingSide(
  sides: readonly VenueOrderRow[],
  { homeVenue }: Execution,
): VenueOrderRow | undefined {
  const byTime = sides.toSorted((a, b) => a.sequence - b.sequence);
  return byTime.findLast((row) => row.homeVenue === homeVenue) ?? byTime.at(-1);
}

function legIdsOf(event: VenueOrderEvent): string[] {
  if ('orderId' in event) return [event.orderId];
  if (event.kind !== 'executed') return [];
  const { buyOrderId, sellOrderId } = event.parties;
  return [buyOrderId, sellOrderId].filter((id) => id !== undefined);
}

function legsOf(trades: TradeBook, executionId: string): string[] {
  const trade = trades.standing(executionId)?.trade;
  return [trade?.buyLegId, trade?.sellLegId].filter((id) => id != null);
}

function isTradeChange(event: VenueOrderEvent): event is TradeChangeEvent {
  return event.kind === 'busted' || event.kind === 'corrected';
}

function changedIdOf(event: TradeChangeEvent): string {
  return event.kind === 'busted' ? event.executionId : event.execution.executionId;
}

/**
 * Holds this node's own orders among those that have these legs. Everybody holds orders before legs
 * in the book, and both before members' numbers, so that no two transactions wait for each other.
 */
export async function holdOwnOrders(
  tx: Transaction,
  venue: VenueId,
  legIds: readonly string[],
): Promise<void> {
  // Order ids are `<home>-<code>`.
  await holdOrders(tx, orderIdsOf(legIds.filter((legId) => legId.startsWith(`${venue}-`))));
}
