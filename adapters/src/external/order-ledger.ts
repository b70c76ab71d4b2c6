import { invariant, TERMINAL_STATUSES } from '@stoa/schema';
import type { OpenOrder, VenueOrder } from '../venue-adapter.ts';
import type { LedgerEntry, LedgerFill, LedgerOrder } from './ledger-entry.ts';
import type { WireOrder } from './venue-wire.ts';

/** Orders that are done are known for so long, so that repeats are recognised. */
const KEPT_DONE = 10_000;
/** Fills of orders that are done, for busts, corrections and repeats of them. */
const KEPT_FILLS = 100_000;

/**
 * What an adapter knows of its orders and their fills: by the node's record at the start, by its
 * journal, and by what the venue has said since. Bookkeeping alone: it decides nothing.
 */
export class OrderLedger {
  readonly #orders = new Map<string, LedgerOrder>();
  readonly #fills = new Map<string, LedgerFill>();
  readonly #executionIds = new Set<string>();
  #done = 0;
  #nextTradeNumber = 1;

  /** Puts back what the journal holds. */
  replay(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) this.#replay(entry);
  }

  /**
   * Joins it with the node's record, which is the truth of what was told.
   *
   * @returns fills and changes that the node has not recorded: they are to be told again
   */
  open(openOrders: readonly OpenOrder[], nextTradeNumber: number): readonly LedgerFill[] {
    for (const open of openOrders) this.#open(open);
    const numbers = [...this.#fills.values()].map(({ execution }) => execution.tradeNumber);
    const highest = numbers.reduce((most, one) => Math.max(most, one), 0);
    this.#nextTradeNumber = Math.max(nextTradeNumber, highest + 1);
    return [...this.#fills.values()]
      .filter(
        ({ execution, changeTold }) => execution.tradeNumber >= nextTradeNumber || !changeTold,
      )
      .toSorted((a, b) => a.execution.tradeNumber - b.execution.tradeNumber);
  }

  get(orderId: string): LedgerOrder | undefined {
    return this.#orders.get(orderId);
  }

  add(order: VenueOrder): LedgerOrder {
    invariant(!this.#orders.has(order.orderId), 'an order was sent twice');
    const added: LedgerOrder = {
      order,
      ...{ quantity: order.quantity, limitPrice: order.limitPrice },
      ...{ venueOrderId: undefined, status: 'pending-new', filled: 0, amount: 0n, unnamed: 0 },
      ...{ end: undefined, ending: undefined, toldAccepted: false, toldEnd: false },
      ...{ cancelAsked: false, replaceAsked: undefined },
    };
    this.#orders.set(order.orderId, added);
    return added;
  }

  /** It never reached the venue. */
  forget(orderId: string): void {
    this.#orders.delete(orderId);
  }

  /** Every order that is not done, in the order they were sent. */
  openOrders(): LedgerOrder[] {
    return [...this.#orders.values()].filter(({ end }) => end === undefined);
  }

  finish(order: LedgerOrder, end: NonNullable<LedgerOrder['end']>): void {
    order.end = end;
    order.ending = undefined;
    order.status = end.state;
    this.#done += 1;
    if (this.#done <= KEPT_DONE) return;
    for (const [id, one] of this.#orders) {
      if (one.end === undefined) continue;
      this.#orders.delete(id);
      this.#done -= 1;
      return;
    }
  }

  fill(key: string): LedgerFill | undefined {
    return this.#fills.get(key);
  }

  addFill(fill: LedgerFill): void {
    this.#fills.set(fill.key, fill);
    this.#executionIds.add(fill.execution.executionId);
    if (this.#fills.size <= KEPT_FILLS) return;
    for (const [key, { orderId, execution }] of this.#fills) {
      if (this.#orders.get(orderId)?.end === undefined && this.#orders.has(orderId)) continue;
      this.#fills.delete(key);
      this.#executionIds.delete(execution.executionId);
      return;
    }
  }

  /** The next trade's number; each is given once. */
  takeTradeNumber(): number {
    const number = this.#nextTradeNumber;
    this.#nextTradeNumber += 1;
    return number;
  }

  /** An id for an execution: the wanted one, unless the trade's other side has it. */
  executionId(wanted: string): string {
    return this.#executionIds.has(wanted) ? `${wanted}-b` : wanted;
  }

  /** Everything that a journal written anew must hold. */
  entries(): LedgerEntry[] {
    const entries: LedgerEntry[] = [];
    for (const { order, venueOrderId, quantity, limitPrice, end } of this.#orders.values()) {
      const id = order.orderId;
      entries.push({ t: 'sent', order });
      if (venueOrderId !== undefined) entries.push({ t: 'venue-id', id, venueOrderId });
      if (quantity !== order.quantity || limitPrice !== order.limitPrice) {
        entries.push({ t: 'terms', id, quantity, limitPrice });
      }
      if (end) entries.push({ t: 'done', id, ...end });
    }
    for (const fill of this.#fills.values()) {
      const { key, orderId: id, execution, price, quantity, reason, changeTold } = fill;
      entries.push({ t: 'fill', key, id, execution });
      if (price !== execution.price || quantity !== execution.quantity) {
        entries.push({ t: 'changed', key, price, quantity, reason });
        if (changeTold) entries.push({ t: 'change-told', key });
      }
    }
    return entries;
  }

  #replay(entry: LedgerEntry): void {
    switch (entry.t) {
      case 'sent':
        if (!this.#orders.has(entry.order.orderId)) this.add(entry.order);
        return;
      case 'never':
        return this.forget(entry.id);
      case 'venue-id': {
        const order = this.#orders.get(entry.id);
        if (order) order.venueOrderId = entry.venueOrderId;
        return;
      }
      case 'terms': {
        const order = this.#orders.get(entry.id);
        if (order) Object.assign(order, { quantity: entry.quantity, limitPrice: entry.limitPrice });
        return;
      }
      case 'fill': {
        const { key, id, execution } = entry;
        const { price, quantity } = execution;
        const standing = { price, quantity, changeTold: true, reason: '' };
        this.addFill({ key, orderId: id, execution, ...standing });
        this.count(id, quantity, BigInt(price) * BigInt(quantity));
        return;
      }
      case 'changed': {
        const fill = this.#fills.get(entry.key);
        if (fill) this.change(fill, entry);
        return;
      }
      case 'change-told': {
        const fill = this.#fills.get(entry.key);
        if (fill) fill.changeTold = true;
        return;
      }
      case 'done': {
        const order = this.#orders.get(entry.id);
        const { state, reason, rejection } = entry;
        if (order) this.finish(order, { state, reason, ...(rejection && { rejection }) });
      }
    }
  }

  /** What an order was executed counts by so much more, or less. */
  count(orderId: string, quantity: number, amount: bigint): void {
    const order = this.#orders.get(orderId);
    if (!order) return;
    order.filled += quantity;
    if (order.amount !== undefined) order.amount += amount;
    if (!TERMINAL_STATUSES.has(order.status) && order.status !== 'suspended') {
      order.status = order.filled > 0 ? 'partially-filled' : 'new';
    }
  }

  /** A fill stands for other terms from now on. */
  change(
    fill: LedgerFill,
    to: { readonly price: number; readonly quantity: number; readonly reason: string },
  ): void {
    const amount =
      BigInt(to.price) * BigInt(to.quantity) - BigInt(fill.price) * BigInt(fill.quantity);
    this.count(fill.orderId, to.quantity - fill.quantity, amount);
    const { price, quantity, reason } = to;
    Object.assign(fill, { price, quantity, reason, changeTold: false });
  }

  #open({ order, filled }: OpenOrder): void {
    const known = this.#orders.get(order.orderId) ?? this.add(order);
    known.toldAccepted = true;
    if (known.status === 'pending-new')
      known.status = known.filled > 0 ? 'partially-filled' : 'new';
    known.quantity = order.quantity;
    known.limitPrice = order.limitPrice;
    if (filled <= known.filled) return;
    // The journal is not what it was. What the node recorded stands; under which ids is not known.
    known.unnamed = filled - known.filled;
    known.filled = filled;
    known.amount = undefined;
  }
}

/** An order as its wire knows it. */
export function wireOrderOf({ order, venueOrderId, quantity, limitPrice }: LedgerOrder): WireOrder {
  return { order, venueOrderId, quantity, limitPrice };
}
