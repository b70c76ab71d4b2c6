import {
  type Instrument,
  invariant,
  type LegRejection,
  type OrderOwner,
  type Price,
  type Quantity,
  type Side,
  type VenueId,
} from '@stoa/schema';
import type { VenueEvent } from '../venue-adapter.ts';
import type {
  DepthLevel,
  EngineEvent,
  EngineOrder,
  EngineTrade,
  OrderRef,
} from './engine-types.ts';
import { MatchingEngine } from './matching-engine.ts';
import type { MemberOrder, MemberOrders } from './member-orders.ts';
import { rejectionOf } from './rejections.ts';

/** What a book shows of its depth. */
export const DEPTH_LEVELS = 10;

export interface VenueBookOptions {
  readonly venue: VenueId;
  readonly instrument: Instrument;
  /** Whose the recorded flow's orders are: the venue's own market maker, say. */
  readonly flowOwner: OrderOwner;
}

export interface VenueBookNeeds {
  readonly members: MemberOrders;
  readonly emit: (event: VenueEvent) => void;
  readonly bookChanged: (book: VenueBook) => void;
  /** Gives each trade of the venue its id, and those with a member in them their dense number. */
  readonly nextExecutionId: () => string;
  readonly nextTradeNumber: () => number;
  readonly nowMs: () => number;
}

/** Who stopped trading: each must resume it before it goes on. */
export type HaltedBy = 'venue' | 'flow';

/**
 * One instrument at the embedded venue: the engine, its members' orders and the recorded flow beside
 * them. Turns what the engine did into what the venue says.
 */
export class VenueBook {
  readonly instrument: Instrument;
  readonly #options: VenueBookOptions;
  readonly #needs: VenueBookNeeds;
  readonly #engine = new MatchingEngine();
  readonly #halts = new Set<HaltedBy>();

  constructor(options: VenueBookOptions, needs: VenueBookNeeds) {
    this.instrument = options.instrument;
    this.#options = options;
    this.#needs = needs;
  }

