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
import { rejectionOf } from '../rejections.ts';
import type { VenueEvent, VenueOrder } from '../venue-adapter.ts';
import {
  isOfFlow,
  type JoinedTrades,
  joinFlowTrades,
  lastPriceOf,
  quantityOf,
} from './book-trades.ts';
import { EngineEvents } from './engine-events.ts';
import { applyOperation, type EngineOperation } from './engine-operation.ts';
import type {
  DepthLevel,
  EngineEvent,
  EngineOrder,
  EnginePhase,
  OrderRef,
  SelfTradeAction,
} from './engine-types.ts';
import { MatchingEngine } from './matching-engine.ts';
import type { MemberOrder, MemberOrders } from './member-orders.ts';
import { agreementRejection, offGrid, orderRejection } from './order-grid.ts';
import type { RecentTrade, RecentTrades } from './recent-trades.ts';

/** The name of the other side where it is the venue's own: one of the flow's, which no order has. */
const HOUSE = 0;
/** What a book shows of its depth. */
export const DEPTH_LEVELS = 10;

export interface VenueBookOptions {
  readonly venue: VenueId;
  readonly instrument: Instrument;
  /** Whose the recorded flow's orders are: the venue's own market maker, say. */
  readonly flowOwner: OrderOwner;
  readonly onSelfTrade: SelfTradeAction;
  /** Orders of one such name never trade with each other; undefined for one that may. */
  readonly ownerOf: (owner: OrderOwner) => string | undefined;
}

export interface VenueBookNeeds {
  readonly members: MemberOrders;
  readonly trades: RecentTrades;
  /** Takes what one operation caused, whole. */
  readonly emit: (events: readonly VenueEvent[]) => void;
  readonly bookChanged: (book: VenueBook) => void;
  /** Told of every operation before the engine is. */
  readonly journal: (operation: EngineOperation) => void;
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
  readonly engine: MatchingEngine;
  readonly #options: VenueBookOptions;
  readonly #needs: VenueBookNeeds;
  readonly #said = new EngineEvents();
  readonly #halts = new Set<HaltedBy>();
  /** What the operation under way has caused so far. */
  #telling: VenueEvent[] = [];
  #lastPrice: Price | undefined;

