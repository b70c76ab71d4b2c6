import type { OpenOrder, VenueCapabilities, VenueOrder, VenueRequest } from '@stoa/adapters';
import {
  closeOfDayMs,
  invariant,
  isImmediate,
  type LegRejection,
  type MemberId,
  TERMINAL_STATUSES,
  type TradingCalendar,
  type VenueId,
} from '@stoa/schema';
import type { Transaction } from '../../store/database.ts';
import type { AfterCommit } from '../after-commit.ts';
import { isIdOf } from '../id-codes.ts';
import type { LegAsk, LegRequest, OwnLegs } from '../leg-reports.ts';
import { REPLACE_NOT_SUPPORTED } from '../life/order-replacement.ts';
import type { OrderSessions } from '../sessions/order-session.ts';
import type { ReceivedMessage } from '../sessions/peer-inbox.ts';
import type { CounterpartyGate } from '../terms/counterparty-gate.ts';
import type { QuoteDesk, TakenQuote } from './quote-desk.ts';
import {
  cancelRejected,
  end,
  holdOwnOrders,
  reject,
  replaceRejected,
  statusReport,
  type VenueEventNeeds,
  VenueEvents,
  type VenueOrderEvent,
} from './venue-events.ts';
import {
  holdOpenVenueOrders,
  holdVenueOrders,
  insertVenueOrders,
  isRecordedNow,
  type NewVenueOrder,
  newVenueOrder,
  openOrderOf,
  readVenueOrder,
  type VenueOrderRow,
  venueOrderOf,
} from './venue-order-store.ts';
import { VenueTurn } from './venue-turn.ts';

export interface VenueDeskNeeds extends VenueEventNeeds {
  readonly gate: Pick<CounterpartyGate, 'whyNotTaken' | 'whyNotReplaced'>;
  /** Undefined: nothing is negotiated here. */
  readonly quotes?: Pick<QuoteDesk, 'take' | 'takenBy'> | undefined;
  readonly sessions: Pick<OrderSessions, 'send' | 'sendIf'>;
  readonly capabilities: Pick<VenueCapabilities, 'replace' | 'external'>;
  /** When the venue trades; undefined: always. */
  readonly calendar: TradingCalendar | undefined;
  /** Whether the book says beforehand that it accepts an order. */
  readonly accepts: (order: VenueOrder) => boolean;
}

/** A request that a book refused before it reached it. */
export interface RefusedRequest {
  readonly kind: 'new' | 'cancel' | 'replace';
  readonly legId: string;
}

/**
 * This venue's side of orders: records what its book is asked to take and what the book says, and
 * reports each to the order's home in the same transaction.
 */
export class VenueDesk {
  readonly #venue: VenueId;
  readonly #needs: VenueDeskNeeds;
  readonly #events: VenueEvents;

  constructor(venue: VenueId, needs: VenueDeskNeeds) {
    this.#venue = venue;
    this.#needs = needs;
    this.#events = new VenueEvents(venue, needs);
  }

  /** Records what this node's own orders ask of the book, which gets it after the commit. */
  async ownLegs(tx: Transaction, { added, asked }: OwnLegs, after: AfterCommit): Promise<void> {
    const homeVenue = this.#venue;
    const opened = added.map((leg) => ({ leg, homeVenue, status: 'pending-new' as const }));
    const plain = opened.filter(({ leg }) => leg.quoteId === undefined);
    this.#open(tx, plain, after);
    for (const each of opened) {
      if (each.leg.quoteId === undefined) continue;
      const rejection = await this.#openQuoted(tx, each, after);
      // Whoever takes a quote of its own venue has been told before it was recorded.
      invariant(rejection === undefined, 'an own quote could not be taken', { ...rejection });
    }
    if (asked.length === 0) return;
    const rows = await holdVenueOrders(
      tx,
      asked.map(({ legId }) => legId),
    );
    const turn = this.#turn(tx, after);
    for (const ask of asked) {
      const row = rows.get(ask.legId);
      if (row) this.#ask(turn, row, ask);
    }
    await turn.finish();
  }

