import { type InstrumentId, type OrderStatus, TERMINAL_STATUSES } from '@stoa/schema';
import type { OrderState } from '../orders/life/order-state.ts';
import { type KeptEvent, nextState } from '../orders/order-replay.ts';

/** ExecType(150) of FIX 4.4: what an ExecutionReport(8) is about. */
export type ExecType =
  | 'pending-new'
  | 'new'
  | 'trade'
  | 'trade-cancel'
  | 'trade-correct'
  | 'done-for-day'
  | 'suspended'
  | 'restated'
  | 'pending-cancel'
  | 'canceled'
  | 'pending-replace'
  | 'replaced'
  | 'rejected'
  | 'expired';

/** An order as its member has been told of it. */
export interface ReportedOrder {
  readonly state: OrderState;
  readonly instrument: InstrumentId;
  readonly account: string;
  /** ClOrdID(11) that the order goes by: the last replacement's that took effect, else its own. */
  readonly clientOrderId: string;
  /** ClOrdIDs of replacements that wait, as {@link OrderState.replacements}; undefined: of no ClOrdID. */
  readonly replacing: readonly (string | undefined)[];
  /** ClOrdID of the cancel that waits. */
  readonly canceling: string | undefined;
  /** Whether the member knows that the order is open, from a report of it or of a trade. */
  readonly isAcknowledged: boolean;
}

/** One side's part in a trade. */
export interface ReportedTrade {
  readonly quantity: number;
  readonly price: number;
  readonly executionId: string;
}

/** A message that an event leads to, in the instrument's units. */
export type OrderReport =
  | {
      readonly kind: 'execution';
      readonly execType: ExecType;
      readonly clientOrderId: string;
      /** Of the order, where another request's ClOrdID is answered. */
      readonly origClientOrderId?: string;
      readonly trade?: ReportedTrade;
      /** The order after it. */
      readonly order: ReportedOrder;
    }
  | {
      readonly kind: 'cancel-reject';
      readonly responseTo: 'cancel' | 'replace';
      readonly clientOrderId: string;
      /** CxlRejReason(102) 0, or another. */
      readonly isTooLate: boolean;
      readonly order: ReportedOrder;
    };

/** An order after an event of it, and what its member is told of that, in order. */
export interface Reported {
  readonly order: ReportedOrder;
  readonly reports: readonly OrderReport[];
}

/**
 * One event of an order as its member hears of it over FIX: the reports of FIX 4.4 appendix D.
 *
 * Nothing but the order's events go in, so that the same reports come out after a restart.
 */
export function reportedAfter(
  orderId: string,
  before: ReportedOrder | undefined,
  event: KeptEvent,
): Reported {
  if (before === undefined) {
    const order = placed(orderId, event);
    return { order, reports: [execution('pending-new', order)] };
  }
  const told = new Telling(before, event);
  told.trade();
  told.asked();
  told.replaced();
  told.cancelLost();
  told.ended();
  told.stands();
  return { order: told.order, reports: told.reports };
}

function placed(orderId: string, event: KeptEvent): ReportedOrder {
  const { clientOrderId, instrument, account } = event.data;
  return {
    state: nextState(orderId, undefined, event),
    ...{ instrument: instrument as InstrumentId, account: String(account) },
    clientOrderId: String(clientOrderId),
    ...{ replacing: [], canceling: undefined, isAcknowledged: false },
  };
}

function execution(
  execType: ExecType,
  order: ReportedOrder,
  more: Partial<Extract<OrderReport, { kind: 'execution' }>> = {},
): OrderReport {
  const { clientOrderId } = order;
  return { kind: 'execution', execType, clientOrderId, order, ...more };
}

/** The reports of one event, gathered in the order in which the standard has them. */
class Telling {
  order: ReportedOrder;
  readonly reports: OrderReport[] = [];
  readonly #before: ReportedOrder;
  readonly #event: KeptEvent;
  readonly #requestId: string | undefined;

  constructor(before: ReportedOrder, event: KeptEvent) {
    this.#before = before;
    this.#event = event;
    const { clientOrderId } = event.data;
    this.#requestId = typeof clientOrderId === 'string' ? clientOrderId : undefined;
    this.order = { ...before, state: nextState(before.state.id, before.state, event) };
  }