  constructor(options: VenueBookOptions, needs: VenueBookNeeds) {
    this.instrument = options.instrument;
    this.engine = new MatchingEngine(this.#said, options);
    this.#options = options;
    this.#needs = needs;
  }

  get phase(): EnginePhase {
    return this.engine.state.phase;
  }

  /** Forgets what the engine said, such as while its journal was replayed. */
  forgetSaid(): void {
    this.#said.take();
  }

  /**
   * Makes a book ready to take its open orders back. Where it was not trading when it was last
   * written, or does not trade now, it collects them, so that nothing trades before all are there.
   */
  prepare(open: boolean): void {
    const { phase, halted } = this.engine.state;
    if (!open || phase !== 'continuous' || halted) this.#do({ kind: 'start-auction' });
    if (halted) this.#do({ kind: 'resume' });
  }

  /** Whether {@link enter} would take a member's order now. */
  accepts(order: VenueOrder): boolean {
    const rejection = orderRejection(this.instrument, order, this.#needs.nowMs());
    return rejection === undefined && !this.engine.refusal(this.#engineOrder(order));
  }

  /** Enters a member's new order. */
  enter(order: MemberOrder): void {
    const rejection = orderRejection(this.instrument, order.request, this.#needs.nowMs());
    if (rejection !== undefined) return this.#reject(order, rejection);
    const events = this.#do({ kind: 'submit', order: this.#engineOrder(order.request) });
    const [first] = events;
    if (first?.kind === 'rejected') this.#reject(order, rejectionOf(first.reason));
    else this.#tell(events);
  }

  /**
   * Enters an order again that was open before a restart. It was accepted then, so it is not said
   * again; it trades where the other side's order was restored too, which their last trade before a
   * crash, never recorded, would have done.
   */
  restore(order: MemberOrder): void {
    const { request, filled } = order;
    const { timeInForce, minQuantity: _met, ...from } = this.#engineOrder(request);
    const [accepted, ...events] = this.#do({
      kind: 'submit',
      order: {
        ...from,
        timeInForce: timeInForce === 'fok' ? 'ioc' : timeInForce,
        cumulative: filled,
      },
    });
    const { orderId } = request;
    invariant(accepted?.kind === 'accepted', 'an open order could not be restored', { orderId });
    this.#tell(events);
  }

  /** `reason` where it was not its member who asked. */
  cancel(orderId: string, reason?: string): void {
    const events = this.#do({ kind: 'cancel', ref: orderId });
    if (events[0]?.kind !== 'rejected') return this.#tell(events, reason);
    this.#rejectChange('cancel-rejected', orderId, this.#notOpen(orderId));
  }

  replace(orderId: string, by: { readonly price: Price; readonly quantity: Quantity }): void {
    const wrong = offGrid(this.instrument, by.price, by.quantity);
    if (wrong !== undefined) return this.#rejectChange('replace-rejected', orderId, wrong);
    const events = this.#do({ kind: 'replace', ref: orderId, by: { ref: orderId, ...by } });
    const [first] = events;
    if (first?.kind !== 'rejected') return this.#tell(events);
    const unknown = first.reason === 'unknown-order';
    const rejection = unknown ? this.#notOpen(orderId) : rejectionOf(first.reason);
    this.#rejectChange('replace-rejected', orderId, rejection);
  }

  /**
   * Executes what two parties agreed on, whole and beside the book; without a maker the house is the
   * other side. `refused` where it is known not to be good.
   */
  agree(
    taker: MemberOrder,
    maker: MemberOrder | undefined,
    refused: LegRejection | undefined,
  ): void {
    const rejection = refused ?? this.#whyNotAgreed(taker.request, maker?.request);
    const sides = maker ? [taker, maker] : [taker];
    if (rejection !== undefined) return sides.forEach((one) => this.#reject(one, rejection));
    for (const { request } of sides) {
      this.#telling.push({ kind: 'accepted', orderId: request.orderId });
    }
    const { orderId, side, limitPrice: price, quantity } = taker.request;
    const trade = { kind: 'trade', taker: orderId, takerSide: side, price, quantity } as const;
    const ofMaker = { maker: maker?.request.orderId ?? HOUSE, makerLeaves: 0, takerLeaves: 0 };
    this.#trade({ kind: 'trades', trades: [{ ...trade, ...ofMaker }] }, { negotiated: true });
    this.#flush();
  }

  #whyNotAgreed(taker: VenueOrder, maker: VenueOrder | undefined): LegRejection | undefined {
    if (this.phase !== 'continuous') return rejectionOf('closed');
    if (this.#halts.size > 0) return rejectionOf('halted');
    return agreementRejection(this.instrument, taker, maker, this.#options.ownerOf);
  }

  halt(by: HaltedBy, reason: string): void {
    const trading = this.#halts.size === 0;
    this.#halts.add(by);
    if (!trading) return;
    this.#tell(this.#do({ kind: 'halt' }));
    if (this.phase === 'continuous') this.#status('halted', reason);
  }

  /** `open`: the venue trades now, so an auction that a halt held up is due. */
  resume(by: HaltedBy, reason: string, open: boolean): void {
    if (!this.#halts.delete(by) || this.#halts.size > 0) return;
    const events = this.#do({ kind: 'resume' });
    if (this.phase === 'continuous') this.#status('trading', reason);
    this.#tell(events);
    if (open && this.phase === 'auction') this.open(reason);
  }

  /** Takes orders for the opening auction. */
  startAuction(reason: string): void {
    this.#tell(this.#do({ kind: 'start-auction' }));
    this.#status('halted', reason);
  }

  /** Ends the auction and trades; not while halted: then the resumption opens. */
  open(reason: string): void {
    if (this.phase === 'closed') this.#do({ kind: 'start-auction' });
    if (this.#halts.size > 0) return;
    const events = this.#do({ kind: 'uncross', reference: this.#lastPrice });
    this.#status('trading', reason);
    this.#tell(events);
  }

  /** Ends the day: its orders, and those that are out of time; takes no more. */
  close(atMs: number): void {
    this.#tell(this.#do({ kind: 'expire', atMs, endOfDay: true }));
    this.#tell(this.#do({ kind: 'close' }));
  }

  /** Ends orders whose time is over. */
  expire(atMs: number): void {
    this.#tell(this.#do({ kind: 'expire', atMs, endOfDay: false }));
  }

  /** Undoes a trade: open orders have its quantity again, those that are done stay so. */
  bust(executionId: string, trade: RecentTrade, reason: string): void {
    trade.busted = true;
    this.#takeBack(trade, trade.execution?.quantity ?? 0);
    const instrument = this.instrument.id;
    for (const id of trade.printIds) {
      this.#telling.push({ kind: 'busted', executionId: id, instrument, reason });
    }
    invariant(trade.printIds.includes(executionId), 'a trade was undone under another id');
    this.#flush();
  }

  /** States a trade anew: another price, or less quantity. */
  correct(trade: RecentTrade, to: { readonly price: Price; readonly quantity: Quantity }): void {
    const { execution } = trade;
    invariant(execution !== undefined, 'a print without a trade was corrected');
    trade.execution = { ...execution, ...to };
    this.#takeBack(trade, execution.quantity - to.quantity);
    this.#telling.push({ kind: 'corrected', execution: trade.execution });
    this.#flush();
  }

  /** Why a trade cannot be corrected in this way. */
  correctionRefusal(
    { execution, printIds }: RecentTrade,
    to: { readonly price: Price; readonly quantity: Quantity },
  ): LegRejection | undefined {
    if (execution === undefined || printIds.length > 1) return rejectionOf('joined-trade');
    if (!(to.price > 0)) return rejectionOf('invalid-price');
    if (!(to.quantity > 0)) return rejectionOf('invalid-quantity');
    if (to.quantity > execution.quantity) return rejectionOf('correction-up');
    return offGrid(this.instrument, to.price, to.quantity);
  }

  /** An order of the recorded flow, in the engine's terms. False: refused. */
  enterFlow(order: EngineOrder): boolean {
    if (order.price !== undefined && offGrid(this.instrument, order.price, order.quantity))
      return false;
    return this.#flow({ kind: 'submit', order });
  }

  /** Takes `by` off a recorded order, or all that is left. False: it is not in the book. */
  reduceFlow(orderId: number, by: Quantity | 'all'): boolean {
    if (by === 'all') return this.#flow({ kind: 'cancel', ref: orderId });
    return this.#flow({ kind: 'reduce', ref: orderId, by });
  }

  /** A trade that the flow tells of and the book had no part in. */
  print(price: Price, quantity: Quantity): void {
    const executionId = this.#needs.nextExecutionId();
    this.#print({ executionId, price, quantity, executedAtMs: this.#needs.nowMs() });
    this.#flush();
  }

  /** Takes an order out of the engine without a word about it: no member has it any more. */
  drop(ref: OrderRef): void {
    this.#do({ kind: 'cancel', ref });
    this.#needs.bookChanged(this);
  }

  /** The whole depth that is shown; nothing is while nothing can trade with it. */
  snapshot(): VenueEvent {
    const { id: instrument } = this.instrument;
    const trades = this.phase === 'continuous';
    const { bids, offers } = this.engine.depth(trades ? DEPTH_LEVELS : 0);
    const level = ([price, quantity]: DepthLevel) => ({ price, quantity });
    return { kind: 'book', instrument, bids: bids.map(level), offers: offers.map(level) };
  }

  /** Says whether it trades. */
  tellStatus(reason: string): void {
    const trades = this.#halts.size === 0 && this.phase === 'continuous';
    this.#status(trades ? 'trading' : 'halted', reason);
  }

  #do(operation: EngineOperation): EngineEvent[] {
    this.#needs.journal(operation);
    applyOperation(this.engine, operation);
    const events = this.#said.take();
    this.#lastPrice = lastPriceOf(events) ?? this.#lastPrice;
    return events;
  }

  #flow(operation: EngineOperation): boolean {
    const events = this.#do(operation);
    this.#tell(events);
    return events[0]?.kind !== 'rejected';
  }

  #tell(events: readonly EngineEvent[], reason?: string): void {
    for (const event of joinFlowTrades(events)) {
      switch (event.kind) {
        case 'trades':
          this.#trade(event);
          break;
        case 'accepted':
        case 'replaced':
        case 'canceled':
          this.#tellMember(event, reason);
          break;
        case 'rejected':
        case 'reduced':
        case 'reopened':
        case 'uncrossed':
          break;
      }
    }
    this.#flush();
    if (events.some(({ kind }) => kind !== 'rejected')) this.#needs.bookChanged(this);
  }

  #tellMember(
    event: Extract<EngineEvent, { kind: 'accepted' | 'canceled' | 'replaced' }>,
    reason: string | undefined,
  ): void {
    const order = this.#memberOf(event.ref);
    if (order === undefined) return;
    const { orderId } = order.request;
    if (event.kind === 'accepted') {
      this.#telling.push({ kind: 'accepted', orderId });
    } else if (event.kind === 'replaced') {
      const { quantity, price: limitPrice } = event;
      this.#telling.push({ kind: 'replaced', orderId, quantity, limitPrice });
    } else {
      const state = event.reason === 'expired' ? 'expired' : 'canceled';
      this.#finish(order, state, reason ?? event.reason);
    }
  }

  /** One trade, or several with the recorded flow: one execution, and a print for each of them. */
  #trade({ trades }: JoinedTrades, how: { readonly negotiated?: true } = {}): void {
    const executedAtMs = this.#needs.nowMs();
    const prints = trades.map((one) => ({ ...one, executionId: this.#needs.nextExecutionId() }));
    const [trade] = trades;
    const { price } = trade;
    const quantity = quantityOf(trades);
    const maker = this.#memberOf(trade.maker);
    const taker = this.#memberOf(trade.taker);
    const side = (wanted: Side): MemberOrder | undefined =>
      trade.takerSide === wanted ? taker : maker;
    const [buy, sell] = [side('buy'), side('sell')];
    const parties = { buyOrderId: buy?.request.orderId, sellOrderId: sell?.request.orderId };
    const printIds = prints.map(({ executionId }) => executionId);
    const { flowOwner, venue } = this.#options;
    const execution =
      maker === undefined && taker === undefined
        ? undefined
        : {
            ...{ venue, executionId: printIds[0] ?? '', price, quantity, executedAtMs },
            tradeNumber: this.#needs.nextTradeNumber(),
            instrument: this.instrument.id,
            buyer: (buy?.request.owner ?? flowOwner).account,
            seller: (sell?.request.owner ?? flowOwner).account,
            homeVenue: taker?.request.homeVenue ?? venue,
          };
    if (execution) this.#telling.push({ kind: 'executed', execution, parties });
    for (const print of prints) {
      this.#print({
        executionId: print.executionId,
        price,
        quantity: print.quantity,
        executedAtMs,
        ...how,
      });
    }
    this.#needs.trades.add({
      ...{ instrument: this.instrument.id, execution, parties },
      printIds,
      busted: false,
    });
    this.#fill(maker, quantity, trade.makerLeaves);
    this.#fill(taker, quantity, (trades.at(-1) ?? trade).takerLeaves);
  }

