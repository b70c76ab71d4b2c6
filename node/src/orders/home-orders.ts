import {
  type Execution,
  invariant,
  type LegOrder,
  type LegRejection,
  type MemberId,
  type OrderMessageBody,
  type VenueId,
} from '@stoa/schema';
import type { Route } from '../routing/router.ts';
import type { Transaction } from '../store/database.ts';
import { storableText } from '../store/storable-text.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AfterCommit } from './after-commit.ts';
import { HeldOrders } from './held-orders.ts';
import type { OrderSessions } from './order-session.ts';
import {
  applyOrderEvent,
  executionKey,
  isComplete,
  isRouting,
  type LegState,
  type NewLeg,
  type OrderEffect,
  type OrderEvent,
  type OrderState,
} from './order-state.ts';
import { insertOrder, type RecordedEvent, type StoredOrder } from './order-store.ts';
import { type Decision, RoutePlanner, type RoutePlannerNeeds } from './route-planner.ts';
import { TradeBook, type TradeStanding } from './trade-book.ts';

/** What an executing venue says of a leg to its home. */
export type LegReport = Extract<
  OrderMessageBody,
  { kind: 'leg-accepted' | 'leg-rejected' | 'leg-executed' | 'leg-done' | 'leg-status' }
>;

/** A report as it was told, and whether its leg is the one for which a trade settles. */
export interface ToldReport {
  readonly report: LegReport;
  readonly settles: boolean;
}

/** A trade that settles for one of this node's orders. */
interface SettlingTrade {
  readonly orderId: string;
  readonly legId: string;
  readonly execution: Execution;
}

/** Settlement, as far as orders call it. */
export interface OrderSettlement {
  /** Within the transaction that records the executions, which this node settles. */
  instruct(tx: Transaction, trades: readonly SettlingTrade[]): Promise<void>;
}

export interface HomeOrderNeeds extends RoutePlannerNeeds {
  readonly sessions: Pick<OrderSessions, 'send' | 'isUp'>;
  readonly settlement: OrderSettlement;
  /** Records legs for this venue's own book. */
  readonly openOwn: (
    tx: Transaction,
    legs: readonly LegOrder[],
    after: AfterCommit,
  ) => Promise<void>;
  /** Told of what a venue said that cannot be true; nothing of it was applied. */
  readonly onContradiction: (code: string) => void;
  readonly logger: Logger;
}

/** What one transaction changes, and what that makes necessary. */
interface Change {
  readonly tx: Transaction;
  readonly orders: HeldOrders;
  readonly after: AfterCommit;
}

interface ReportChange extends Change {
  /** What is recorded of the reporting venue's trades; undefined where it is this venue. */
  readonly trades: TradeBook | undefined;
  readonly settling: SettlingTrade[];
}

/** What an execution id may consist of: it goes into the store and onto screens. */
const PRINTABLE = /^[\x21-\x7e]{1,64}$/;

const CONTRADICTIONS: Readonly<Partial<Record<TradeStanding, string>>> = {
  'id-reused': 'EXECUTION_REUSED',
  'number-reused': 'TRADE_NUMBER_REUSED',
};

/**
 * The orders whose home is this node: applies what happens to them, and what follows from it, within
 * the caller's transaction.
 */
export class HomeOrders {
  readonly #venue: VenueId;
  readonly #needs: HomeOrderNeeds;
  readonly #planner: RoutePlanner;

  constructor(venue: VenueId, needs: HomeOrderNeeds) {
    this.#venue = venue;
    this.#needs = needs;
    this.#planner = new RoutePlanner(venue, needs);
  }

  /** Where an order would go now. */
  preview(order: Pick<StoredOrder, 'instrument' | 'state'>): Route | undefined {
    return this.#planner.preview(order);
  }

