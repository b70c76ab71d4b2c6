import { createHash } from 'node:crypto';
import type { Execution, Instrument, InstrumentId, LegRejection, VenueId } from '@stoa/schema';
import { rejectionOf } from '../rejections.ts';
import type { VenueEvent } from '../venue-adapter.ts';
import type { Counterparties } from '../venue-adapter-kind.ts';
import { derivedFills } from './derived-fills.ts';
import type { EndState, LedgerEntry, LedgerOrder } from './ledger-entry.ts';
import type { OrderLedger } from './order-ledger.ts';
import type { OrderReport, WireFill } from './venue-wire.ts';

export interface ReportReaderNeeds {
  readonly venue: VenueId;
  readonly instruments: ReadonlyMap<InstrumentId, Instrument>;
  readonly counterparties: Counterparties;
  readonly ledger: OrderLedger;
  readonly nowMs: () => number;
  /** Told what contradicts what is known, and changes nothing. */
  readonly onContradiction: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** What follows from what a venue said: for the sink, and for the journal before it. */
export interface Consequences {
  readonly events: VenueEvent[];
  readonly entries: LedgerEntry[];
}

const END_STATES: ReadonlySet<string> = new Set(['filled', 'canceled', 'expired', 'rejected']);

/**
 * Turns what a venue says of orders, as often and as late as it likes, into events that are told once.
 * A fill is known by (session date, id); where the venue has no fills, by how much was executed in all.
 */
export class ReportReader {
  readonly #needs: ReportReaderNeeds;

  constructor(needs: ReportReaderNeeds) {
    this.#needs = needs;
  }

  read(report: OrderReport, to: Consequences): void {
    const order = this.#needs.ledger.get(report.orderId);
    if (!order || report.state === 'unknown') return;
    const { venueOrderId } = report;
    if (venueOrderId !== undefined && order.venueOrderId !== venueOrderId) {
      order.venueOrderId = venueOrderId;
      to.entries.push({ t: 'venue-id', id: report.orderId, venueOrderId });
    }
    if (report.state === 'pending') return;
    if (report.state === 'rejected' && order.filled === 0) {
      const rejection = report.rejection ?? unexplained(report.reason);
      return this.end(order, { state: 'rejected', reason: rejection.code, rejection }, to);
    }
    this.#accept(order, to);
    this.#terms(order, report, to);
    this.#fills(order, report, to);
    this.#state(order, report, to);
  }

  /** A trade is undone, or stands anew. */
  change(
    key: string,
    change: { readonly price: number; readonly quantity: number; readonly reason: string },
    to: Consequences,
  ): void {
    const { ledger } = this.#needs;
    const fill = ledger.fill(key);
    if (!fill) return this.#odd('a change of a fill that was never told', { key });
    const same = fill.quantity === change.quantity && fill.price === change.price;
    if (same || fill.quantity === 0) return;
    ledger.change(fill, change);
    const { price, quantity, reason } = change;
    to.entries.push({ t: 'changed', key, price, quantity, reason });
    to.events.push(changeEvent({ ...fill, ...change }));
  }

  /** An order takes no more fills; said once a run. */
  end(order: LedgerOrder, end: NonNullable<LedgerOrder['end']>, to: Consequences): void {
    if (order.end === undefined) {
      this.#needs.ledger.finish(order, end);
      to.entries.push({ t: 'done', id: order.order.orderId, ...end });
    }
    this.tellEnd(order, to);
  }

  /** What was asked of the order and is too late is answered, then its end is told. */
  tellEnd(order: LedgerOrder, to: Consequences): void {
    const { end, filled } = order;
    const { orderId } = order.order;
    if (!end || order.toldEnd) return;
    order.toldEnd = true;
    const rejection = rejectionOf('too-late');
    if (order.replaceAsked) to.events.push({ kind: 'replace-rejected', orderId, rejection });
    if (order.cancelAsked && end.state !== 'canceled') {
      to.events.push({ kind: 'cancel-rejected', orderId, rejection });
    }
    order.replaceAsked = undefined;
    order.cancelAsked = false;
    if (end.state === 'rejected') {
      const told = end.rejection ?? unexplained(end.reason);
      to.events.push({ kind: 'rejected', orderId, rejection: told });
      return;
    }
    to.events.push({ kind: 'done', orderId, state: end.state, filled, reason: end.reason });
  }

