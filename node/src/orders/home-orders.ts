import { invariant, type MemberId, type Price, type Quantity, type VenueId } from '@stoa/schema';
import type { SettleableBound } from '../routing/route.ts';
import type { Transaction } from '../store/database.ts';
import { together } from '../store/together.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AfterCommit } from './after-commit.ts';
import { HeldOrders, type RecordedEvent } from './held-orders.ts';
import { HomeChange, type HomeChangeNeeds, type Reasoned } from './home-change.ts';
import { eventOf, isTradeReport, type LegReport, type ToldReport } from './leg-reports.ts';
import { type Advance, advance } from './life/order-advance.ts';
import {
  type IgnoredCode,
  isComplete,
  type OrderEvent,
  type OrderState,
} from './life/order-state.ts';
import { OrderDecisions } from './order-decisions.ts';
import type { StoredOrder } from './order-rows.ts';
import { orderIdsOf } from './order-store.ts';
import {
  type Decision,
  type PlannedOrder,
  RoutePlanner,
  type RoutePlannerNeeds,
  type RoutePreview,
} from './route-planner.ts';
import type { OrderSessions } from './sessions/order-session.ts';
import type { VenueTermsBook } from './terms/venue-terms-book.ts';
import { TradeBook } from './trade-book.ts';
import {
  type Contradiction,
  executionIdOf,
  executionsOf,
  fillStanding,
  type LegTold,
  type OrderSettlement,
  toldTerms,
  tradeEventOf,
} from './trade-reports.ts';

export interface HomeOrderNeeds extends RoutePlannerNeeds, HomeChangeNeeds {
  readonly sessions: Pick<OrderSessions, 'send' | 'isUp'>;
  readonly settlement: OrderSettlement;
  readonly terms: VenueTermsBook;
  /** Told of what a venue said that cannot be true; nothing of it was applied. */
  readonly onContradiction: (code: string) => void;
  readonly logger: Logger;
}

/** Other terms that an order is asked to have, and the request's own id where it has one. */
export interface ReplacementRequest {
  readonly quantity: Quantity;
  readonly limitPrice?: Price;
  readonly clientOrderId?: string;
}

/** What is asked of an order, and came too late or was too much. */
export interface NotReplaced {
  readonly ignored: IgnoredCode;
}

/**
 * The orders whose home is this node: applies what happens to them, and what follows from it, within
 * the caller's transaction.
 */
export class HomeOrders {
  readonly #planner: RoutePlanner;
  readonly #venue: VenueId;
  readonly #needs: HomeOrderNeeds;
  readonly #decisions: OrderDecisions;

  constructor(venue: VenueId, needs: HomeOrderNeeds) {
    this.#venue = venue;
    this.#needs = needs;
    this.#planner = new RoutePlanner(venue, needs);
    this.#decisions = new OrderDecisions({ ...needs, planner: this.#planner });
  }

  /** Where an order would go now; `settleable`: if no more of it than that could settle. */
  preview(order: PlannedOrder, settleable?: SettleableBound): RoutePreview | undefined {
    return this.#planner.preview(order, settleable);
  }

  /**
   * Records and routes new orders, as they then stand. The transaction fails where a client order id
   * was used.
   */
  async place(
    tx: Transaction,
    added: readonly StoredOrder[],
    after: AfterCommit,
  ): Promise<StoredOrder[]> {
    const change = this.#change(tx, HeldOrders.ofNew(tx, added), after);
    for (const order of added) {
      const steps = this.#advance(order, this.#decide(order, order.state));
      const journal = [placedEvent(order), ...steps.journal];
      change.orders.change(order.state.id, { state: steps.state, groupOpen: false }, journal);
      change.carryOut(order, steps, false);
    }
    await change.finish();
    return added.map((order) => change.orders.order(order.state.id) ?? order);
  }

  /** Asks to cancel what is open of orders; as they then stand. `by` is the request's own id. */
  async cancel(
    tx: Transaction,
    orderIds: readonly string[],
    after: AfterCommit,
    by: { readonly clientOrderId?: string } = {},
  ): Promise<StoredOrder[]> {
    return this.#happens(tx, orderIds, { kind: 'cancel-requested', ...by }, after);
  }

