import { setTimeout as sleep } from 'node:timers/promises';
import type { Instrument, InstrumentId } from '@stoa/schema';
import { rejectionOf } from '../rejections.ts';
import { isSameOrder } from '../same-order.ts';
import type {
  Receipt,
  VenueCapabilities,
  VenueEvent,
  VenueOrder,
  VenueRequest,
} from '../venue-adapter.ts';
import type { AdapterLog } from '../venue-adapter-kind.ts';
import type { AdapterJournal } from './adapter-journal.ts';
import type { LedgerEntry, LedgerOrder } from './ledger-entry.ts';
import { type OrderLedger, wireOrderOf } from './order-ledger.ts';
import type { Consequences, ReportReader } from './report-reader.ts';
import { offGrid, whyNotSent } from './request-check.ts';
import type { OrderReport, VenueWire, WireAnswer } from './venue-wire.ts';

export interface OrderDeskNeeds {
  readonly wire: VenueWire;
  readonly ledger: OrderLedger;
  readonly reader: ReportReader;
  readonly journal: AdapterJournal<LedgerEntry>;
  readonly instruments: ReadonlyMap<InstrumentId, Instrument>;
  readonly capabilities: VenueCapabilities;
  /** How long a request may still arrive after its wire gave up on it. */
  readonly doubtMs: number;
  readonly log: AdapterLog;
  /** Whether the wire can be asked. */
  readonly isReady: () => boolean;
  readonly stopped: AbortSignal;
  /** Takes what one operation caused, once it is journalled. */
  readonly push: (events: readonly VenueEvent[], onDurable?: () => void) => void;
}

const TAKEN: Receipt = { outcome: 'taken' };
const UNKNOWN: Receipt = { outcome: 'outcome-unknown' };
/** Orders asked about in one query. */
const ASKED_AT_ONCE = 200;

/** Says to a venue what is asked of it, once, and finds out what became of what it did not answer. */
export class OrderDesk {
  readonly #needs: OrderDeskNeeds;
  /** Orders that the venue did not find, and since when. */
  readonly #missing = new Map<string, number>();
  readonly #looking = new Map<string, Promise<void>>();
  /** Orders of which a cancel or a replacement was not answered, and since when. */
  readonly #unanswered = new Map<string, number>();

  constructor(needs: OrderDeskNeeds) {
    this.#needs = needs;
  }

  async submit(request: VenueRequest, ready: boolean): Promise<Receipt> {
    if (request.kind === 'new') return this.#new(request.order, ready);
    if (!ready) return refused('not-ready');
    switch (request.kind) {
      case 'mass-cancel':
        return this.#massCancel(request.instrument);
      case 'status':
        return this.#status(request.orderId);
      case 'cancel':
        return this.#cancel(request.orderId);
      case 'replace':
        return this.#replace(request);
      case 'quote-request':
      case 'quote-cancel':
      case 'quote-accept':
        return refused('rfq-not-offered');
    }
  }

