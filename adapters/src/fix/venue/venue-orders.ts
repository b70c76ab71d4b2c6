import type { Execution, Instrument, InstrumentId, LegRejection, VenueId } from '@stoa/schema';
import { TERMINAL_STATUSES } from '@stoa/schema';
import type { VenueEvent, VenueOrder } from '../../venue-adapter.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { FixFields } from '../wire/fix-fields.ts';
import { TAG } from '../wire/tags.ts';
import { clientOrderId } from './client-order-id.ts';
import { type ExecutionReport, readExecutionReport } from './execution-report.ts';
import type { FixNote, FixOrder, FixRequest } from './fix-order.ts';
import {
  businessRejection,
  cancelRejection,
  orderRejection,
  sessionRejection,
  THROTTLED,
} from './reject-codes.ts';
import { TradeLedger } from './trade-ledger.ts';

/** The latest are kept; a day of a busy session has fewer. */
const MAX_DONE_ORDERS = 50_000;

/** What an order waits for from the venue. */
export type Awaited = 'new' | 'cancel' | 'replace' | 'status';

/** What a message of the venue means. */
export interface Outcome {
  readonly events: readonly VenueEvent[];
  readonly orderId?: string;
  /** Requests of that order that are answered by it. */
  readonly answers?: readonly Awaited[];
  /** The venue did not take a new order for want of time, and may be asked again. */
  readonly throttled?: boolean;
}

export interface VenueOrdersNeeds {
  readonly venue: VenueId;
  readonly dialect: Dialect;
  readonly instruments: ReadonlyMap<InstrumentId, Instrument>;
  /** The wallet on the other side of a fill. */
  readonly walletOf: (contra: string | undefined) => `0x${string}`;
  readonly isHalted: (instrument: InstrumentId) => boolean;
  /** A trade got its number, which must survive before the trade is told. */
  readonly onNumbered: (executionId: string, tradeNumber: number) => void;
  /** Something that does not fit; the operator sees it. */
  readonly onProblem: (code: string, text: string) => void;
}

const NOTHING: Outcome = { events: [] };

/**
 * What a FIX session knows of its orders: requests and reports go in, events come out. It has no clock
 * and no wire, so that the session's log, read again, brings it to the same state.
 */
export class VenueOrders {
  readonly #needs: VenueOrdersNeeds;
  readonly #orders = new Map<string, FixOrder>();
  readonly #done = new Set<string>();
  readonly #requests = new Map<string, FixRequest>();
  readonly #bySeq = new Map<number, string>();
  readonly #trades: TradeLedger;

  constructor(needs: VenueOrdersNeeds) {
    this.#needs = needs;
    this.#trades = new TradeLedger(needs.onNumbered);
  }

  get(orderId: string): FixOrder | undefined {
    return this.#orders.get(orderId);
  }

  *open(): IterableIterator<FixOrder> {
    for (const order of this.#orders.values()) {
      if (!TERMINAL_STATUSES.has(order.status)) yield order;
    }
  }

  /** See {@link TradeLedger.beginNumbers}. */
  beginNumbers(nextTradeNumber: number): void {
    this.#trades.beginNumbers(nextTradeNumber);
  }

  /** Takes back what was noted, in its order. */
  read(note: FixNote): void {
    if (note.note === 'asked') this.asked(note.request, note.order);
    else if (note.note === 'known') this.add(note.order, note.filled);
    else if (note.note === 'number') this.#trades.numbered(note.executionId, note.tradeNumber);
    else if (note.note === 'seen') for (const id of note.ids) this.#trades.isNew(id);
    else if (note.note === 'order') {
      this.#orders.set(note.order.request.orderId, note.order);
      this.#requests.set(note.order.clientId, requestOf(note.order));
      if (TERMINAL_STATUSES.has(note.order.status)) this.#finish(note.order, note.order.status);
    } else {
      const { execution } = note.execution;
      this.#trades.keep(note.execution);
      this.#trades.numbered(execution.executionId, execution.tradeNumber);
    }
  }