  /** Asks for other terms; the order as it then stands, or why they cannot be asked for. */
  async replace(
    tx: Transaction,
    orderId: string,
    by: ReplacementRequest,
    after: AfterCommit,
  ): Promise<StoredOrder | NotReplaced | undefined> {
    const orders = await HeldOrders.byId(tx, [orderId]);
    const order = orders.order(orderId);
    if (!order) return undefined;
    const reroute = this.#leavesItsVenue(order, by);
    const event: OrderEvent = { kind: 'replace-requested', ...by, reroute };
    const change = this.#change(tx, orders, after);
    const steps = advance(order.state, { event }, (state) => this.#decide(order, state));
    if ('ignored' in steps) return steps;
    change.apply(order, steps);
    await change.finish();
    return orders.order(orderId);
  }

  /** The venue of a leg did not answer. */
  async silence(
    tx: Transaction,
    watched: { readonly orderId: string; readonly legId: string; readonly reason: string },
    after: AfterCommit,
  ): Promise<void> {
    const { orderId, legId, reason } = watched;
    await this.#happens(tx, [orderId], { kind: 'leg-silent', legId, reason }, after);
  }

  /** Asks legs' venues where they stand; nothing changes before they answer. */
  async askStatus(
    tx: Transaction,
    asked: readonly { readonly orderId: string; readonly legId: string }[],
    after: AfterCommit,
  ): Promise<void> {
    const orders = await HeldOrders.byId(
      tx,
      asked.map(({ orderId }) => orderId),
    );
    const change = this.#change(tx, orders, after);
    for (const { orderId, legId } of asked) {
      const leg = orders.order(orderId)?.state.legs.find(({ id }) => id === legId);
      if (leg && !isComplete(leg)) change.ask({ kind: 'ask-status', leg });
    }
    await change.finish();
  }

  /** The open that orders waited for has come. */
  async release(tx: Transaction, orderIds: readonly string[], after: AfterCommit): Promise<void> {
    await this.#happens(tx, orderIds, { kind: 'released' }, after);
  }

  async #happens(
    tx: Transaction,
    orderIds: readonly string[],
    event: OrderEvent,
    after: AfterCommit,
  ): Promise<StoredOrder[]> {
    const orders = await HeldOrders.byId(tx, orderIds);
    const change = this.#change(tx, orders, after);
    for (const id of orderIds) {
      const order = orders.order(id);
      const steps = order && advance(order.state, { event }, (state) => this.#decide(order, state));
      if (!order || !steps || 'ignored' in steps) continue;
      change.apply(order, steps);
      if (event.kind === 'leg-silent') {
        const leg = order.state.legs.find((each) => each.id === event.legId);
        if (leg) change.told(order, leg, { silent: event.reason });
      }
    }
    await change.finish();
    return orderIds.flatMap((id) => orders.order(id) ?? []);
  }

  /**
   * Applies what `from` says of legs, in order. However many reports there are, each order is read
   * and written once; only changes of earlier trades, which are rare, stand for themselves.
   * Executions at this venue are recorded already.
   */
  async reports(
    tx: Transaction,
    from: MemberId,
    told: readonly ToldReport[],
    after: AfterCommit,
  ): Promise<void> {
    for (let first = 0; first < told.length; ) {
      const next = told.slice(first);
      const change = next.findIndex(({ report }) => isTradeReport(report));
      const count = change === 0 ? 1 : change < 0 ? next.length : change;
      await this.#reports(tx, from, next.slice(0, count), after);
      first += count;
    }
  }

  async #reports(
    tx: Transaction,
    from: MemberId,
    told: readonly ToldReport[],
    after: AfterCommit,
  ): Promise<void> {
    const legIds = [...new Set(told.map(({ report }) => report.legId))];
    const changing = told.flatMap(({ report }) =>
      isTradeReport(report) ? [executionIdOf(report)] : [],
    );
    const isRecorded = from === this.#venue && changing.length === 0;
    // The orders are held before the rest of it is read, though all is asked for at once.
    const [orders, trades] = await together(
      HeldOrders.ofLegs(tx, legIds),
      isRecorded ? undefined : TradeBook.read(tx, from, executionsOf(told), changing),
      this.#needs.receipts?.expect(tx, orderIdsOf(legIds)),
    );
    const change = this.#change(tx, orders, after);
    for (const each of told) await this.#report(change, from, each, trades);
    if (from !== this.#venue) trades?.write(this.#needs.nowMs());
    await together(
      change.settling.length > 0 && this.#needs.settlement.instruct(tx, change.settling),
      change.finish(),
    );
  }

  async #report(
    change: HomeChange,
    from: MemberId,
    told: ToldReport,
    trades: TradeBook | undefined,
  ): Promise<void> {
    const { report, settles } = told;
    const order = change.orders.orderOfLeg(report.legId);
    const leg = order?.state.legs.find(({ id }) => id === report.legId);
    if (!order || leg?.venue !== from) return this.#contradiction('LEG_UNKNOWN', from, report);
    const about = { order, leg, from, settles };
    const contradiction = await this.#believed(change, about, report, trades);
    if (contradiction) return this.#contradiction(contradiction, from, report);
    change.told(order, leg, { body: report, signed: told.signed });
  }