  /** Enters a member's new order. */
  enter(order: MemberOrder): void {
    const { orderId, side, timeInForce, quantity, limitPrice } = order.request;
    const offGrid = this.#offGrid(limitPrice, quantity);
    if (offGrid !== undefined) return this.#reject(order, offGrid);
    const events = this.#engine.submit({
      ref: orderId,
      side,
      price: limitPrice,
      quantity,
      timeInForce,
    });
    const [first] = events;
    if (first?.kind === 'rejected') return this.#reject(order, rejectionOf(first.reason));
    this.#tell(events);
  }

  /**
   * Enters an order again that was open before a restart. It was accepted then, so it is not said
   * again; it trades where the other side's order was restored too, which their last trade before a
   * crash, never recorded, would have done.
   */
  restore(order: MemberOrder): void {
    const { orderId, side, timeInForce, quantity, limitPrice } = order.request;
    const [accepted, ...events] = this.#engine.submit({
      ref: orderId,
      side,
      price: limitPrice,
      quantity,
      timeInForce: timeInForce === 'fok' ? 'ioc' : timeInForce,
      cumulative: order.filled,
    });
    invariant(accepted?.kind === 'accepted', 'an open order could not be restored', { orderId });
    this.#tell(events);
  }

  cancel(orderId: string): void {
    const events = this.#engine.cancel(orderId);
    if (events[0]?.kind !== 'rejected') return this.#tell(events);
    this.#rejectChange(orderId, this.#notOpen(orderId));
  }

  replace(orderId: string, by: { readonly price: Price; readonly quantity: Quantity }): void {
    const offGrid = this.#offGrid(by.price, by.quantity);
    if (offGrid !== undefined) return this.#rejectChange(orderId, offGrid);
    const events = this.#engine.replace(orderId, { ref: orderId, ...by });
    const [first] = events;
    if (first?.kind !== 'rejected') return this.#tell(events);
    const unknown = first.reason === 'unknown-order';
    this.#rejectChange(orderId, unknown ? this.#notOpen(orderId) : rejectionOf(first.reason));
  }

  halt(by: HaltedBy, reason: string): void {
    const trading = this.#halts.size === 0;
    this.#halts.add(by);
    this.#engine.halt();
    if (trading) this.#status('halted', reason);
  }

  resume(by: HaltedBy, reason: string): void {
    if (!this.#halts.delete(by) || this.#halts.size > 0) return;
    this.#engine.resume();
    this.#status('trading', reason);
  }

  /** An order of the recorded flow, in the engine's terms. False: refused. */
  enterFlow(order: EngineOrder): boolean {
    if (order.price !== undefined && this.#offGrid(order.price, order.quantity)) return false;
    const events = this.#engine.submit(order);
    this.#tell(events);
    return events[0]?.kind !== 'rejected';
  }

  /** Takes `by` off a recorded order, or all that is left. False: it is not in the book. */
  reduceFlow(orderId: number, by: Quantity | 'all'): boolean {
    const events = by === 'all' ? this.#engine.cancel(orderId) : this.#engine.reduce(orderId, by);
    this.#tell(events);
    return events[0]?.kind !== 'rejected';
  }

  /** A trade that the flow tells of and the book had no part in. */
  print(price: Price, quantity: Quantity): void {
    this.#emitPrint(this.#needs.nextExecutionId(), price, quantity, this.#needs.nowMs());
  }

  /** The whole depth that is shown. */
  snapshot(): VenueEvent {
    const { bids, offers } = this.#engine.depth(DEPTH_LEVELS);
    const level = ([price, quantity]: DepthLevel) => ({ price, quantity });
    return {
      kind: 'book',
      instrument: this.instrument.id,
      bids: bids.map(level),
      offers: offers.map(level),
    };
  }

  statusEvent(reason: string): VenueEvent {
    const state = this.#halts.size === 0 ? 'trading' : 'halted';
    return { kind: 'trading-status', instrument: this.instrument.id, state, reason };
  }

  #tell(events: readonly EngineEvent[]): void {
    for (const event of joinFlowTrades(events)) {
      if (event.kind === 'trades') this.#trade(event.trades);
      else if (event.kind !== 'rejected' && event.kind !== 'reduced') this.#tellMember(event);
    }
    if (events.some(({ kind }) => kind !== 'rejected')) this.#needs.bookChanged(this);
  }

  #tellMember(event: Extract<EngineEvent, { kind: 'accepted' | 'canceled' | 'replaced' }>): void {
    const order = this.#memberOf(event.ref);
    if (order === undefined) return;
    const { orderId } = order.request;
    if (event.kind === 'accepted') {
      this.#needs.emit({ kind: 'accepted', orderId });
    } else if (event.kind === 'replaced') {
      const { quantity, price: limitPrice } = event;
      this.#needs.emit({ kind: 'replaced', orderId, quantity, limitPrice });
    } else {
      this.#finish(order, 'canceled', event.reason);
    }
  }

  /** One trade, or several with the recorded flow: one execution, and a print for each of them. */
  #trade(trades: readonly [EngineTrade, ...EngineTrade[]]): void {
    const executedAtMs = this.#needs.nowMs();
    const prints = trades.map((one) => ({ ...one, executionId: this.#needs.nextExecutionId() }));
    const [trade] = trades;
    const { price } = trade;
    const quantity = trades.reduce((sum, one) => sum + one.quantity, 0);
    const maker = this.#memberOf(trade.maker);
    const taker = this.#memberOf(trade.taker);
    const side = (wanted: Side): MemberOrder | undefined =>
      trade.takerSide === wanted ? taker : maker;
    const buy = side('buy');
    const sell = side('sell');
    const { flowOwner, venue } = this.#options;
    if (maker !== undefined || taker !== undefined) {
      const execution = {
        venue,
        executionId: prints[0]?.executionId ?? '',
        tradeNumber: this.#needs.nextTradeNumber(),
        instrument: this.instrument.id,
        price,
        quantity,
        buyer: (buy?.request.owner ?? flowOwner).account,
        seller: (sell?.request.owner ?? flowOwner).account,
        homeVenue: taker?.request.homeVenue ?? venue,
        executedAtMs,
      };
      const parties = { buyOrderId: buy?.request.orderId, sellOrderId: sell?.request.orderId };
      this.#needs.emit({ kind: 'executed', execution, parties });
    }
    for (const print of prints) {
      this.#emitPrint(print.executionId, price, print.quantity, executedAtMs);
    }
    this.#fill(maker, quantity, trade.makerLeaves);
    this.#fill(taker, quantity, (trades.at(-1) ?? trade).takerLeaves);
  }

  #fill(order: MemberOrder | undefined, quantity: Quantity, leaves: Quantity): void {
    if (order === undefined) return;
    order.filled += quantity;
    order.status = 'partially-filled';
    if (leaves === 0) this.#finish(order, 'filled', 'filled');
  }

  #finish(order: MemberOrder, state: 'filled' | 'canceled', reason: string): void {
    this.#needs.members.finish(order, state);
    const { orderId } = order.request;
    this.#needs.emit({ kind: 'done', orderId, state, filled: order.filled, reason });
  }

  #reject(order: MemberOrder, rejection: LegRejection): void {
    this.#needs.members.finish(order, 'rejected');
    this.#needs.emit({ kind: 'rejected', orderId: order.request.orderId, rejection });
  }

  #rejectChange(orderId: string, rejection: LegRejection): void {
    this.#needs.emit({ kind: 'cancel-rejected', orderId, rejection });
  }

  #notOpen(orderId: string): LegRejection {
    const known = this.#needs.members.get(orderId) !== undefined;
    return rejectionOf(known ? 'too-late' : 'unknown-order');
  }

  #offGrid(price: Price, quantity: Quantity): LegRejection | undefined {
    if (price % this.instrument.tickSize !== 0) return rejectionOf('off-tick');
    return quantity % this.instrument.lotSize === 0 ? undefined : rejectionOf('off-lot');
  }

  #memberOf(ref: OrderRef): MemberOrder | undefined {
    if (isOfFlow(ref)) return undefined;
    const order = this.#needs.members.get(ref);
    invariant(order !== undefined, 'the engine holds an order that no member has', {
      orderId: ref,
    });
    return order;
  }

  #status(state: 'trading' | 'halted', reason: string): void {
    this.#needs.emit({
      kind: 'trading-status',
      instrument: this.instrument.id,
      state,
      reason,
    });
  }

  #emitPrint(executionId: string, price: Price, quantity: Quantity, executedAtMs: number): void {
    const instrument = this.instrument.id;
    this.#needs.emit({ kind: 'print', instrument, executionId, price, quantity, executedAtMs });
  }
}

type JoinedEvent =
  | Exclude<EngineEvent, EngineTrade>
  | { readonly kind: 'trades'; readonly trades: [EngineTrade, ...EngineTrade[]] };

/**
 * Joins what one order took from the recorded flow at one price: the flow is one participant with
 * one wallet, so that many of its orders settle as one trade. Each is printed for itself all the
 * same: what is public must not tell the flow's orders from members'.
 */
function joinFlowTrades(events: readonly EngineEvent[]): JoinedEvent[] {
  const joined: JoinedEvent[] = [];
  for (const event of events) {
    const last = joined.at(-1);
    if (event.kind !== 'trade') joined.push(event);
    else if (last?.kind === 'trades' && isSameCounterparty(last.trades[0], event)) {
      last.trades.push(event);
    } else joined.push({ kind: 'trades', trades: [event] });
  }
  return joined;
}

function isSameCounterparty(one: EngineTrade, other: EngineTrade): boolean {
  return isOfFlow(one.maker) && isOfFlow(other.maker) && one.price === other.price;
}

/** Members' orders have text references, recorded ones numbers. */
function isOfFlow(ref: OrderRef): ref is number {
  return typeof ref === 'number';
}
