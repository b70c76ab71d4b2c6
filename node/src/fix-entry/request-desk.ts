import { type FixVersion, type MessageWriter, REJECT, TAG } from '@stoa/adapters';
import { type DirectorySource, isRefusal, type Refusal, refuse } from '@stoa/schema';
import { standingScopes } from '../access/roles.ts';
import type { OrderBlotter } from '../orders/blotter/order-blotter.ts';
import type { Caller, OrderView } from '../orders/blotter/order-view.ts';
import type { OrderService } from '../orders/order-service.ts';
import { CLIENT_ORDER_ID } from '../orders/terms/order-validation.ts';
import type { EntryAnswer } from './entry-answer.ts';
import type { EntryJournal } from './entry-journal.ts';
import { type EntryMessage, faultOf, isTaken } from './entry-message.ts';
import { orderRejectReason, throttleReason } from './entry-reasons.ts';
import {
  type OrderReading,
  readInstrument,
  readNewOrder,
  readReplacement,
  SIDES,
} from './order-reader.ts';
import { BUSINESS_REJECT, businessReject, sessionReject } from './reject-answers.ts';
import { writeCancelReject, writeStatus, writeText } from './report-writer.ts';
import type { ReportedOrder } from './reported-order.ts';

export interface RequestDeskOptions {
  readonly caller: Caller;
  readonly version: FixVersion;
  readonly reading: OrderReading;
  /** The member's own names of its wallets. */
  readonly accountNames: ReadonlyMap<string, string>;
}

export interface RequestDeskNeeds {
  readonly orders: Pick<OrderService, 'place' | 'replace' | 'cancel' | 'cancelAll' | 'refused'>;
  readonly blotter: Pick<OrderBlotter, 'order'>;
  readonly directory: DirectorySource;
  readonly journal: EntryJournal;
  readonly note: (note: Buffer) => void;
  /** Resolves when all that was noted is as durable as was asked for. */
  readonly synced: () => Promise<void> | undefined;
  /** An order as far as its member was told of it, after everything that has happened by now. */
  readonly told: (orderId: string) => Promise<ReportedOrder | undefined>;
  readonly nowMs: () => number;
}

/** Does what a member asks for over its session, through the order desk that everybody uses. */
export class RequestDesk {
  readonly #options: RequestDeskOptions;
  readonly #needs: RequestDeskNeeds;

  constructor(options: RequestDeskOptions, needs: RequestDeskNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /**
   * Does what a message asks for, once however often it comes. Resolves with what is to be answered, when
   * what was taken is durable.
   */
  async answer(message: EntryMessage): Promise<EntryAnswer | undefined> {
    const refused = this.#refused(message);
    if (refused) return refused;
    switch (message.msgType) {
      case 'D':
        return this.#enter(message);
      case 'F':
      case 'G':
        return this.#change(message);
      case 'H':
        return this.#status(message);
      default:
        return this.#massCancel(message);
    }
  }

  /** In the order of the standard: what the type is, what the fields are, who asks, how fast. */
  #refused(message: EntryMessage): EntryAnswer | undefined {
    const { caller, version } = this.#options;
    const taken = isTaken(message.msgType, version === 'FIX.4.2');
    if (taken === undefined) {
      const fault = { reason: REJECT.InvalidMsgType, tag: TAG.MsgType, text: 'Invalid MsgType' };
      return sessionReject(message, fault, version);
    }
    const { unsupportedType, notAuthorized } = BUSINESS_REJECT;
    const refused = (reason: number, refusal: string, text: string): EntryAnswer =>
      businessReject(message, { reason, refusal, text }, version);
    if (!taken)
      return refused(unsupportedType, 'FIX_MESSAGE_UNSUPPORTED', 'Unsupported message type');
    const fault = faultOf(message);
    if (fault) return sessionReject(message, fault, version);
    const standing = standingScopes(this.#needs.directory, caller.member, caller.scopes);
    if ('reason' in standing) return refused(notAuthorized, 'FORBIDDEN', standing.reason);
    // What was taken already and comes again after a crash is not refused now.
    const isRepeat = message.possDup && this.#isKnown(message);
    if (!message.isTooFast || isRepeat) return undefined;
    return refused(throttleReason(version), 'RATE_LIMITED', 'More messages than were agreed on');
  }

  async #enter(message: EntryMessage): Promise<EntryAnswer | undefined> {
    const { caller, reading } = this.#options;
    const { orders, journal, note } = this.#needs;
    const clientOrderId = message.fields.text(TAG.ClOrdID) ?? '';
    const isKnown = this.#isKnown(message);
    const isRepeat = message.possDup || message.possResend;
    if (isKnown && isRepeat) {
      const before = await this.#orderOf(clientOrderId);
      if (before) return message.possResend ? this.#status(message) : undefined;
    } else if (isKnown || (!isRepeat && (await this.#isElsewhere(clientOrderId)))) {
      return this.#notEntered(message, reused(clientOrderId));
    }
    const request = readNewOrder(message.fields, reading);
    if (isRefusal(request)) {
      await orders.refused(caller, { action: 'place', clientOrderId }, request);
      return this.#notEntered(message, request);
    }
    // Before it can happen, and durable: its events are this session's from the first on.
    if (CLIENT_ORDER_ID.test(clientOrderId)) {
      note(journal.entered(clientOrderId, clientOrderId));
      await this.#needs.synced();
    }
    const placed = await orders.place(caller, request);
    if (!isRefusal(placed)) {
      if (!placed.existed || message.possDup) return undefined;
      if (message.possResend) return this.#status(message);
    }
    if (!isKnown) this.#drop(clientOrderId);
    return this.#notEntered(message, isRefusal(placed) ? placed : reused(clientOrderId));
  }

  async #change(message: EntryMessage): Promise<EntryAnswer | undefined> {
    const { caller } = this.#options;
    const { journal, note, orders } = this.#needs;
    const { fields, msgType } = message;
    const clientOrderId = fields.text(TAG.ClOrdID) ?? '';
    const known = await this.#orderOf(fields.text(TAG.OrigClOrdID) ?? '');
    if (known === undefined) return this.#notChanged(message, undefined, unknownOrder());
    const isRepeat = message.possDup || message.possResend;
    const isKnown = this.#isKnown(message);
    if ((isKnown && !isRepeat) || !CLIENT_ORDER_ID.test(clientOrderId)) {
      return this.#notChanged(message, known, reused(clientOrderId));
    }
    const to = msgType === 'G' ? this.#replacement(message, known) : undefined;
    if (isRefusal(to)) {
      await orders.refused(caller, { action: 'replace', orderId: known.id }, to);
      return this.#notChanged(message, known, to);
    }
    note(journal.entered(clientOrderId, known.clientOrderId));
    const asked = to
      ? await orders.replace(caller, known.id, { ...to, clientOrderId })
      : await orders.cancel(caller, known.id, { clientOrderId });
    if (!isRefusal(asked)) return undefined;
    if (!isKnown) this.#drop(clientOrderId);
    return this.#notChanged(message, known, asked);
  }

  /** Whether a request under this ClOrdID was taken before. */
  #isKnown({ fields }: EntryMessage): boolean {
    return this.#needs.journal.rootOf(fields.text(TAG.ClOrdID) ?? '') !== undefined;
  }