  #accept(order: LedgerOrder, to: Consequences): void {
    if (order.status === 'pending-new') order.status = 'new';
    if (order.toldAccepted || order.toldEnd) return;
    order.toldAccepted = true;
    to.events.push({ kind: 'accepted', orderId: order.order.orderId });
  }

  /** A replacement counts once the venue shows its terms, or executes beyond the old ones. */
  #terms(order: LedgerOrder, report: OrderReport, to: Consequences): void {
    const asked = order.replaceAsked;
    if (!asked || order.end) return;
    const shown =
      report.quantity === asked.quantity &&
      (report.limitPrice ?? asked.limitPrice) === asked.limitPrice;
    if (!shown && (report.cumulative ?? 0) <= order.quantity) return;
    this.replaced(order, asked, to);
  }

  /** The venue holds the order under these terms now. */
  replaced(
    order: LedgerOrder,
    terms: { readonly quantity: number; readonly limitPrice: number },
    to: Consequences,
  ): void {
    const { orderId } = order.order;
    const { quantity, limitPrice } = terms;
    Object.assign(order, { quantity, limitPrice, replaceAsked: undefined });
    to.entries.push({ t: 'terms', id: orderId, quantity, limitPrice });
    to.events.push({ kind: 'replaced', orderId, quantity, limitPrice });
  }

  #fills(order: LedgerOrder, report: OrderReport, to: Consequences): void {
    if (report.fills) {
      for (const fill of report.fills) this.#fill(order, fill, to);
      return;
    }
    const { cumulative = 0, amount } = report;
    // Less was said before what is known: answers overtake each other.
    if (cumulative <= order.filled) return;
    const instrument = this.#needs.instruments.get(order.order.instrument);
    if (!instrument) return;
    const { orderId } = order.order;
    if (amount === undefined) {
      return this.#odd('an executed quantity without a price', { orderId, cumulative });
    }
    // By quantity alone it does not matter under which ids the node has the rest.
    order.unnamed = 0;
    const now = { quantity: cumulative, amount };
    const before = { quantity: order.filled, amount: order.amount ?? share(now, order.filled) };
    const parts = derivedFills(before, now, instrument);
    if (!parts) {
      return this.#odd('an executed quantity that no prices give', { orderId, cumulative });
    }
    let reached = order.filled;
    for (const part of parts) {
      reached += part.quantity;
      this.#fill(order, { id: derivedId(orderId, reached), ...part }, to);
    }
  }

  #fill(order: LedgerOrder, fill: WireFill, to: Consequences): void {
    const { ledger } = this.#needs;
    const key = fillKey(fill);
    if (ledger.fill(key)) return;
    const { orderId } = order.order;
    if (order.unnamed > 0) {
      // The node recorded it before the journal was lost: it comes again under an id nobody kept.
      order.unnamed = Math.max(0, order.unnamed - fill.quantity);
      return;
    }
    if (order.filled + fill.quantity > order.quantity) {
      return this.#odd('more was executed than was ordered', { orderId, key });
    }
    if (order.end) this.#odd('a fill of an order that was done', { orderId, key });
    const execution = this.#execution(order, fill);
    const { price, quantity } = fill;
    const standing = { price, quantity, changeTold: true, reason: '' };
    ledger.addFill({ key, orderId, execution, ...standing });
    ledger.count(orderId, quantity, BigInt(price) * BigInt(quantity));
    to.entries.push({ t: 'fill', key, id: orderId, execution });
    to.events.push(executedEvent(execution, order));
  }

  #execution({ order }: LedgerOrder, fill: WireFill): Execution {
    const { venue, ledger, counterparties, nowMs } = this.#needs;
    const wallet = counterparties.walletOf(fill.counterparty);
    const { account } = order.owner;
    const parties =
      order.side === 'buy'
        ? { buyer: account, seller: wallet }
        : { buyer: wallet, seller: account };
    return {
      ...{ venue, instrument: order.instrument, homeVenue: order.homeVenue, ...parties },
      executionId: ledger.executionId(printId(fill)),
      tradeNumber: ledger.takeTradeNumber(),
      ...{ price: fill.price, quantity: fill.quantity },
      executedAtMs: fill.executedAtMs ?? nowMs(),
    };
  }

  #state(order: LedgerOrder, report: OrderReport, to: Consequences): void {
    const { state } = report;
    const { orderId } = order.order;
    if (END_STATES.has(state) && order.end === undefined) {
      const reason = report.reason ?? report.rejection?.code ?? state;
      const cumulative = report.cumulative ?? order.filled;
      order.ending = { state: state as EndState, cumulative, reason };
    }
    const { ending, filled } = order;
    if (ending && filled >= ending.cumulative) {
      // Rejected after it was accepted: to its member, that is a cancel nobody asked for.
      const ended = ending.state === 'rejected' ? 'canceled' : ending.state;
      return this.end(order, { state: ended, reason: ending.reason }, to);
    }
    if (order.end) return;
    if (state === 'done-for-day' && order.status !== 'done-for-day') {
      order.status = 'done-for-day';
      to.events.push({ kind: 'done-for-day', orderId, filled });
    } else if (state === 'suspended' && order.status !== 'suspended') {
      order.status = 'suspended';
      to.events.push({ kind: 'order-status', orderId, status: 'suspended', filled });
    } else if (
      state === 'live' &&
      (order.status === 'suspended' || order.status === 'done-for-day')
    ) {
      order.status = filled > 0 ? 'partially-filled' : 'new';
      to.events.push({ kind: 'order-status', orderId, status: order.status, filled });
    }
  }

  #odd(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#needs.onContradiction(message, fields);
  }
}

