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
import type { Logger } from '../telemetry/logger.ts';
import type { AfterCommit } from './after-commit.ts';
import { addOtherSide, insertExecution, standingOf } from './execution-store.ts';
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
import {
  holdOrder,
  insertOrder,
  orderIdOfLeg,
  type RecordedEvent,
  type StoredOrder,
  saveOrder,
} from './order-store.ts';
import { type Decision, RoutePlanner, type RoutePlannerNeeds } from './route-planner.ts';

/** What an executing venue says of a leg to its home. */
export type LegReport = Extract<
  OrderMessageBody,
  { kind: 'leg-accepted' | 'leg-rejected' | 'leg-executed' | 'leg-done' | 'leg-status' }
>;

/** Settlement, as far as orders call it. */
export interface OrderSettlement {
  /** Within the transaction that records an execution which this node settles. */
  instruct(
    tx: Transaction,
    trade: { readonly orderId: string; readonly legId: string; readonly execution: Execution },
  ): Promise<void>;
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
    return this.#advance(tx, order, this.#planner.decide(order, order.state), after, {
      journal: [{ kind: 'placed', data }],
    });
  }

  /** Asks to cancel what is open; the order as it then stands. */
  async cancel(
    tx: Transaction,
    orderId: string,
    after: AfterCommit,
  ): Promise<StoredOrder | undefined> {
    const order = await holdOrder(tx, orderId);
    return order && this.#advance(tx, order, { event: { kind: 'cancel-requested' } }, after);
  }

  /** The venue of a leg did not answer. */
  async silence(
    tx: Transaction,
    watched: { readonly orderId: string; readonly legId: string; readonly reason: string },
    after: AfterCommit,
  ): Promise<void> {
    const order = await holdOrder(tx, watched.orderId);
    const event: OrderEvent = { kind: 'leg-silent', legId: watched.legId, reason: watched.reason };
    if (order) await this.#advance(tx, order, { event }, after);
  }

  /** This venue's own book would not cancel a leg. */
  async cancelRejected(
    tx: Transaction,
    legId: string,
    rejection: LegRejection,
    after: AfterCommit,
  ): Promise<void> {
    const orderId = await orderIdOfLeg(tx, legId);
    const order = orderId === undefined ? undefined : await holdOrder(tx, orderId);
    const leg = order?.state.legs.find(({ id }) => id === legId);
    // Too late is what a cancel hears that lost to a fill: then there is nothing left to cancel.
    if (!order || !leg || isComplete(leg)) return;
    await this.#advance(
      tx,
      order,
      { event: { kind: 'leg-cancel-rejected', legId, rejection } },
      after,
    );
  }

  /**
   * Applies what `from` says of a leg. An execution at this venue is recorded already, and
   * `instruct` says whether this is the leg for which it settles.
   */
  async report(
    tx: Transaction,
    from: MemberId,
    report: LegReport,
    after: AfterCommit,
    instruct = true,
  ): Promise<void> {
    const orderId = await orderIdOfLeg(tx, report.legId);
    const order = orderId === undefined ? undefined : await holdOrder(tx, orderId);
    const leg = order?.state.legs.find(({ id }) => id === report.legId);
    if (!order || leg?.venue !== from) return this.#contradiction('LEG_UNKNOWN', from, report);
    if (report.kind === 'leg-executed') {
      return this.#executed(tx, { order, leg, report, from, instruct }, after);
    }
    const event: OrderEvent =
      report.kind === 'leg-rejected'
        ? { kind: 'leg-rejected', legId: leg.id, rejection: report }
        : report;
    const step = applyOrderEvent(order.state, event, new Set());
    if ('ignored' in step) return this.#contradiction(step.ignored, from, report);
    await this.#advance(tx, order, { event }, after);
  }

  async #executed(
    tx: Transaction,
    told: {
      readonly order: StoredOrder;
      readonly leg: LegState;
      readonly report: Extract<LegReport, { kind: 'leg-executed' }>;
      readonly from: MemberId;
      readonly instruct: boolean;
    },
    after: AfterCommit,
  ): Promise<void> {
    const { order, leg, report, from, instruct } = told;
    const { execution } = report;
    const own = from === this.#venue;
    const { side } = order.state;
    const account = side === 'buy' ? execution.buyer : execution.seller;
    // Legs at other venues always take liquidity, so that their home, which is here, settles them.
    const plausible =
      execution.venue === from &&
      execution.instrument === order.instrument &&
      account.toLowerCase() === order.account &&
      (own || execution.homeVenue === this.#venue);
    if (!plausible) return this.#contradiction('EXECUTION_IMPLAUSIBLE', from, report);

    const standing = own ? 'new' : await standingOf(tx, execution, leg.id, side);
    if (standing === 'contradicts') return this.#contradiction('EXECUTION_REUSED', from, report);
    const { venue, executionId, price, quantity } = execution;
    const event: OrderEvent = {
      kind: 'leg-executed',
      legId: leg.id,
      venue,
      executionId,
      price,
      quantity,
    };
    const counted = new Set(standing === 'counted' ? [executionKey(venue, executionId)] : []);
    const step = applyOrderEvent(order.state, event, counted);
    if ('ignored' in step) return this.#contradiction(step.ignored, from, report);

    if (standing === 'other-side') await addOtherSide(tx, execution, leg.id, side);
    else if (!own && !(await this.#recordRemote(tx, execution, leg, side))) {
      return this.#contradiction('TRADE_NUMBER_REUSED', from, report);
    }
    const settles = instruct && execution.homeVenue === this.#venue && standing === 'new';
    if (settles) {
      await this.#needs.settlement.instruct(tx, {
        orderId: order.state.id,
        legId: leg.id,
        execution,
      });
    }
    await this.#advance(tx, order, { event }, after, { groupOpen: settles });
  }

  #recordRemote(
    tx: Transaction,
    execution: Execution,
    leg: LegState,
    side: 'buy' | 'sell',
  ): Promise<boolean> {
    const legs = {
      buyLegId: side === 'buy' ? leg.id : undefined,
      sellLegId: side === 'sell' ? leg.id : undefined,
    };
    return insertExecution(tx, execution, legs, this.#needs.nowMs());
  }

  /** Applies an event and all that follows from it, and saves the order. */
  async #advance(
    tx: Transaction,
    order: StoredOrder,
    first: Decision,
    after: AfterCommit,
    also: { readonly journal?: readonly RecordedEvent[]; readonly groupOpen?: boolean } = {},
  ): Promise<StoredOrder> {
    const groupOpen = order.groupOpen || (also.groupOpen ?? false);
    const journal = [...(also.journal ?? [])];
    let state = order.state;
    let closing = false;
    for (let next: Decision | undefined = first; next; ) {
      const step = applyOrderEvent(state, next.event, new Set());
      if ('ignored' in step) {
        invariant(next === first, 'what follows from an event was ignored', { id: state.id });
        return order;
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
    const saved = { state, groupOpen };
    await saveOrder(tx, order, saved, journal, this.#needs.nowMs());
    this.#watch(order, state, after);
    return { ...order, ...saved, lastEvent: order.lastEvent + journal.length };
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

function recorded({ event, route: decided }: Decision): RecordedEvent {
  const { kind, ...data } = event;
  return { kind, data: decided ? { ...data, route: decided } : data };
}