  /** Records and routes a new order; undefined when its client order id was used meanwhile. */
  async place(
    tx: Transaction,
    order: StoredOrder,
    after: AfterCommit,
  ): Promise<StoredOrder | undefined> {
    if (!(await insertOrder(tx, order))) return undefined;
    const { side, type, timeInForce, quantity, limitPrice } = order.state;
    const { clientOrderId, account, instrument } = order;
    const terms = { side, type, timeInForce, quantity, limitPrice };
    const data = { clientOrderId, account, instrument, ...terms };
    const change = { tx, orders: HeldOrders.ofNew(tx, order), after };
    await this.#advance(change, order, this.#planner.decide(order, order.state), {
      journal: [{ kind: 'placed', data }],
    });
    await change.orders.write(this.#needs.nowMs());
    return change.orders.order(order.state.id);
  }

  /** Asks to cancel what is open; the order as it then stands. */
  cancel(tx: Transaction, orderId: string, after: AfterCommit): Promise<StoredOrder | undefined> {
    return this.#happens(tx, orderId, { kind: 'cancel-requested' }, after);
  }

  /** The venue of a leg did not answer. */
  async silence(
    tx: Transaction,
    watched: { readonly orderId: string; readonly legId: string; readonly reason: string },
    after: AfterCommit,
  ): Promise<void> {
    const { orderId, legId, reason } = watched;
    await this.#happens(tx, orderId, { kind: 'leg-silent', legId, reason }, after);
  }

  async #happens(
    tx: Transaction,
    orderId: string,
    event: OrderEvent,
    after: AfterCommit,
  ): Promise<StoredOrder | undefined> {
    const orders = await HeldOrders.byId(tx, [orderId]);
    const order = orders.order(orderId);
    if (!order) return undefined;
    await this.#advance({ tx, orders, after }, order, { event });
    await orders.write(this.#needs.nowMs());
    return orders.order(orderId);
  }

  /** This venue's own book would not cancel a leg. */
  async cancelRejected(
    tx: Transaction,
    legId: string,
    rejection: LegRejection,
    after: AfterCommit,
  ): Promise<void> {
    const orders = await HeldOrders.ofLegs(tx, [legId]);
    const order = orders.orderOfLeg(legId);
    const leg = order?.state.legs.find(({ id }) => id === legId);
    // Too late is what a cancel hears that lost to a fill: then there is nothing left to cancel.
    if (!order || !leg || isComplete(leg)) return;
    const event: OrderEvent = { kind: 'leg-cancel-rejected', legId, rejection };
    await this.#advance({ tx, orders, after }, order, { event });
    await orders.write(this.#needs.nowMs());
  }

  /**
   * Applies what `from` says of legs, in order. However many reports there are, each order is read
   * and written once. Executions at this venue are recorded already.
   */
  async reports(
    tx: Transaction,
    from: MemberId,
    told: readonly ToldReport[],
    after: AfterCommit,
  ): Promise<void> {
    if (told.length === 0) return;
    const orders = await HeldOrders.ofLegs(tx, [
      ...new Set(told.map(({ report }) => report.legId)),
    ]);
    const executions = told.flatMap(({ report }) =>
      report.kind === 'leg-executed' && PRINTABLE.test(report.execution.executionId)
        ? [report.execution]
        : [],
    );
    const trades = from === this.#venue ? undefined : await TradeBook.read(tx, from, executions);
    const change: ReportChange = { tx, orders, after, trades, settling: [] };
    for (const each of told) await this.#report(change, from, each);
    const nowMs = this.#needs.nowMs();
    await trades?.write(nowMs);
    if (change.settling.length > 0) await this.#needs.settlement.instruct(tx, change.settling);
    await orders.write(nowMs);
  }

  async #report(
    change: ReportChange,
    from: MemberId,
    { report, settles }: ToldReport,
  ): Promise<void> {
    const order = change.orders.orderOfLeg(report.legId);
    const leg = order?.state.legs.find(({ id }) => id === report.legId);
    if (!order || leg?.venue !== from) return this.#contradiction('LEG_UNKNOWN', from, report);
    if (report.kind === 'leg-executed') {
      return this.#executed(change, { order, leg, report, from, settles });
    }
    const event = eventOf(report);
    const step = applyOrderEvent(order.state, event, new Set());
    if ('ignored' in step) return this.#contradiction(step.ignored, from, report);
    await this.#advance(change, order, { event });
  }

  async #executed(
    change: ReportChange,
    told: {
      readonly order: StoredOrder;
      readonly leg: LegState;
      readonly report: Extract<LegReport, { kind: 'leg-executed' }>;
      readonly from: MemberId;
      readonly settles: boolean;
    },
  ): Promise<void> {
    const { order, leg, report, from } = told;
    const { execution } = report;
    const own = from === this.#venue;
    const { side, id: orderId } = order.state;
    const account = side === 'buy' ? execution.buyer : execution.seller;
    // Legs at other venues always take liquidity, so that their home, which is here, settles them.
    const plausible =
      execution.venue === from &&
      execution.instrument === order.instrument &&
      PRINTABLE.test(execution.executionId) &&
      account.toLowerCase() === order.account &&
      (own || execution.homeVenue === this.#venue);
    if (!plausible) return this.#contradiction('EXECUTION_IMPLAUSIBLE', from, report);

    const standing = change.trades?.standingOf(execution, leg.id, side) ?? 'new';
    const contradiction = CONTRADICTIONS[standing];
    if (contradiction) return this.#contradiction(contradiction, from, report);
    const { venue, executionId, price, quantity } = execution;
    const fill = { venue, executionId, price, quantity };
    const event: OrderEvent = { kind: 'leg-executed', legId: leg.id, ...fill };
    const counted = new Set(standing === 'counted' ? [executionKey(venue, executionId)] : []);
    const step = applyOrderEvent(order.state, event, counted);
    if ('ignored' in step) return this.#contradiction(step.ignored, from, report);

    const legs = side === 'buy' ? { buyLegId: leg.id } : { sellLegId: leg.id };
    if (standing === 'other-side') await change.trades?.addOtherSide(execution, leg.id, side);
    else change.trades?.add(execution, legs);
    const settles = told.settles && execution.homeVenue === this.#venue && standing === 'new';
    if (settles) change.settling.push({ orderId, legId: leg.id, execution });
    await this.#advance(change, order, { event }, { groupOpen: settles });
  }

  /** Applies an event and all that follows from it, and notes the order's new state. */
  async #advance(
    change: Change,
    order: StoredOrder,
    first: Decision,
    also: { readonly journal?: readonly RecordedEvent[]; readonly groupOpen?: boolean } = {},
  ): Promise<void> {
    const { tx, after } = change;
    const groupOpen = order.groupOpen || (also.groupOpen ?? false);
    const journal = [...(also.journal ?? [])];
    let state = order.state;
    let closing = false;
    for (let next: Decision | undefined = first; next; ) {
      const step = applyOrderEvent(state, next.event, new Set());
      if ('ignored' in step) {
        invariant(next === first, 'what follows from an event was ignored', { id: state.id });
        return;
      }
      state = step.state;
      journal.push(recorded(next));
      if (next.event.kind === 'routed') await this.#send(tx, order, next.event.legs, after);
      next = undefined;
      for (const effect of step.effects) {
        if (effect.kind === 'continue') next = this.#planner.decide(order, state);
        else if (effect.kind === 'close-group') closing = true;
        else await this.#carryOut(tx, order, effect, after);
      }
    }
    if (closing && groupOpen && !isRouting(state)) after.groups.add(state.id);
    change.orders.change(state.id, { state, groupOpen }, journal);
    this.#watch(order, state, after);
  }

  async #send(
    tx: Transaction,
    order: StoredOrder,
    sent: readonly NewLeg[],
    after: AfterCommit,
  ): Promise<void> {
    const { side } = order.state;
    const { instrument, member, account } = order;
    const asOrder = ({ id: legId, timeInForce, quantity, limitPrice }: NewLeg): LegOrder => ({
      ...{ legId, instrument, side, timeInForce, quantity, limitPrice, member, account },
    });
    for (const leg of sent) {
      if (leg.venue === this.#venue) await this.#needs.openOwn(tx, [asOrder(leg)], after);
      else await this.#needs.sessions.send(tx, leg.venue, { kind: 'leg-new', leg: asOrder(leg) });
    }
  }

  async #carryOut(
    tx: Transaction,
    order: StoredOrder,
    effect: Extract<OrderEffect, { kind: 'cancel-leg' | 'ask-status' }>,
    after: AfterCommit,
  ): Promise<void> {
    const { id: legId, venue } = effect.leg;
    const canceling = effect.kind === 'cancel-leg';
    if (venue === this.#venue) {
      const kind = canceling ? 'cancel' : 'status';
      after.requests.push({ kind, orderId: legId, instrument: order.instrument });
    } else {
      const kind = canceling ? 'leg-cancel' : 'leg-status-request';
      await this.#needs.sessions.send(tx, venue, { kind, legId });
    }
  }

  /** A leg is watched until it is answered: a resting one by its acceptance. */
  #watch(order: StoredOrder, state: OrderState, after: AfterCommit): void {
    for (const leg of state.legs) {
      if (order.state.legs.includes(leg)) continue;
      const answered =
        isComplete(leg) ||
        leg.status === 'unknown' ||
        (leg.purpose === 'rest' && leg.status !== 'pending-new');
      const watch = { orderId: state.id, venue: leg.venue };
      after.watches.set(leg.id, answered ? undefined : watch);
    }
  }

  /** Repeats are normal. Anything else a venue must not say: it changes nothing, and is told loudly. */
  #contradiction(code: string, from: MemberId, report: LegReport): void {
    if (code === 'DUPLICATE') return;
    this.#needs.onContradiction(code);
    this.#needs.logger.error({ code, from, report }, 'leg report contradicts the order');
  }
}

/** What a report means for the order. Texts come from another member, and are kept. */
function eventOf(report: Exclude<LegReport, { kind: 'leg-executed' }>): OrderEvent {
  switch (report.kind) {
    case 'leg-rejected': {
      const { legId, code, message } = report;
      const rejection = { code: storableText(code), message: storableText(message) };
      return { kind: 'leg-rejected', legId, rejection };
    }
    case 'leg-done':
      return { ...report, reason: storableText(report.reason) };
    case 'leg-accepted':
    case 'leg-status':
      return report;
  }
}

function recorded({ event, route: decided }: Decision): RecordedEvent {
  const { kind, ...data } = event;
  return { kind, data: decided ? { ...data, route: decided } : data };
}
