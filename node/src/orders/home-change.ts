import type { VenueId } from '@stoa/schema';
import type { VenueEvidence } from '../market/market-view.ts';
import type { LegOutcome, ReceiptStore } from '../routing/receipts/receipt-store.ts';
import type { RouteInput } from '../routing/route.ts';
import type { Transaction } from '../store/database.ts';
import { together } from '../store/together.ts';
import type { AfterCommit } from './after-commit.ts';
import type { HeldOrders } from './held-orders.ts';
import { Outgoing, type OutgoingNeeds } from './home-outgoing.ts';
import type { Advance } from './life/order-advance.ts';
import {
  isComplete,
  isRouting,
  type LegState,
  type OrderEffect,
  type OrderState,
} from './life/order-state.ts';
import type { StoredOrder } from './order-rows.ts';
import type { Decision } from './route-planner.ts';
import type { SettlingTrade } from './trade-reports.ts';

export interface HomeChangeNeeds extends OutgoingNeeds {
  /** Undefined: no proof is kept of why orders went where they went. */
  readonly receipts?: ReceiptStore | undefined;
  readonly nowMs: () => number;
}

/** A decision with what a receipt needs of it. */
export interface Reasoned extends Decision {
  readonly input?: RouteInput;
  readonly frames?: readonly VenueEvidence[];
}

/** What a change is about: orders that one transaction holds, and what its commit leads to. */
interface ChangeOf {
  readonly venue: VenueId;
  readonly tx: Transaction;
  readonly orders: HeldOrders;
  readonly after: AfterCommit;
}

/** What happens to this node's orders in one transaction, gathered, and written by {@link finish}. */
export class HomeChange {
  readonly tx: Transaction;
  readonly orders: HeldOrders;
  /** Trades that this node is to settle. */
  readonly settling: SettlingTrade[] = [];
  readonly #after: AfterCommit;
  readonly #needs: HomeChangeNeeds;
  readonly #out: Outgoing;
  readonly #decided: { readonly order: StoredOrder; readonly decision: Reasoned }[] = [];
  readonly #outcomes: LegOutcome[] = [];

  constructor({ venue, tx, orders, after }: ChangeOf, needs: HomeChangeNeeds) {
    this.tx = tx;
    this.orders = orders;
    this.#after = after;
    this.#needs = needs;
    this.#out = new Outgoing(venue);
  }

  /** Notes an order's new state, and what has to be done because of it. */
  apply(order: StoredOrder, steps: Advance, settles = false): void {
    const groupOpen = order.groupOpen || settles;
    this.orders.change(order.state.id, { state: steps.state, groupOpen }, steps.journal);
    this.carryOut(order, steps, groupOpen);
  }

  /** Notes what has to be done; `order` is as it was before. */
  carryOut(order: StoredOrder, steps: Advance, groupOpen: boolean): void {
    const { state } = steps;
    for (const decision of steps.decisions) {
      this.#decided.push({ order, decision });
      if (decision.event.kind !== 'routed') continue;
      for (const leg of decision.event.legs) this.#out.send(order, leg);
    }
    for (const effect of steps.effects) {
      if (effect.kind !== 'close-group') this.#out.ask(effect);
      else if (groupOpen && !isRouting(state)) this.#after.groups.add(state.id);
    }
    this.#watch(order, state);
    const now = this.orders.order(state.id);
    if (now) this.#after.changed.set(state.id, now);
  }

  /** A leg's venue is asked something. */
  ask(effect: Extract<OrderEffect, { readonly leg: unknown }>): void {
    this.#out.ask(effect);
  }

  /** Notes what a leg's venue said, or that it said nothing. */
  told({ instrument, state }: StoredOrder, leg: LegState, said: LegOutcome['said']): void {
    this.#outcomes.push({ orderId: state.id, instrument, side: state.side, leg, said });
  }

  /** Writes everything. */
  async finish(): Promise<void> {
    this.orders.write(this.#needs.nowMs());
    await together(
      this.#out.write(this.tx, this.#needs, this.#after),
      this.#needs.receipts && this.#receipts(this.#needs.receipts),
    );
  }

  async #receipts(receipts: ReceiptStore): Promise<void> {
    // What was told comes before what was decided because of it.
    if (this.#outcomes.length > 0) await receipts.legOutcomes(this.tx, this.#outcomes);
    const byOrder = Map.groupBy(this.#decided, ({ order }) => order.state.id);
    // Receipts of one order are a chain; those of many have nothing to do with each other.
    await together(
      ...[...byOrder.values()].map(async (decided) => {
        for (const { order, decision } of decided) await this.#receipt(receipts, order, decision);
      }),
    );
  }

  async #receipt(
    receipts: ReceiptStore,
    order: StoredOrder,
    { event, route, input, frames = [] }: Reasoned,
  ): Promise<void> {
    if (!route || !input) return;
    const legs = event.kind === 'routed' ? event.legs : [];
    const asked = order.state.legs.map(({ round }) => round);
    const round = legs[0]?.round ?? 1 + Math.max(0, ...asked);
    const isFirst = order.lastEvent === 0 && asked.length === 0;
    const { id: orderId } = order.state;
    await receipts.record(this.tx, { orderId, round, input, route, legs, frames, isFirst });
  }

  /** A leg is watched until it is answered: a resting one by its acceptance. */
  #watch(order: StoredOrder, state: OrderState): void {
    for (const leg of state.legs) {
      if (order.state.legs.includes(leg)) continue;
      const answered =
        isComplete(leg) ||
        leg.status === 'unknown' ||
        (leg.purpose === 'rest' && leg.status !== 'pending-new');
      const watch = { orderId: state.id, venue: leg.venue };
      this.#after.watches.set(leg.id, answered ? undefined : watch);
    }
  }
}