  /** Whether the member has an order of this id that did not come over this session. */
  async #isElsewhere(clientOrderId: string): Promise<boolean> {
    if (!CLIENT_ORDER_ID.test(clientOrderId)) return false;
    const { member } = this.#options.caller;
    return (await this.#needs.blotter.order(member, { clientOrderId })) !== undefined;
  }

  /** A refused request leaves nothing: whoever asks wrongly for ever does not fill the journal. */
  #drop(clientOrderId: string): void {
    const { journal, note } = this.#needs;
    if (journal.rootOf(clientOrderId) !== undefined) note(journal.dropped(clientOrderId));
  }

  #replacement({ fields }: EntryMessage, order: OrderView) {
    const instrument = readInstrument(fields, this.#options.reading);
    if (isRefusal(instrument)) return instrument;
    if (instrument.id === order.instrument) return readReplacement(fields, instrument, order);
    return refuse('REPLACE_INVALID', 'Symbol(55) cannot be replaced.', 'Send another order.');
  }

  async #status(message: EntryMessage): Promise<EntryAnswer> {
    const { fields } = message;
    const { version, accountNames, reading } = this.#options;
    const known = await this.#orderOf(fields.text(TAG.ClOrdID) ?? '');
    const order = known && (await this.#needs.told(known.id));
    if (!order) return this.#unknownStatus(message);
    const terms = { ...reading.symbols.of(order.instrument), version, accountNames };
    const requestId = version === 'FIX.4.2' ? undefined : fields.text(TAG.OrdStatusReqID);
    const atMs = this.#needs.nowMs();
    return {
      msgType: '8',
      body: (writer) => writeStatus(writer, order, requestId, { ...terms, atMs }),
    };
  }

  async #massCancel(message: EntryMessage): Promise<EntryAnswer> {
    const { caller } = this.#options;
    const { fields } = message;
    const type = fields.text(TAG.MassCancelRequestType) ?? '';
    const sideText = fields.text(TAG.Side);
    const side = SIDES[sideText ?? ''];
    if (sideText !== undefined && side === undefined) {
      const text = 'Side(54) is 1 or 2 here.';
      return massCancelReport(message, {
        ...{ rejectReason: 99, refusal: 'FIX_MESSAGE_UNSUPPORTED', text },
      });
    }
    if (type !== '1' && type !== '7') {
      return massCancelReport(message, { rejectReason: 0, refusal: 'FIX_MESSAGE_UNSUPPORTED' });
    }
    const instrument = type === '1' ? readInstrument(fields, this.#options.reading) : undefined;
    if (isRefusal(instrument)) {
      return massCancelReport(message, { rejectReason: 1, refusal: instrument.code });
    }
    const which = { ...(instrument && { instrument: instrument.id }), ...(side && { side }) };
    const canceled = await this.#needs.orders.cancelAll(caller, which);
    if (isRefusal(canceled)) {
      const { code, message: text } = canceled;
      return massCancelReport(message, { rejectReason: 99, refusal: code, text });
    }
    return massCancelReport(message, { count: canceled.count });
  }

  /** The order that a ClOrdID of this session leads to. */
  async #orderOf(clientOrderId: string): Promise<OrderView | undefined> {
    const root = this.#needs.journal.rootOf(clientOrderId);
    if (root === undefined) return undefined;
    return this.#needs.blotter.order(this.#options.caller.member, { clientOrderId: root });
  }

  /** ExecutionReport(8) of a new order that is refused. */
  #notEntered(message: EntryMessage, refusal: Refusal): EntryAnswer {
    const { version } = this.#options;
    const answer = this.#withoutOrder(message, '8', (writer) => {
      writer.int(TAG.OrdRejReason, orderRejectReason(refusal.code, version));
      writeText(writer, `${refusal.code}: ${refusal.message}`);
    });
    return { ...answer, refusal: refusal.code };
  }

  #unknownStatus(message: EntryMessage): EntryAnswer {
    return this.#withoutOrder(message, 'I', (writer) => {
      // Unknown order.
      writer.int(TAG.OrdRejReason, 5);
      writeText(writer, unknownOrder().message);
    });
  }

  #withoutOrder(
    { fields, seq, begunAtMs }: EntryMessage,
    execType: '8' | 'I',
    more: (writer: MessageWriter) => void,
  ): EntryAnswer {
    const { version } = this.#options;
    const isStatus = execType === 'I';
    return {
      msgType: '8',
      body: (writer) => {
        writer.text(TAG.OrderID, 'NONE').text(TAG.ClOrdID, fields.text(TAG.ClOrdID) ?? '');
        const requestId = fields.text(TAG.OrdStatusReqID);
        if (isStatus && requestId !== undefined) writer.text(TAG.OrdStatusReqID, requestId);
        writer.text(TAG.ExecID, isStatus ? '0' : `R${begunAtMs.toString(36)}-${seq}`);
        if (version === 'FIX.4.2') writer.text(TAG.ExecTransType, isStatus ? '3' : '0');
        writer.text(TAG.ExecType, version === 'FIX.4.2' ? '8' : execType).text(TAG.OrdStatus, '8');
        writer.text(TAG.Symbol, fields.text(TAG.Symbol) ?? '');
        writer.text(TAG.Side, fields.text(TAG.Side) ?? '');
        writer.int(TAG.LeavesQty, 0).int(TAG.CumQty, 0).int(TAG.AvgPx, 0);
        writer.time(TAG.TransactTime, this.#needs.nowMs());
        more(writer);
      },
    };
  }

  /** OrderCancelReject(9). */
  async #notChanged(
    { fields, msgType }: EntryMessage,
    known: OrderView | undefined,
    refusal: Refusal,
  ): Promise<EntryAnswer> {
    const order = known && (await this.#needs.told(known.id));
    const refused = {
      responseTo: msgType === 'F' ? ('cancel' as const) : ('replace' as const),
      clientOrderId: fields.text(TAG.ClOrdID) ?? '',
      origClientOrderId: fields.text(TAG.OrigClOrdID) ?? '',
      ...{ order, reason: refusal.code, text: `${refusal.code}: ${refusal.message}` },
    };
    const terms = { version: this.#options.version, atMs: this.#needs.nowMs() };
    return {
      ...{ msgType: '9', refusal: refusal.code },
      body: (writer) => writeCancelReject(writer, refused, terms),
    };
  }
}

function reused(clientOrderId: string): Refusal {
  const message = `ClOrdID(11) ${clientOrderId.slice(0, 64)} was used before, or is none.`;
  return refuse('CLIENT_ORDER_ID_REUSED', message, 'Choose another.');
}

function unknownOrder(): Refusal {
  return refuse('ORDER_UNKNOWN', 'No order of this session has this ClOrdID.', 'Correct it.');
}

/** OrderMassCancelReport(r). */
function massCancelReport(
  { fields, seq, begunAtMs }: EntryMessage,
  outcome:
    | { readonly count: number }
    | { readonly rejectReason: number; readonly refusal: string; readonly text?: string },
): EntryAnswer {
  const type = fields.text(TAG.MassCancelRequestType) ?? '';
  return {
    msgType: 'r',
    ...('refusal' in outcome && { refusal: outcome.refusal }),
    body: (writer) => {
      writer.text(TAG.ClOrdID, fields.text(TAG.ClOrdID) ?? '');
      writer.text(TAG.OrderID, `M${begunAtMs.toString(36)}-${seq}`);
      writer.text(TAG.MassCancelRequestType, type);
      if ('count' in outcome) {
        writer.text(TAG.MassCancelResponse, type).int(TAG.TotalAffectedOrders, outcome.count);
        return;
      }
      writer.text(TAG.MassCancelResponse, '0');
      writer.int(TAG.MassCancelRejectReason, outcome.rejectReason);
      if (outcome.text !== undefined) writeText(writer, outcome.text);
    },
  };
}
