import type { Price, Side } from '@stoa/schema';
import type { EngineOperation } from '../engine-operation.ts';
import type {
  Depth,
  DepthLevel,
  EngineCancelReason,
  EngineEvent,
  EngineOrder,
  EnginePhase,
  EngineRejectReason,
  OrderRef,
  RestingOrder,
  SelfTradeAction,
} from '../engine-types.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
/** `place`: its turn among what is shown at its price, which each hidden slice takes anew. */
type NaiveOrder = Mutable<RestingOrder> & { place: number };

/**
 * The matching rules written down as plainly as possible: one unordered list, searched whenever an
 * answer needs an order, and copied whenever an answer needs a trial. The real engine must agree with
 * it on every event and every book. It shares types with it and no code.
 */
export class NaiveMatchingEngine {
  readonly #onSelfTrade: SelfTradeAction;
  #orders: NaiveOrder[] = [];
  #arrivals = 0;
  #places = 0;
  #halted = false;
  #phase: EnginePhase = 'continuous';
  #events: EngineEvent[] = [];

  constructor(onSelfTrade: SelfTradeAction) {
    this.#onSelfTrade = onSelfTrade;
  }

  apply(operation: EngineOperation): EngineEvent[] {
    this.#events = [];
    switch (operation.kind) {
      case 'submit':
        this.#submit(operation.order);
        break;
      case 'cancel':
        this.#withOrder(operation.ref, operation.ref, (order) => this.#cancel(order, 'requested'));
        break;
      case 'reduce':
        this.#withOrder(operation.ref, operation.ref, (order) => this.#reduce(order, operation.by));
        break;
      case 'reopen':
        this.#withOrder(operation.ref, operation.ref, (order) => this.#reopen(order, operation.by));
        break;
      case 'replace':
        this.#withOrder(operation.ref, operation.by.ref, (order) =>
          this.#replace(order, operation.by),
        );
        break;
      case 'expire':
        for (const order of this.orders()) {
          const over =
            order.timeInForce === 'gtd'
              ? order.expireAtMs < operation.atMs
              : operation.endOfDay && order.timeInForce === 'day';
          if (over) this.#cancel(order, 'expired');
        }
        break;
      case 'halt':
        this.#halted = true;
        break;
      case 'resume':
        this.#halted = false;
        this.#wakeAll();
        break;
      case 'close':
        this.#phase = 'closed';
        break;
      case 'start-auction':
        this.#phase = 'auction';
        break;
      case 'uncross':
        this.#uncross(operation.reference);
        break;
    }
    return this.#events;
  }

  get state() {
    return { phase: this.#phase, halted: this.#halted, arrivals: this.#arrivals };
  }

  /** Shown bids, shown offers, waiting bids, waiting offers, each by priority. */
  orders(): NaiveOrder[] {
    return [false, true].flatMap((waits) =>
      (['buy', 'sell'] as const).flatMap((side) =>
        this.#orders
          .filter((order) => order.side === side && order.allOrNone === waits)
          .sort(compare),
      ),
    );
  }

  depth(levels: number): Depth {
    return { bids: this.#depth('buy', levels), offers: this.#depth('sell', levels) };
  }

  #submit(from: EngineOrder): void {
    const reason = this.#whyNot(from);
    if (reason !== undefined) return this.#reject(from.ref, reason);
    const { ref, side, quantity, timeInForce, cumulative = 0 } = from;
    const order: NaiveOrder = {
      ...{ ref, side, quantity, cumulative, timeInForce, leaves: quantity - cumulative },
      price: from.price ?? (side === 'buy' ? Number.MAX_SAFE_INTEGER : 1),
      ...{ shown: 0, arrival: 0, place: 0, owner: from.owner },
      displayQuantity: from.displayQuantity ?? 0,
      expireAtMs: from.expireAtMs ?? 0,
      allOrNone: from.allOrNone ?? false,
    };
    this.#events.push({ kind: 'accepted', ref, quantity });
    const rests = from.price !== undefined && ['day', 'gtc', 'gtd'].includes(timeInForce);
    this.#enter(order, rests, from.minQuantity ?? 0);
  }

  #whyNot(order: EngineOrder): EngineRejectReason | undefined {
    const { price, quantity, cumulative = 0, timeInForce, expireAtMs } = order;
    const { displayQuantity, minQuantity, allOrNone = false } = order;
    if (price !== undefined && !isWhole(price)) return 'invalid-price';
    if (!isWhole(quantity)) return 'invalid-quantity';
    if (cumulative !== 0 && !isWhole(cumulative)) return 'invalid-quantity';
    if (cumulative >= quantity) return 'below-executed';
    const valid =
      (timeInForce === 'gtd') === (expireAtMs !== undefined) &&
      (expireAtMs === undefined || isWhole(expireAtMs)) &&
      (minQuantity === undefined ||
        (isWhole(minQuantity) && minQuantity <= quantity - cumulative && !allOrNone)) &&
      (displayQuantity === undefined ||
        (isWhole(displayQuantity) &&
          displayQuantity <= quantity &&
          quantity / displayQuantity <= 100 &&
          !allOrNone));
    if (!valid) return 'invalid-terms';
    if (this.#find(order.ref) !== undefined) return 'duplicate-order';
    if (this.#phase === 'closed') return 'closed';
    if (this.#halted) return 'halted';
    const waits = price !== undefined && timeInForce !== 'ioc' && timeInForce !== 'fok';
    return this.#phase === 'auction' && !(waits && minQuantity === undefined)
      ? 'auction'
      : undefined;
  }

  #reduce(order: NaiveOrder, by: number): void {
    if (!isWhole(by)) return this.#reject(order.ref, 'invalid-quantity');
    if (by >= order.leaves) return this.#cancel(order, 'requested');
    order.quantity -= by;
    order.leaves -= by;
    order.shown = Math.min(order.shown, order.leaves);
    const { ref, quantity, leaves } = order;
    this.#events.push({ kind: 'reduced', ref, quantity, leaves });
    if (order.allOrNone) this.#wake([order]);
  }

  #reopen(order: NaiveOrder, by: number): void {
    if (!isWhole(by) || by > order.cumulative) return this.#reject(order.ref, 'invalid-quantity');
    this.#takeOut(order);
    order.cumulative -= by;
    order.leaves += by;
    const { ref, quantity, leaves } = order;
    this.#events.push({ kind: 'reopened', ref, quantity, leaves });
    this.#rest(order);
  }

  #replace(order: NaiveOrder, by: { ref: OrderRef; price: number; quantity: number }): void {
    const { ref: previous } = order;
    const { ref, price, quantity } = by;
    if (ref !== previous && this.#find(ref) !== undefined) {
      return this.#reject(ref, 'duplicate-order');
    }
    if (!isWhole(price)) return this.#reject(ref, 'invalid-price');
    if (!isWhole(quantity)) return this.#reject(ref, 'invalid-quantity');
    if (quantity <= order.cumulative) return this.#reject(ref, 'below-executed');
    const keptPriority = price === order.price && quantity <= order.quantity;
    if (!keptPriority && this.#phase === 'closed') return this.#reject(ref, 'closed');
    if (!keptPriority && this.#halted) return this.#reject(ref, 'halted');
    Object.assign(order, { ref, price, quantity, leaves: quantity - order.cumulative });
    order.shown = Math.min(order.shown, order.leaves);
    const { leaves } = order;
    this.#events.push({ kind: 'replaced', ref, previous, price, quantity, leaves, keptPriority });
    if (!keptPriority) {
      this.#takeOut(order);
      this.#enter(order, true, 0);
    } else if (order.allOrNone) this.#wake([order]);
  }

  #enter(order: NaiveOrder, rests: boolean, minimum: number): void {
    if (this.#phase !== 'continuous') return this.#rest(order);
    const whole = order.allOrNone || order.timeInForce === 'fok';
    const couldTrade = this.#tryOut(order);
    if (couldTrade < (whole ? order.leaves : minimum)) {
      if (order.allOrNone && rests) this.#rest(order);
      else this.#end(order, whole ? 'unfillable' : 'below-minimum');
      return;
    }
    const metItself = this.#match(order);
    if (order.leaves === 0) return;
    if (metItself) this.#end(order, 'self-trade');
    else if (rests) this.#rest(order);
    else this.#end(order, 'remainder');
  }

  /** What would trade, found by trading in a copy. */
  #tryOut(order: NaiveOrder): number {
    const copy = new NaiveMatchingEngine(this.#onSelfTrade);
    copy.#orders = this.#orders.filter((other) => other !== order).map((other) => ({ ...other }));
    copy.#places = this.#places;
    const taker = { ...order };
    copy.#match(taker);
    return order.leaves - taker.leaves;
  }

  #match(taker: NaiveOrder): boolean {
    const passed = new Set<NaiveOrder>();
    for (;;) {
      const maker = this.#orders
        .filter((other) => other.side !== taker.side && !passed.has(other))
        .filter(({ price }) => (taker.side === 'buy' ? price <= taker.price : price >= taker.price))
        .reduce<NaiveOrder | undefined>(
          (best, other) => (best === undefined || compare(other, best) < 0 ? other : best),
          undefined,
        );
      if (maker === undefined || taker.leaves === 0) return false;
      if (maker.allOrNone && maker.leaves > taker.leaves) {
        passed.add(maker);
      } else if (maker.owner !== undefined && maker.owner === taker.owner) {
        if (this.#onSelfTrade !== 'cancel-newest') this.#cancel(maker, 'self-trade');
        if (this.#onSelfTrade !== 'cancel-oldest') return true;
      } else {
        const most = maker.allOrNone ? maker.leaves : maker.shown;
        const quantity = Math.min(most, taker.leaves);
        maker.shown -= maker.allOrNone ? 0 : quantity;
        this.#execute(maker, taker, maker.price, quantity);
        if (maker.leaves > 0 && maker.shown === 0) this.#showNext(maker, true);
      }
    }
  }

  #execute(maker: NaiveOrder, taker: NaiveOrder, price: Price, quantity: number): void {
    for (const order of [maker, taker]) {
      order.leaves -= quantity;
      order.cumulative += quantity;
    }
    this.#events.push({
      ...{ kind: 'trade', maker: maker.ref, taker: taker.ref, takerSide: taker.side },
      ...{ price, quantity, makerLeaves: maker.leaves, takerLeaves: taker.leaves },
    });
    this.#orders = this.#orders.filter(({ leaves }) => leaves > 0);
  }

  #showNext(order: NaiveOrder, atTheEnd: boolean): void {
    const { displayQuantity, leaves } = order;
    order.shown = displayQuantity === 0 ? leaves : Math.min(displayQuantity, leaves);
    if (atTheEnd) order.place = ++this.#places;
  }

  #rest(order: NaiveOrder): void {
    const beside = this.#orders.filter(({ side }) => side === order.side);
    const total = beside.reduce((sum, { leaves }) => sum + leaves, order.leaves);
    if (!Number.isSafeInteger(total)) return this.#end(order, 'book-full');
    order.arrival = ++this.#arrivals;
    if (order.allOrNone) order.shown = 0;
    else this.#showNext(order, true);
    this.#orders.push(order);
    const others = this.orders().filter((other) => other.allOrNone && other.side !== order.side);
    const reached = others.filter(({ price }) =>
      order.side === 'sell' ? price >= order.price : price <= order.price,
    );
    this.#wake(reached);
  }

  #wakeAll(): void {
    this.#wake(this.orders().filter(({ allOrNone }) => allOrNone));
  }

  #wake(waiting: readonly NaiveOrder[]): void {
    if (this.#phase !== 'continuous' || this.#halted) return;
    for (const order of waiting) {
      if (!this.#orders.includes(order) || this.#tryOut(order) < order.leaves) continue;
      this.#takeOut(order);
      this.#match(order);
    }
  }

  #uncross(reference: Price | undefined): void {
    if (this.#phase !== 'auction' || this.#halted) return;
    for (;;) {
      const best = this.#auctionPrices(reference)[0];
      if (best === undefined) break;
      this.#events.push({ kind: 'uncrossed', price: best.price, quantity: best.volume });
      this.#tradeAt(best.price);
    }
    this.#phase = 'continuous';
    this.#wakeAll();
  }

  #auctionPrices(reference: Price | undefined) {
    const shown = this.#orders.filter(({ allOrNone }) => !allOrNone);
    const bids = shown.filter(({ side }) => side === 'buy');
    const offers = shown.filter(({ side }) => side === 'sell');
    const sum = (orders: NaiveOrder[]) => orders.reduce((total, { leaves }) => total + leaves, 0);
    const highest = Math.max(...bids.map(({ price }) => price));
    const lowest = Math.min(...offers.map(({ price }) => price));
    return [...shown.map(({ price }) => price), ...(reference === undefined ? [] : [reference])]
      .filter((price) => price >= lowest && price <= highest)
      .map((price) => {
        const demand = sum(bids.filter((bid) => bid.price >= price));
        const supply = sum(offers.filter((offer) => offer.price <= price));
        const away = reference === undefined ? 0 : Math.abs(price - reference);
        const volume = Math.min(demand, supply);
        return { price, volume, imbalance: Math.abs(demand - supply), away };
      })
      .sort(
        (a, b) =>
          b.volume - a.volume || a.imbalance - b.imbalance || a.away - b.away || a.price - b.price,
      );
  }

  #tradeAt(price: Price): void {
    for (;;) {
      const shown = this.orders().filter(({ allOrNone }) => !allOrNone);
      const bid = shown.find((order) => order.side === 'buy' && order.price >= price);
      const offer = shown.find((order) => order.side === 'sell' && order.price <= price);
      if (bid === undefined || offer === undefined) return;
      const [older, newer] = bid.arrival < offer.arrival ? [bid, offer] : [offer, bid];
      if (older.owner !== undefined && older.owner === newer.owner) {
        if (this.#onSelfTrade !== 'cancel-newest') this.#cancel(older, 'self-trade');
        if (this.#onSelfTrade !== 'cancel-oldest') this.#cancel(newer, 'self-trade');
        continue;
      }
      this.#execute(older, newer, price, Math.min(bid.leaves, offer.leaves));
      for (const order of [bid, offer]) if (order.leaves > 0) this.#showNext(order, false);
    }
  }

  #withOrder(ref: OrderRef, told: OrderRef, change: (order: NaiveOrder) => void): void {
    const order = this.#find(ref);
    if (order === undefined) this.#reject(told, 'unknown-order');
    else change(order);
  }

  #cancel(order: NaiveOrder, reason: EngineCancelReason): void {
    this.#takeOut(order);
    this.#end(order, reason);
  }

  #takeOut(order: NaiveOrder): void {
    this.#orders = this.#orders.filter((other) => other !== order);
  }

  #end({ ref, leaves }: NaiveOrder, reason: EngineCancelReason): void {
    this.#events.push({ kind: 'canceled', ref, canceled: leaves, reason });
  }

  #reject(ref: OrderRef, reason: EngineRejectReason): void {
    this.#events.push({ kind: 'rejected', ref, reason });
  }

  #find(ref: OrderRef): NaiveOrder | undefined {
    return this.#orders.find((order) => order.ref === ref);
  }

  #depth(side: Side, levels: number): DepthLevel[] {
    const totals = new Map<number, [number, number]>();
    for (const order of this.orders()) {
      if (order.side !== side || order.allOrNone) continue;
      const [quantity, orders] = totals.get(order.price) ?? [0, 0];
      totals.set(order.price, [quantity + order.shown, orders + 1]);
    }
    return [...totals]
      .slice(0, levels)
      .map(([price, [quantity, orders]]): DepthLevel => [price, quantity, orders]);
  }
}

/** Better first: by price, what is shown before what waits, then by time. */
function compare(a: NaiveOrder, b: NaiveOrder): number {
  const byPrice = a.side === 'buy' ? b.price - a.price : a.price - b.price;
  if (byPrice !== 0) return byPrice;
  if (a.allOrNone !== b.allOrNone) return a.allOrNone ? 1 : -1;
  return a.allOrNone ? a.arrival - b.arrival : a.place - b.place;
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