/** By what a fill is known: ids may begin anew with the venue's day. */
export function fillKey({ id, sessionDate = '' }: Pick<WireFill, 'id' | 'sessionDate'>): string {
  return sessionDate === '' ? id : `${sessionDate}/${id}`;
}

/** The id under which a trade is printed and told: the trade's own, where the venue has one. */
export function printId({ id, tradeId = id, sessionDate = '' }: WireFill): string {
  return sessionDate === '' ? tradeId : `${sessionDate}-${tradeId}`;
}

/** A trade as it is told first. */
export function executedEvent(execution: Execution, { order }: LedgerOrder): VenueEvent {
  const bought = order.side === 'buy';
  const parties = {
    buyOrderId: bought ? order.orderId : undefined,
    sellOrderId: bought ? undefined : order.orderId,
  };
  return { kind: 'executed', execution, parties };
}

/** What became of a trade. */
export function changeEvent(fill: {
  readonly execution: Execution;
  readonly price: number;
  readonly quantity: number;
  readonly reason: string;
}): VenueEvent {
  const { execution, price, quantity, reason } = fill;
  const { executionId, instrument } = execution;
  return quantity === 0
    ? { kind: 'busted', executionId, instrument, reason }
    : { kind: 'corrected', execution: { ...execution, price, quantity } };
}

function unexplained(reason = 'The venue gave no reason.'): LegRejection {
  return { code: 'REJECTED_BY_VENUE', message: reason };
}

/** Says nothing of whose order it is, and is the same however often it is derived. */
function derivedId(orderId: string, reached: number): string {
  return createHash('sha256').update(`${orderId} ${reached}`).digest('hex').slice(0, 24);
}

function share(now: { readonly quantity: number; readonly amount: bigint }, part: number): bigint {
  return (now.amount * BigInt(part)) / BigInt(now.quantity);
}