  /** Applies a report; what is wrong with it where it cannot be. */
  async #believed(
    change: HomeChange,
    about: LegTold,
    report: LegReport,
    trades: TradeBook | undefined,
  ): Promise<Contradiction | undefined> {
    if (report.kind === 'leg-executed') return this.#executed(change, about, report, trades);
    if (isTradeReport(report)) return this.#tradeChanged(change, about, report, trades);
    const { order } = about;
    const steps = advance(order.state, { event: eventOf(report) }, (state) =>
      this.#decide(order, state),
    );
    if ('ignored' in steps) return steps.ignored;
    change.apply(order, steps);
    return undefined;
  }

  async #executed(
    change: HomeChange,
    about: LegTold,
    { execution }: Extract<LegReport, { kind: 'leg-executed' }>,
    trades: TradeBook | undefined,
  ): Promise<Contradiction | undefined> {
    const standing = fillStanding(this.#venue, about, execution, trades);
    if (typeof standing === 'object') return standing.contradiction;
    if (standing === 'counted') return 'DUPLICATE';
    const { order, leg } = about;
    const { side, id: orderId } = order.state;
    const { venue, executionId, price, quantity } = execution;
    const event: OrderEvent = {
      ...{ kind: 'leg-executed', legId: leg.id, venue, executionId, price, quantity },
    };
    const steps = advance(order.state, { event }, (state) => this.#decide(order, state));
    if ('ignored' in steps) return steps.ignored;

    const legs = side === 'buy' ? { buyLegId: leg.id } : { sellLegId: leg.id };
    if (standing === 'other-side') await trades?.addOtherSide(execution, leg.id, side);
    else trades?.add(execution, legs);
    const settles = about.settles && execution.homeVenue === this.#venue && standing === 'new';
    if (settles) change.settling.push({ orderId, legId: leg.id, execution });
    this.#needs.settlement.filled(change.tx, execution, side);
    change.apply(order, steps, settles);
    return undefined;
  }

  async #tradeChanged(
    change: HomeChange,
    about: LegTold,
    report: Extract<LegReport, { kind: 'leg-trade-busted' | 'leg-trade-corrected' }>,
    trades: TradeBook | undefined,
  ): Promise<Contradiction | undefined> {
    const standing = trades?.standing(executionIdOf(report));
    if (!trades || !standing) return 'TRADE_UNKNOWN';
    const event = await tradeEventOf(change.tx, about, report, trades);
    if ('contradiction' in event) return event.contradiction;
    const { order, leg, from, settles } = about;
    const steps = advance(order.state, { event }, (state) => this.#decide(order, state));
    if ('ignored' in steps) return steps.ignored;
    // Both sides may be this node's: what the trade is now is recorded, and settled, once.
    const terms = toldTerms(report);
    const trade = { ...standing.trade, ...{ price: terms.price, quantity: terms.quantity } };
    this.#needs.settlement.filled(change.tx, trade, order.state.side);
    const isFirst = from === this.#venue ? settles : trades.change(standing, terms);
    const again = isFirst && (await this.#withdrawn(change.tx, standing.trade, report.kind));
    if (again && report.kind === 'leg-trade-corrected') {
      const { execution } = report;
      change.settling.push({ orderId: order.state.id, legId: leg.id, execution });
    }
    change.apply(order, steps, change.settling.length > 0);
    return undefined;
  }

  /** Whether a trade that changed is this node's to settle, and not on its way there yet. */
  async #withdrawn(
    tx: Transaction,
    trade: { readonly venue: VenueId; readonly tradeNumber: number; readonly homeVenue: VenueId },
    why: LegReport['kind'],
  ): Promise<boolean> {
    if (trade.homeVenue !== this.#venue) return false;
    const { venue, tradeNumber } = trade;
    const reason = why === 'leg-trade-busted' ? 'TRADE_BUSTED' : 'TRADE_CORRECTED';
    const outcome = await this.#needs.settlement.withdraw(tx, { venue, tradeNumber }, reason);
    return outcome === 'withdrawn';
  }

  /** A better limit, which another venue's quote already meets: what rests must come back first. */
  #leavesItsVenue(
    order: StoredOrder,
    by: { readonly quantity: Quantity; readonly limitPrice?: Price },
  ): boolean {
    const { state } = order;
    const { limitPrice = state.limitPrice } = by;
    if (limitPrice === undefined || state.limitPrice === undefined) return false;
    const better =
      state.side === 'buy' ? limitPrice > state.limitPrice : limitPrice < state.limitPrice;
    if (!better || by.quantity <= state.filled) return false;
    const resting = state.legs.filter((leg) => !isComplete(leg));
    const wanted = { ...state, quantity: by.quantity, limitPrice, legs: [] };
    const route = this.#planner.preview({ ...order, state: wanted });
    return (route?.legs ?? []).some(
      ({ venue }) => !resting.some((leg) => leg.venue === venue && leg.purpose === 'rest'),
    );
  }

  #change(tx: Transaction, orders: HeldOrders, after: AfterCommit): HomeChange {
    return new HomeChange({ venue: this.#venue, tx, orders, after }, this.#needs);
  }

  #decide(order: StoredOrder, state: OrderState): Reasoned {
    const decision: Reasoned = this.#decisions.decide(order, state);
    if (!this.#needs.receipts || !decision.input) return decision;
    // In the same turn as the planner saw the book: these are the frames behind it.
    return { ...decision, frames: this.#needs.market.evidence(order.instrument) };
  }

  /** Only the first decision of a new order: nothing can be ignored. */
  #advance(order: StoredOrder, first: Decision): Advance {
    const steps = advance(order.state, first, (state) => this.#decide(order, state));
    invariant(!('ignored' in steps), 'a new order ignored its decision', { id: order.state.id });
    return steps;
  }

  /** Repeats are normal. Anything else a venue must not say: it changes nothing, and is told loudly. */
  #contradiction(code: Contradiction, from: MemberId, report: LegReport): void {
    if (code === 'DUPLICATE' || (code === 'LEG_ENDED' && report.kind === 'leg-cancel-rejected')) {
      return;
    }
    this.#needs.onContradiction(code);
    this.#needs.logger.error({ code, from, report }, 'leg report contradicts the order');
  }
}

function placedEvent(order: StoredOrder): RecordedEvent {
  const {
    id: _id,
    status: _status,
    filled: _filled,
    notional: _notional,
    legs: _legs,
    ...terms
  } = order.state;
  const { clientOrderId, account, instrument } = order;
  return {
    kind: 'placed',
    data: { clientOrderId, account, instrument, ...terms },
    after: order.state,
  };
}