  trade(): void {
    const { kind, data } = this.#event;
    const execType = TRADES[kind];
    if (execType === undefined) return;
    const { quantity, price, executionId } = data;
    const trade = {
      ...{ quantity: Number(quantity), price: Number(price) },
      executionId: String(executionId),
    };
    this.order = { ...this.order, isAcknowledged: true };
    this.#tell(execution(execType, this.order, { trade }));
  }

  /** The member's own requests, that now wait for the venues. */
  asked(): void {
    const { kind } = this.#event;
    const id = this.#requestId;
    if (kind === 'cancel-requested') {
      this.order = { ...this.order, canceling: id };
      if (id !== undefined && !this.#isOver()) this.#answer('pending-cancel', id);
    } else if (kind === 'replace-requested') {
      this.order = { ...this.order, replacing: [...this.order.replacing, id] };
      if (id !== undefined) this.#answer('pending-replace', id);
    }
  }

  /** Replacements leave the queue at its head: in effect as often as the revision grew, else refused. */
  replaced(): void {
    const { state } = this.order;
    const left = this.order.replacing.length - state.replacements.length;
    const effective = state.revision - this.#before.state.revision;
    const gone = this.order.replacing.slice(0, left);
    this.order = { ...this.order, replacing: this.order.replacing.slice(left) };
    gone.forEach((id, index) => {
      if (index < effective) this.#replacedBy(id);
      else if (id !== undefined) this.#reject('replace', id);
    });
    const isRestated = effective === 0 && state.quantity !== this.#before.state.quantity;
    if (isRestated) this.#tell(execution('restated', this.order));
  }

  cancelLost(): void {
    const { canceling, state } = this.order;
    const isLost = !state.cancelRequested || this.#isOverUncanceled();
    if (canceling === undefined || !isLost) return;
    this.order = { ...this.order, canceling: undefined };
    this.#reject('cancel', canceling);
  }

  ended(): void {
    const { status } = this.order.state;
    if (!this.#isOver() || status === 'filled') return;
    const { canceling } = this.order;
    const execType = status === 'canceled' ? 'canceled' : ENDS[status];
    if (execType === undefined) return;
    this.order = { ...this.order, canceling: undefined };
    if (canceling === undefined) this.#tell(execution(execType, this.order));
    else this.#answer(execType, canceling);
  }

  /** The order is open, and stands otherwise than its member was told. */
  stands(): void {
    const { status } = this.order.state;
    const was = this.#before.state.status;
    if (TERMINAL_STATUSES.has(status) || status === was) return;
    const isLive = status === 'new' || status === 'partially-filled';
    if (status === 'done-for-day' || status === 'suspended') {
      this.#tell(execution(status, this.order));
    } else if (isLive && (was === 'done-for-day' || was === 'suspended')) {
      this.#tell(execution('restated', this.order));
    } else if (status === 'new' && !this.order.isAcknowledged) {
      this.order = { ...this.order, isAcknowledged: true };
      this.#tell(execution('new', this.order));
    }
  }

  #replacedBy(id: string | undefined): void {
    const origClientOrderId = this.order.clientOrderId;
    this.order = { ...this.order, clientOrderId: id ?? origClientOrderId, isAcknowledged: true };
    this.#tell(execution('replaced', this.order, { origClientOrderId }));
  }

  #answer(execType: ExecType, clientOrderId: string): void {
    const origClientOrderId = this.order.clientOrderId;
    this.#tell(execution(execType, this.order, { clientOrderId, origClientOrderId }));
  }

  #reject(responseTo: 'cancel' | 'replace', clientOrderId: string): void {
    const isTooLate = TERMINAL_STATUSES.has(this.order.state.status);
    const { order } = this;
    this.#tell({ kind: 'cancel-reject', responseTo, clientOrderId, isTooLate, order });
  }

  #tell(report: OrderReport): void {
    this.reports.push(report);
  }

  /** With this event. */
  #isOver(): boolean {
    const { status } = this.order.state;
    return TERMINAL_STATUSES.has(status) && !TERMINAL_STATUSES.has(this.#before.state.status);
  }

  #isOverUncanceled(): boolean {
    return this.#isOver() && this.order.state.status !== 'canceled';
  }
}

const TRADES: Readonly<Record<string, ExecType>> = {
  'leg-executed': 'trade',
  'trade-busted': 'trade-cancel',
  'trade-corrected': 'trade-correct',
};

const ENDS: Partial<Record<OrderStatus, ExecType>> = { rejected: 'rejected', expired: 'expired' };