  #fill(order: MemberOrder | undefined, quantity: Quantity, leaves: Quantity): void {
    if (order === undefined) return;
    order.filled += quantity;
    order.status = 'partially-filled';
    if (leaves === 0) this.#finish(order, 'filled', 'filled');
  }

  /** Executed quantity of a trade's orders is none any more. */
  #takeBack({ parties }: RecentTrade, quantity: Quantity): void {
    if (quantity === 0) return;
    for (const orderId of [parties.buyOrderId, parties.sellOrderId]) {
      const order = orderId === undefined ? undefined : this.#needs.members.get(orderId);
      if (orderId === undefined || order === undefined) continue;
      order.filled -= quantity;
      invariant(order.filled >= 0, 'more of an order was undone than was executed', { orderId });
      if (order.status === 'filled') order.status = 'canceled';
      else if (order.status === 'partially-filled' && order.filled === 0) order.status = 'new';
      if (this.engine.order(orderId) !== undefined) {
        this.#tell(this.#do({ kind: 'reopen', ref: orderId, by: quantity }));
      }
    }
  }

  #finish(order: MemberOrder, state: 'filled' | 'canceled' | 'expired', reason: string): void {
    this.#needs.members.finish(order, state);
    const { orderId } = order.request;
    this.#telling.push({ kind: 'done', orderId, state, filled: order.filled, reason });
  }

  #reject(order: MemberOrder, rejection: LegRejection): void {
    this.#needs.members.finish(order, 'rejected');
    this.#telling.push({ kind: 'rejected', orderId: order.request.orderId, rejection });
    this.#flush();
  }

  #rejectChange(
    kind: 'cancel-rejected' | 'replace-rejected',
    orderId: string,
    rejection: LegRejection,
  ): void {
    this.#telling.push({ kind, orderId, rejection });
    this.#flush();
  }

  #notOpen(orderId: string): LegRejection {
    const known = this.#needs.members.get(orderId) !== undefined;
    return rejectionOf(known ? 'too-late' : 'unknown-order');
  }

  #engineOrder(order: VenueOrder): EngineOrder {
    const { orderId, limitPrice, owner, homeVenue: _home, instrument: _of, ...terms } = order;
    return { ...terms, ref: orderId, price: limitPrice, owner: this.#options.ownerOf(owner) };
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
    const instrument = this.instrument.id;
    this.#telling.push({ kind: 'trading-status', instrument, state, reason });
    this.#flush();
    this.#needs.bookChanged(this);
  }

  #print(print: Omit<Extract<VenueEvent, { kind: 'print' }>, 'kind' | 'instrument'>): void {
    this.#telling.push({ kind: 'print', instrument: this.instrument.id, ...print });
  }

  #flush(): void {
    if (this.#telling.length === 0) return;
    const events = this.#telling;
    this.#telling = [];
    this.#needs.emit(events);
  }
}