  /** Takes a request of another home node. */
  async request(
    tx: Transaction,
    from: MemberId,
    { body, sentAtMs }: Pick<ReceivedMessage, 'sentAtMs'> & { readonly body: LegRequest },
    after: AfterCommit,
  ): Promise<void> {
    if (body.kind === 'leg-new') return this.#take(tx, from, { leg: body.leg, sentAtMs }, after);
    const row = (await holdVenueOrders(tx, [body.legId])).get(body.legId);
    if (row?.homeVenue !== from) {
      // Sessions lose and reorder nothing: what did not come before this will not come after it.
      const { legId } = body;
      const unknown = { kind: 'leg-status', legId, state: 'unknown-order', filled: 0 } as const;
      return this.#needs.sessions.send(tx, from, unknown);
    }
    const turn = this.#turn(tx, after);
    const refused =
      body.kind === 'leg-replace' && isNew(row, body.revision)
        ? await this.#needs.gate.whyNotReplaced(tx, from, row, body)
        : undefined;
    this.#ask(turn, row, body, refused);
    await turn.finish();
  }

  #ask(turn: VenueTurn, row: VenueOrderRow, ask: LegAsk, refused?: LegRejection): void {
    const { legId: orderId, instrument } = row;
    const open = !TERMINAL_STATUSES.has(row.status);
    switch (ask.kind) {
      case 'leg-cancel':
        if (!open) return cancelRejected(turn, row, tooLate(row));
        row.cancelRequested = true;
        turn.changes(row);
        turn.after.requests.push({ kind: 'cancel', orderId, instrument });
        return;
      case 'leg-replace':
        return this.#replace(turn, row, ask, open ? refused : tooLate(row));
      case 'leg-status-request':
        if (open) turn.after.requests.push({ kind: 'status', orderId, instrument });
        turn.tell(row, statusReport(row));
    }
  }

  #replace(
    turn: VenueTurn,
    row: VenueOrderRow,
    { revision, quantity, limitPrice }: Extract<LegAsk, { kind: 'leg-replace' }>,
    refused: LegRejection | undefined,
  ): void {
    // Asked again, as after a crash: the book has been asked, and its answer was or will be told.
    if (!isNew(row, revision)) return;
    row.pendingRevision = revision;
    const cannot = this.#needs.capabilities.replace ? undefined : notSupported();
    const rejection = refused ?? cannot;
    if (rejection) return replaceRejected(turn, row, rejection);
    row.pendingQuantity = quantity;
    row.pendingLimitPrice = limitPrice;
    turn.changes(row);
    turn.after.requests.push(...pendingOf(row).filter(({ kind }) => kind === 'replace'));
  }

  async #take(
    tx: Transaction,
    from: MemberId,
    {
      leg,
      sentAtMs,
    }: Pick<ReceivedMessage, 'sentAtMs'> & Pick<Extract<LegRequest, { kind: 'leg-new' }>, 'leg'>,
    after: AfterCommit,
  ): Promise<void> {
    const { legId } = leg;
    // No node can take another's ids.
    if (!isIdOf(from, legId, 'leg')) {
      const message = 'The leg id is not the home node’s own.';
      const foreign = { kind: 'leg-rejected', legId, code: 'LEG_ID_FOREIGN', message } as const;
      return this.#needs.sessions.send(tx, from, foreign);
    }
    const refused = await this.#needs.gate.whyNotTaken(tx, from, leg, sentAtMs);
    const opened = { leg, homeVenue: from, status: 'pending-new' } as const;
    const isQuoted = leg.quoteId !== undefined;
    if (!refused && !isQuoted) return this.#openOf(tx, opened, after);
    const known = await readVenueOrder(tx, legId);
    if (known) return this.#needs.sessions.send(tx, from, statusReport(known));
    const rejection = refused ?? (await this.#openQuoted(tx, opened, after));
    if (!rejection) return;
    const rejected = { ...opened, status: 'rejected', reason: rejection.code } as const;
    insertVenueOrders(tx, [rejected], this.#needs.nowMs());
    this.#needs.sessions.send(tx, from, { kind: 'leg-rejected', legId, ...rejection });
  }

  /**
   * Records a leg of another home, and tells of its acceptance with the record where the book says it
   * beforehand: it stands in the store, from which the book gets it whatever crashes.
   */
  #openOf(tx: Transaction, opened: NewVenueOrder, after: AfterCommit): void {
    const { accepts, sessions } = this.#needs;
    const acceptanceTold = accepts(newVenueOrder(opened));
    this.#open(tx, [{ ...opened, acceptanceTold }], after);
    if (!acceptanceTold) return;
    const { legId } = opened.leg;
    const accepted = { kind: 'leg-accepted', legId } as const;
    // What came again is told where it stands, and not that it is new.
    sessions.sendIf(tx, opened.homeVenue, isRecordedNow(legId), accepted);
  }

  /** Records a leg that has to do with a quote, for good; or says why it cannot take it. */
  async #openQuoted(
    tx: Transaction,
    opened: NewVenueOrder,
    after: AfterCommit,
  ): Promise<LegRejection | undefined> {
    const { quotes } = this.#needs;
    if (!quotes) return { code: 'RFQ_NOT_OFFERED', message: 'The venue gives no quotes.' };
    const taken = await quotes.take(tx, opened.leg, opened.homeVenue, after);
    if ('code' in taken) return taken;
    insertVenueOrders(tx, [opened], this.#needs.nowMs());
    after.requests.push(...(await acceptanceOf(tx, newVenueOrder(opened), taken)));
    return undefined;
  }

  /** The book gets what was recorded, after the commit. What was before is only told of again. */
  #open(tx: Transaction, opened: readonly NewVenueOrder[], after: AfterCommit): void {
    insertVenueOrders(tx, opened, this.#needs.nowMs(), (recorded) => {
      for (const each of opened) {
        const { legId } = each.leg;
        if (recorded.has(legId)) after.requests.push({ kind: 'new', order: newVenueOrder(each) });
        else after.repeated.push(legId);
      }
    });
  }

  /** Tells the homes of legs that came again how they stand. */
  async repeated(tx: Transaction, legIds: readonly string[], after: AfterCommit): Promise<void> {
    await holdOwnOrders(tx, this.#venue, legIds);
    const turn = this.#turn(tx, after);
    const rows = await holdVenueOrders(tx, legIds);
    for (const row of rows.values()) turn.tell(row, statusReport(row));
    await turn.finish();
  }

  /** Records what the book says. Repeats change nothing. */
  events(tx: Transaction, events: readonly VenueOrderEvent[], after: AfterCommit): Promise<void> {
    return this.#events.record(tx, events, after);
  }

  /** A request was refused before it reached the book. */
  async refused(
    tx: Transaction,
    { kind, legId }: RefusedRequest,
    rejection: LegRejection,
    after: AfterCommit,
  ): Promise<void> {
    await holdOwnOrders(tx, this.#venue, [legId]);
    const row = (await holdVenueOrders(tx, [legId])).get(legId);
    if (!row || TERMINAL_STATUSES.has(row.status)) return;
    const turn = this.#turn(tx, after);
    if (kind === 'new') reject(turn, row, rejection);
    else if (kind === 'cancel') cancelRejected(turn, row, rejection);
    else replaceRejected(turn, row, rejection);
    await turn.finish();
  }

  /**
   * Puts the desk in order after a restart: what the book takes back, in the order of acceptance.
   * Immediate orders without an outcome have the one that was recorded: whatever else this node's own
   * book did with them was never made durable, so it did not happen. A venue of its own went on
   * meanwhile, so there they are in doubt like all others. A day order that its book never had is not
   * entered on another day. What was asked of resting orders and not
   * answered is asked again.
   */
  async recover(tx: Transaction, after: AfterCommit): Promise<OpenOrder[]> {
    const restored: OpenOrder[] = [];
    const turn = this.#turn(tx, after);
    for (const row of await holdOpenVenueOrders(tx)) {
      if (row.quoteId !== null && row.status === 'pending-new') {
        // Agreed on is agreed on: what the venue has not said, it is asked for again.
        const taken = await this.#needs.quotes?.takenBy(tx, row.legId);
        if (taken) after.requests.push(...(await acceptanceOf(tx, venueOrderOf(row), taken)));
        continue;
      }
      if (isImmediate(row) && this.#needs.capabilities.external !== true) {
        const state = row.filled === row.quantity ? 'filled' : 'canceled';
        const reason = 'The venue restarted.';
        end(turn, row, { state, filled: row.filled, reason });
      } else if (row.status === 'pending-new' && this.#isDayOver(row)) {
        const reason = 'Its day ended before the book had it.';
        end(turn, row, { state: 'expired', filled: row.filled, reason });
      } else if (row.status === 'pending-new') {
        after.requests.push({ kind: 'new', order: venueOrderOf(row) }, ...pendingOf(row));
      } else if (row.filled < row.quantity) {
        restored.push(openOrderOf(row));
        after.requests.push(...pendingOf(row));
      } else {
        const reason = 'Filled before the venue restarted.';
        end(turn, row, { state: 'filled', filled: row.filled, reason });
      }
    }
    await turn.finish();
    return restored;
  }

  /** Whether the day of an order is over, which nobody but this node's own book could have filled. */
  #isDayOver({ timeInForce, receivedAtMs }: VenueOrderRow): boolean {
    const { calendar, capabilities, nowMs } = this.#needs;
    if (timeInForce !== 'day' || capabilities.external === true) return false;
    return (closeOfDayMs(calendar, receivedAtMs) ?? Number.POSITIVE_INFINITY) <= nowMs();
  }

  /** A cancel for each open order, or those of one instrument: for a book that has no mass cancel. */
  async cancelRequests(tx: Transaction, instrument: string | undefined): Promise<VenueRequest[]> {
    const open = await holdOpenVenueOrders(tx);
    return open
      .filter((row) => instrument === undefined || row.instrument === instrument)
      .map((row) => ({ kind: 'cancel', orderId: row.legId, instrument: row.instrument }));
  }

  #turn(tx: Transaction, after: AfterCommit): VenueTurn {
    return new VenueTurn(this.#venue, tx, after, this.#needs);
  }
}