  /** Everything, as notes that lead to it. */
  snapshot(): FixNote[] {
    return [
      ...this.#trades.snapshot(),
      ...[...this.#orders.values()].map((order) => ({ note: 'order', order }) as const),
    ];
  }

  /** An order that is to go out, or that the node says was open and the log does not know. */
  add(request: VenueOrder, filled: number): FixOrder {
    const { orderId, quantity, limitPrice } = request;
    const clientId = clientOrderId(orderId, 0, this.#needs.dialect.clientOrderId);
    const order: FixOrder = {
      ...{ request, quantity, limitPrice, filled, accepted: filled > 0, clientId },
      status: filled > 0 ? 'partially-filled' : 'pending-new',
      venueOrderId: undefined,
      asked: false,
      uses: 1,
    };
    this.#orders.set(orderId, order);
    this.#requests.set(clientId, requestOf(order));
    return order;
  }

  /** The id of the next request about an order. */
  nextClientId({ request, uses }: FixOrder): string {
    return clientOrderId(request.orderId, uses, this.#needs.dialect.clientOrderId);
  }

  /** A request goes out. */
  asked(request: FixRequest, order?: VenueOrder): void {
    const known =
      this.#orders.get(request.orderId) ?? (order === undefined ? undefined : this.add(order, 0));
    if (known === undefined) return;
    this.#requests.set(request.clientId, request);
    this.#bySeq.set(request.seq, request.clientId);
    if (request.clientId !== known.clientId) known.uses += 1;
    if (request.kind !== 'new') return;
    known.asked = true;
    known.clientId = request.clientId;
  }

  /** The order that a message of this number was about. */
  bySeq(seq: number): FixOrder | undefined {
    const request = this.#requests.get(this.#bySeq.get(seq) ?? '');
    return request && this.#orders.get(request.orderId);
  }

  /** ExecutionReport(8), from the order session or the drop copy. */
  report(fields: FixFields, nowMs: number, clientIdTag: number = TAG.ClOrdID): Outcome {
    const clientId = fields.text(clientIdTag);
    const order = this.#orderOf(clientId, fields);
    if (order === undefined) {
      this.#needs.onProblem('UNKNOWN_ORDER_REPORTED', `A report names order ${clientId ?? '?'}`);
      return NOTHING;
    }
    const instrument = this.#needs.instruments.get(order.request.instrument);
    if (instrument === undefined) return NOTHING;
    const report = readExecutionReport(fields, instrument, this.#needs.dialect);
    const answers = this.#answersOf(report, clientId);
    const { orderId } = order.request;
    if (report.kind === 'ignored') return { events: [], orderId };
    if (report.kind !== 'status') {
      const id = `${report.kind === 'fill' ? '' : `${report.kind}:`}${this.#idOf(report)}`;
      if (!this.#trades.isNew(id)) return { events: [], orderId, answers };
    }
    order.venueOrderId = report.venueOrderId ?? order.venueOrderId;
    const events = this.#apply(order, report, clientId ?? '', nowMs);
    return { events, orderId, answers };
  }

  /** OrderCancelReject(9). */
  cancelReject(fields: FixFields): Outcome {
    const order = this.#orderOf(fields.text(TAG.ClOrdID), fields);
    if (order === undefined) return NOTHING;
    const replace = fields.text(TAG.CxlRejResponseTo) === '2';
    const rejection = cancelRejection(
      fields.text(TAG.CxlRejReason),
      fields.text(TAG.Text),
      this.#needs.dialect,
    );
    const request = this.#requests.get(fields.text(TAG.ClOrdID) ?? '');
    return this.#changeRejected(order, replace ? 'replace' : 'cancel', rejection, request);
  }

  /** BusinessMessageReject(j): the venue read the message and has no use for it. */
  businessReject(fields: FixFields): Outcome {
    const reason = fields.text(TAG.BusinessRejectReason);
    const clientId =
      fields.text(TAG.BusinessRejectRefID) ?? this.#bySeq.get(fields.int(TAG.RefSeqNum) ?? -1);
    const rejection = businessRejection(reason, fields.text(TAG.Text));
    return this.#requestRejected(clientId, rejection, reason === THROTTLED);
  }

  /** Reject(3): the venue could not read the message. */
  sessionReject(fields: FixFields): Outcome {
    const clientId = this.#bySeq.get(fields.int(TAG.RefSeqNum) ?? -1);
    const reason = fields.text(TAG.SessionRejectReason);
    return this.#requestRejected(clientId, sessionRejection(reason, fields.text(TAG.Text)), false);
  }

  #requestRejected(
    clientId: string | undefined,
    rejection: LegRejection,
    throttled: boolean,
  ): Outcome {
    const request = this.#requests.get(clientId ?? '');
    const order = request && this.#orders.get(request.orderId);
    if (request === undefined || order === undefined) return NOTHING;
    if (request.kind !== 'new')
      return this.#changeRejected(order, request.kind, rejection, request);
    const { orderId } = request;
    if (order.accepted || TERMINAL_STATUSES.has(order.status)) return NOTHING;
    if (throttled) return { events: [], orderId, answers: ['new'], throttled };
    this.#finish(order, 'rejected');
    return { events: [{ kind: 'rejected', orderId, rejection }], orderId, answers: ['new'] };
  }

  #changeRejected(
    order: FixOrder,
    kind: 'cancel' | 'replace',
    rejection: LegRejection,
    request: FixRequest | undefined,
  ): Outcome {
    const { orderId } = order.request;
    // CxlRejReason(102) has no value for it: what was executed is known here as it is there.
    const below = kind === 'replace' && (request?.quantity ?? Infinity) <= order.filled;
    const code = below && !TERMINAL_STATUSES.has(order.status) ? 'QUANTITY_BELOW_EXECUTED' : '';
    return {
      events: [
        {
          kind: kind === 'replace' ? 'replace-rejected' : 'cancel-rejected',
          ...{ orderId, rejection: code === '' ? rejection : { ...rejection, code } },
        },
      ],
      ...{ orderId, answers: [kind] },
    };
  }

  #orderOf(clientId: string | undefined, fields: FixFields): FixOrder | undefined {
    const request =
      this.#requests.get(clientId ?? '') ?? this.#requests.get(fields.text(TAG.OrigClOrdID) ?? '');
    return request && this.#orders.get(request.orderId);
  }

  #answersOf({ kind }: ExecutionReport, clientId: string | undefined): readonly Awaited[] {
    if (kind === 'status') return ['status', 'new'];
    if (kind === 'canceled' || kind === 'expired') return ['new', 'cancel'];
    if (kind === 'replaced') return ['new', 'replace'];
    const asked = this.#requests.get(clientId ?? '')?.kind;
    return kind === 'rejected' && asked !== undefined ? [asked] : ['new'];
  }

  #apply(
    order: FixOrder,
    report: ExecutionReport,
    clientId: string,
    nowMs: number,
  ): readonly VenueEvent[] {
    switch (report.kind) {
      case 'rejected':
        return this.#rejected(order, report, clientId);
      case 'status':
        return this.#status(order, report);
      case 'bust':
        return this.#busted(order, report);
      case 'correct':
        return this.#corrected(order, report);
      case 'fill':
        return [...this.#accept(order), ...this.#filled(order, report, nowMs)];
      case 'new':
        return this.#accept(order);
      case 'replaced':
        return [...this.#accept(order), ...this.#replaced(order, report, clientId)];
      case 'done-for-day':
        if (TERMINAL_STATUSES.has(order.status)) return [];
        order.status = 'done-for-day';
        return [
          ...this.#accept(order),
          { kind: 'done-for-day', orderId: order.request.orderId, filled: order.filled },
        ];
      case 'canceled':
      case 'expired':
        return [...this.#accept(order), ...this.#ended(order, report.kind, report)];
      case 'ignored':
        return [];
    }
  }

  /** Whatever a venue says of an order that lives there tells that it has it. */
  #accept(order: FixOrder): VenueEvent[] {
    if (order.accepted) return [];
    order.accepted = true;
    if (order.status === 'pending-new') order.status = 'new';
    return [{ kind: 'accepted', orderId: order.request.orderId }];
  }

  #filled(order: FixOrder, report: ExecutionReport, nowMs: number): VenueEvent[] {
    const execution = this.#executionOf(order, report, nowMs);
    const { orderId, side } = order.request;
    if (execution === undefined) {
      // Exact or not at all: the node must not count what this network cannot write.
      const text = `Execution ${report.executionId} of order ${orderId} has no exact amounts here`;
      this.#needs.onProblem('AMOUNT_NOT_EXACT', text);
      return [{ kind: 'order-status', orderId, status: 'unknown', filled: order.filled }];
    }
    this.#trades.keep({ orderId, execution, busted: false });
    order.filled += execution.quantity;
    const parties =
      side === 'buy'
        ? { buyOrderId: orderId, sellOrderId: undefined }
        : { buyOrderId: undefined, sellOrderId: orderId };
    const executed = { kind: 'executed', execution, parties } as const;
    if (TERMINAL_STATUSES.has(order.status)) return [executed];
    if (order.filled < order.quantity && report.status !== 'filled') {
      order.status = 'partially-filled';
      return [executed];
    }
    if (report.filled !== undefined && report.filled !== order.filled) {
      const text = `Order ${orderId}: the venue says ${report.filled} executed, its reports ${order.filled}`;
      this.#needs.onProblem('EXECUTIONS_DO_NOT_ADD_UP', text);
    }
    return [executed, ...this.#ended(order, 'filled', report)];
  }

  #executionOf(order: FixOrder, report: ExecutionReport, nowMs: number): Execution | undefined {
    const { lastQuantity = -1, lastPrice = -1 } = report;
    if (lastQuantity <= 0 || lastPrice < 0) return undefined;
    const { side, owner, homeVenue, instrument } = order.request;
    const other = this.#needs.walletOf(report.contra);
    const executionId = this.#idOf(report);
    return {
      ...{ venue: this.#needs.venue, executionId, instrument, homeVenue },
      tradeNumber: this.#trades.numberOf(executionId),
      ...{ price: lastPrice, quantity: lastQuantity },
      buyer: side === 'buy' ? owner.account : other,
      seller: side === 'sell' ? owner.account : other,
      executedAtMs: report.atMs ?? nowMs,
    };
  }

  #ended(
    order: FixOrder,
    state: 'filled' | 'canceled' | 'expired',
    report: ExecutionReport,
  ): VenueEvent[] {
    if (TERMINAL_STATUSES.has(order.status)) return [];
    this.#finish(order, state);
    const reason = (report.text ?? state).slice(0, 200);
    return [{ kind: 'done', orderId: order.request.orderId, state, filled: order.filled, reason }];
  }

  #rejected(order: FixOrder, report: ExecutionReport, clientId: string): readonly VenueEvent[] {
    const { orderId, instrument } = order.request;
    const halted = this.#needs.isHalted(instrument);
    const rejection = orderRejection(report.reason, report.text, this.#needs.dialect, halted);
    const request = this.#requests.get(clientId);
    if (request !== undefined && request.kind !== 'new') {
      return this.#changeRejected(order, request.kind, rejection, request).events;
    }
    if (order.accepted || TERMINAL_STATUSES.has(order.status)) {
      this.#needs.onProblem(
        'REJECTED_LATE',
        `Order ${orderId} lives and is rejected: ${rejection.message}`,
      );
      return [];
    }
    this.#finish(order, 'rejected');
    return [{ kind: 'rejected', orderId, rejection }];
  }