  /** What the venue says by itself. */
  reports(reports: readonly OrderReport[]): void {
    const to = nothing();
    for (const report of reports) this.#needs.reader.read(report, to);
    this.#tell(to);
    for (const { orderId, state } of reports) {
      const order = this.#needs.ledger.get(orderId);
      // Its fills come by themselves, or have to be asked for.
      if (order?.ending) this.#lookUp(order, this.#needs.doubtMs / 10);
      // It was given up on, and came to life after all.
      if (order?.end?.rejection?.code === NOT_RECEIVED.code && state === 'live') {
        this.#needs.log.error(
          { orderId },
          'an order came to life after it was given up; canceling',
        );
        void this.#needs.wire.send({ kind: 'cancel', of: wireOrderOf(order) });
      }
    }
  }

  /** A trade is undone, or stands anew. */
  change(
    key: string,
    change: { readonly price: number; readonly quantity: number; readonly reason: string },
  ): void {
    const to = nothing();
    this.#needs.reader.change(key, change, to);
    this.#needs.journal.append(to.entries);
    for (const event of to.events) this.tellChange(key, event);
  }

  /** Tells a change of a trade until the node has recorded it. */
  tellChange(key: string, event: VenueEvent): void {
    this.#needs.push([event], () => {
      const fill = this.#needs.ledger.fill(key);
      if (fill) fill.changeTold = true;
      this.#needs.journal.append([{ t: 'change-told', key }]);
    });
  }

  /** Ends that the journal holds and the node has not recorded. */
  tellEnds(orderIds: readonly string[]): void {
    const to = nothing();
    for (const orderId of orderIds) {
      const order = this.#needs.ledger.get(orderId);
      if (order) this.#needs.reader.tellEnd(order, to);
    }
    this.#tell(to);
  }

  /** After the link came back: where every order stands that is not done. */
  async recover(): Promise<void> {
    const open = this.#needs.ledger.openOrders();
    await this.#ask(open);
    for (const order of open) {
      if (order.end !== undefined) continue;
      const { orderId } = order.order;
      if (order.cancelAsked || order.replaceAsked) this.#unanswered.set(orderId, performance.now());
      if (this.#isInDoubt(order)) this.#lookUp(order);
    }
  }

  /** The same, and says it. */
  async reconcile(): Promise<void> {
    await this.recover();
    for (const { order } of this.#needs.ledger.openOrders()) this.#tellStatus(order.orderId);
  }

  async #new(order: VenueOrder, ready: boolean): Promise<Receipt> {
    const { ledger, journal, wire, capabilities, instruments } = this.#needs;
    const { orderId } = order;
    const known = ledger.get(orderId);
    if (known) {
      if (!isSameOrder(known.order, order)) return refused('duplicate-order');
      return this.#again(known, ready);
    }
    if (!ready) return refused('not-ready');
    const rejection = whyNotSent(order, capabilities, instruments);
    if (rejection) return { outcome: 'refused', rejection };
    const added = ledger.add(order);
    journal.append([{ t: 'sent', order }]);
    await journal.synced();
    const answer = await wire.send({ kind: 'new', order });
    return this.#answered(added, answer, () => {
      const to = nothing();
      if (answer.outcome === 'rejected') {
        const { rejection: why } = answer;
        this.#needs.reader.end(added, { state: 'rejected', reason: why.code, rejection: why }, to);
      }
      this.#tell(to);
    });
  }

  /** Asked for again, as after a restart: told again what is known, or found out. */
  #again(known: LedgerOrder, ready: boolean): Receipt {
    if (known.status === 'pending-new') {
      if (ready) this.#lookUp(known);
      return ready ? TAKEN : UNKNOWN;
    }
    const to = nothing();
    if (!known.toldAccepted && known.end?.state !== 'rejected') {
      known.toldAccepted = true;
      to.events.push({ kind: 'accepted', orderId: known.order.orderId });
    }
    this.#needs.reader.tellEnd(known, to);
    this.#tell(to);
    return TAKEN;
  }

  async #cancel(orderId: string): Promise<Receipt> {
    const order = this.#changeable(orderId, 'cancel-rejected');
    if (!order) return TAKEN;
    order.cancelAsked = true;
    const answer = await this.#needs.wire.send({ kind: 'cancel', of: wireOrderOf(order) });
    return this.#cancelAnswered(order, answer);
  }

  #cancelAnswered(order: LedgerOrder, answer: WireAnswer): Receipt {
    const { orderId } = order.order;
    return this.#answered(order, answer, () => {
      if (answer.outcome !== 'rejected' || !order.cancelAsked) return;
      order.cancelAsked = false;
      this.#needs.push([{ kind: 'cancel-rejected', orderId, rejection: answer.rejection }]);
      // Too late means that it ended otherwise.
      this.#lookUp(order);
    });
  }

  async #replace(request: Extract<VenueRequest, { kind: 'replace' }>): Promise<Receipt> {
    const { orderId, quantity, limitPrice } = request;
    if (!this.#needs.capabilities.replace) return refused('unknown-order');
    const order = this.#changeable(orderId, 'replace-rejected');
    if (!order) return TAKEN;
    const instrument = this.#needs.instruments.get(order.order.instrument);
    const wrong =
      (instrument && offGrid({ quantity, limitPrice }, instrument)) ??
      (quantity <= order.filled ? rejectionOf('below-executed') : undefined);
    if (wrong) {
      this.#needs.push([{ kind: 'replace-rejected', orderId, rejection: wrong }]);
      return TAKEN;
    }
    order.replaceAsked = { quantity, limitPrice };
    const of = wireOrderOf(order);
    const answer = await this.#needs.wire.send({ kind: 'replace', of, quantity, limitPrice });
    return this.#answered(order, answer, () => {
      if (answer.outcome !== 'rejected' || !order.replaceAsked) return;
      order.replaceAsked = undefined;
      this.#needs.push([{ kind: 'replace-rejected', orderId, rejection: answer.rejection }]);
      this.#lookUp(order);
    });
  }

  /** An open order; where it is none, that is said and it is undefined. */
  #changeable(
    orderId: string,
    kind: 'cancel-rejected' | 'replace-rejected',
  ): LedgerOrder | undefined {
    const order = this.#needs.ledger.get(orderId);
    if (order && order.end === undefined) return order;
    const rejection = rejectionOf(order ? 'too-late' : 'unknown-order');
    this.#needs.push([{ kind, orderId, rejection }]);
    return undefined;
  }

  async #massCancel(instrument: InstrumentId | undefined): Promise<Receipt> {
    const { wire, ledger, capabilities, instruments } = this.#needs;
    if (!capabilities.massCancel) return refused('unknown-order');
    if (instrument !== undefined && !instruments.has(instrument)) {
      return refused('unknown-instrument');
    }
    const answer = await wire.send({ kind: 'mass-cancel', instrument });
    const open = ledger
      .openOrders()
      .filter(({ order }) => instrument === undefined || order.instrument === instrument);
    void this.#askQuietly(open);
    if (answer.outcome === 'rejected') return { outcome: 'refused', rejection: answer.rejection };
    return answer.outcome === 'unknown' ? UNKNOWN : TAKEN;
  }

  async #status(orderId: string): Promise<Receipt> {
    const order = this.#needs.ledger.get(orderId);
    if (order && order.end === undefined) await this.#askQuietly([order]);
    this.#tellStatus(orderId);
    return TAKEN;
  }

  #tellStatus(orderId: string): void {
    const order = this.#needs.ledger.get(orderId);
    const { status, filled } = order ?? { status: 'unknown-order', filled: 0 };
    this.#needs.push([{ kind: 'order-status', orderId, status, filled }]);
  }

  #answered(order: LedgerOrder, answer: WireAnswer, onRejected: () => void): Receipt {
    const { orderId } = order.order;
    if (answer.outcome === 'unknown') {
      this.#needs.log.warn({ orderId, reason: answer.reason }, 'no answer to a request');
      this.#missing.delete(orderId);
      if (order.cancelAsked || order.replaceAsked) {
        this.#unanswered.set(orderId, performance.now());
      }
      this.#lookUp(order);
      return UNKNOWN;
    }
    if (answer.outcome === 'rejected') onRejected();
    else if (answer.report) this.reports([answer.report]);
    return TAKEN;
  }

  /** Finds out where an order stands, until that is known. */
  #lookUp(order: LedgerOrder, afterMs = 0): void {
    const { orderId } = order.order;
    if (this.#looking.has(orderId)) return;
    const looking = this.#lookUntilKnown(order, afterMs).finally(() =>
      this.#looking.delete(orderId),
    );
    this.#looking.set(orderId, looking);
  }

  async #lookUntilKnown(order: LedgerOrder, afterMs: number): Promise<void> {
    const { isReady, stopped, doubtMs } = this.#needs;
    if (afterMs > 0) await sleep(afterMs, undefined, { signal: stopped }).catch(() => undefined);
    for (;;) {
      // Its return asks about everything.
      if (!isReady() || stopped.aborted) return;
      await this.#askQuietly([order]);
      await this.#askChangeAgain(order);
      if (order.end !== undefined || !this.#isInDoubt(order)) return;
      await sleep(Math.max(10, doubtMs / 10), undefined, { signal: stopped }).catch(
        () => undefined,
      );
    }
  }

  #isInDoubt({ order: { orderId }, status, ending }: LedgerOrder): boolean {
    const doubted = status === 'pending-new' || ending !== undefined;
    return doubted || this.#missing.has(orderId) || this.#unanswered.has(orderId);
  }

  /** A cancel may be said twice; a replacement that shows no effect in time never came. */
  async #askChangeAgain(order: LedgerOrder): Promise<void> {
    const { orderId } = order.order;
    const sinceMs = this.#unanswered.get(orderId);
    if (sinceMs === undefined || order.end !== undefined) return;
    if (!order.cancelAsked && !order.replaceAsked) {
      this.#unanswered.delete(orderId);
    } else if (order.cancelAsked) {
      const answer = await this.#needs.wire.send({ kind: 'cancel', of: wireOrderOf(order) });
      if (answer.outcome === 'unknown') return;
      this.#unanswered.delete(orderId);
      this.#cancelAnswered(order, answer);
    } else if (performance.now() - sinceMs >= this.#needs.doubtMs) {
      this.#unanswered.delete(orderId);
      order.replaceAsked = undefined;
      this.#needs.push([{ kind: 'replace-rejected', orderId, rejection: NOT_RECEIVED }]);
    }
  }

  async #askQuietly(orders: readonly LedgerOrder[]): Promise<void> {
    try {
      await this.#ask(orders);
    } catch (error) {
      this.#needs.log.warn({ err: error }, 'the venue cannot be asked about orders');
    }
  }

  async #ask(orders: readonly LedgerOrder[]): Promise<void> {
    for (let first = 0; first < orders.length; first += ASKED_AT_ONCE) {
      const some = orders.slice(first, first + ASKED_AT_ONCE);
      const reports = await this.#needs.wire.query(some.map(wireOrderOf));
      if (this.#needs.stopped.aborted) return;
      this.reports(reports);
      const states = new Map(reports.map(({ orderId, state }) => [orderId, state]));
      for (const order of some) this.#found(order, states.get(order.order.orderId) ?? 'unknown');
    }
  }

  /** An order that the venue does not know for as long as a request can be under way is not there. */
  #found(order: LedgerOrder, state: OrderReport['state']): void {
    const { orderId } = order.order;
    if (state !== 'unknown' || order.end !== undefined) {
      this.#missing.delete(orderId);
      return;
    }
    const nowMs = performance.now();
    const sinceMs = this.#missing.get(orderId) ?? nowMs;
    this.#missing.set(orderId, sinceMs);
    if (nowMs - sinceMs < this.#needs.doubtMs) return this.#lookUp(order);
    this.#missing.delete(orderId);
    const to = nothing();
    const { reader, log } = this.#needs;
    log.warn({ orderId }, 'the venue has no such order');
    const never = order.status === 'pending-new' && order.filled === 0;
    if (never) {
      const end = {
        state: 'rejected',
        reason: NOT_RECEIVED.code,
        rejection: NOT_RECEIVED,
      } as const;
      reader.end(order, end, to);
    } else {
      reader.end(order, { state: 'canceled', reason: 'The venue has it no more.' }, to);
    }
    this.#tell(to);
  }

  #tell({ events, entries }: Consequences): void {
    const { journal, ledger, push } = this.#needs;
    journal.append(entries);
    if (journal.isLong) journal.rewrite(ledger.entries());
    push(events);
  }
}

const NOT_RECEIVED = {
  code: 'NOT_RECEIVED',
  message: 'The order never reached the venue.',
} as const;

function nothing(): Consequences {
  return { events: [], entries: [] };
}

function refused(reason: Parameters<typeof rejectionOf>[0]): Receipt {
  return { outcome: 'refused', rejection: rejectionOf(reason) };
}