/** What was agreed on is asked of the venue once, for both sides: with the taker's leg. */
async function acceptanceOf(
  tx: Transaction,
  order: VenueOrder,
  taken: TakenQuote,
): Promise<VenueRequest[]> {
  if (taken.role === 'maker') return [];
  const { quoteId, makerLegId } = taken;
  const maker = makerLegId === undefined ? undefined : await readVenueOrder(tx, makerLegId);
  const acceptance = { kind: 'quote-accept', quoteId, order } as const;
  return [maker ? { ...acceptance, maker: venueOrderOf(maker) } : acceptance];
}

/** What the book was asked about an order and has not answered. */
function pendingOf(row: VenueOrderRow): VenueRequest[] {
  const { legId: orderId, instrument, pendingQuantity, pendingLimitPrice } = row;
  const asked: VenueRequest[] = [];
  if (pendingQuantity !== null && pendingLimitPrice !== null) {
    const to = { quantity: pendingQuantity, limitPrice: pendingLimitPrice };
    asked.push({ kind: 'replace', orderId, instrument, ...to });
  }
  if (row.cancelRequested) asked.push({ kind: 'cancel', orderId, instrument });
  return asked;
}

/** Whether this replacement was not asked for before. */
function isNew({ revision, pendingRevision }: VenueOrderRow, asked: number): boolean {
  return asked > Math.max(revision, pendingRevision ?? 0);
}

function tooLate({ status }: VenueOrderRow): LegRejection {
  return { code: 'TOO_LATE', message: `The order is ${status}.` };
}

function notSupported(): LegRejection {
  return { code: REPLACE_NOT_SUPPORTED, message: 'The venue replaces no orders.' };
}

/** The orders that a request is about, where its refusal is to be told of them. */
export function refusedOf(request: VenueRequest): readonly RefusedRequest[] {
  switch (request.kind) {
    case 'new':
      return [{ kind: 'new', legId: request.order.orderId }];
    case 'quote-accept':
      return [request.order, ...(request.maker ? [request.maker] : [])].map(({ orderId }) => {
        return { kind: 'new', legId: orderId };
      });
    case 'cancel':
    case 'replace':
      return [{ kind: request.kind, legId: request.orderId }];
    case 'status':
    case 'mass-cancel':
    case 'quote-request':
    case 'quote-cancel':
      return [];
  }
}