  #replaced(order: FixOrder, report: ExecutionReport, clientId: string): VenueEvent[] {
    const request = this.#requests.get(clientId);
    const { quantity = request?.quantity ?? -1, limitPrice = request?.limitPrice ?? -1 } = report;
    if (quantity < 0 || limitPrice < 0) return [];
    order.quantity = quantity;
    order.limitPrice = limitPrice;
    if (clientId !== '') order.clientId = clientId;
    const { orderId } = order.request;
    return [{ kind: 'replaced', orderId, quantity, limitPrice }];
  }

  #status(order: FixOrder, report: ExecutionReport): VenueEvent[] {
    const { orderId } = order.request;
    const { status = 'unknown', filled = order.filled } = report;
    if (status === 'rejected' && !order.accepted) {
      // One that was never sent may be asked for again: nothing of it is on its way.
      if (!order.asked) this.#forget(order);
      else if (!TERMINAL_STATUSES.has(order.status)) this.#finish(order, 'rejected');
      return [{ kind: 'order-status', orderId, status: 'unknown-order', filled: 0 }];
    }
    if (filled > order.filled) {
      const text = `Order ${orderId}: the venue says ${filled} executed, its reports ${order.filled}`;
      this.#needs.onProblem('EXECUTIONS_MISSING', text);
    }
    const accepted = status === 'pending-new' ? [] : this.#accept(order);
    const told: VenueEvent = { kind: 'order-status', orderId, status, filled };
    if (status === 'filled' || status === 'canceled' || status === 'expired') {
      return [...accepted, told, ...this.#ended(order, status, report)];
    }
    if (!TERMINAL_STATUSES.has(order.status) && status !== 'unknown') order.status = status;
    return [...accepted, told];
  }

  #busted(order: FixOrder, report: ExecutionReport): VenueEvent[] {
    const known = this.#trades.get(this.#refOf(report));
    const { instrument } = order.request;
    if (known === undefined || known.busted) {
      if (known === undefined) this.#needs.onProblem('UNKNOWN_TRADE', this.#refOf(report));
      return [];
    }
    const { executionId, quantity } = known.execution;
    this.#trades.keep({ ...known, busted: true });
    order.filled -= quantity;
    if (!TERMINAL_STATUSES.has(order.status)) {
      order.status = order.filled > 0 ? 'partially-filled' : 'new';
    }
    const reason = (report.text ?? 'undone by the venue').slice(0, 200);
    return [{ kind: 'busted', executionId, instrument, reason }];
  }

  #corrected(order: FixOrder, report: ExecutionReport): VenueEvent[] {
    const known = this.#trades.get(this.#refOf(report));
    const { lastQuantity = -1, lastPrice = -1 } = report;
    if (known === undefined || known.busted || lastQuantity <= 0 || lastPrice < 0) {
      this.#needs.onProblem('UNKNOWN_TRADE', this.#refOf(report));
      return [];
    }
    const execution = { ...known.execution, price: lastPrice, quantity: lastQuantity };
    order.filled += lastQuantity - known.execution.quantity;
    this.#trades.keep({ ...known, execution });
    return [{ kind: 'corrected', execution }];
  }

  #finish(order: FixOrder, status: FixOrder['status']): void {
    order.status = status;
    this.#done.add(order.request.orderId);
    const [oldest] = this.#done;
    if (this.#done.size <= MAX_DONE_ORDERS || oldest === undefined) return;
    const old = this.#orders.get(oldest);
    if (old !== undefined) this.#forget(old);
  }

  #forget({ request: { orderId }, uses }: FixOrder): void {
    this.#done.delete(orderId);
    this.#orders.delete(orderId);
    for (let use = 0; use < uses; use += 1) {
      this.#requests.delete(clientOrderId(orderId, use, this.#needs.dialect.clientOrderId));
    }
  }

  #idOf({ executionId, atMs }: ExecutionReport): string {
    return this.#dated(executionId, atMs);
  }

  #refOf({ refersTo, executionId, atMs }: ExecutionReport): string {
    return this.#dated(refersTo ?? executionId, atMs);
  }

  #dated(id: string, atMs: number | undefined): string {
    if (!this.#needs.dialect.reports.executionIdsRepeatDaily) return id;
    return `${new Date(atMs ?? 0).toISOString().slice(0, 10)}-${id}`;
  }
}

function requestOf({ request, clientId, quantity, limitPrice }: FixOrder): FixRequest {
  return { kind: 'new', orderId: request.orderId, clientId, seq: 0, quantity, limitPrice };
}
