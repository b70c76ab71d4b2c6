import {
  isRefusal,
  type MemberId,
  type OrderRequest,
  type Refusal,
  type Side,
  TERMINAL_STATUSES,
  type VenueId,
} from '@stoa/schema';
import { and, count, eq, inArray, lt } from 'drizzle-orm';
import type { AfterCommit } from '../orders/after-commit.ts';
import type { Caller, OrderView } from '../orders/blotter/order-view.ts';
import type { QuoteMessage } from '../orders/executing/quote-desk.ts';
import { isIdOf } from '../orders/id-codes.ts';
import { newOrder, type StoredOrder, viewOf } from '../orders/order-rows.ts';
import { nextOrderNumbers, readOrder } from '../orders/order-store.ts';
import type { Transaction } from '../store/database.ts';
import { storableText } from '../store/storable-text.ts';
import { orders as orderTable } from '../store/tables/orders.ts';
import { quoteRequests } from '../store/tables/quote-requests.ts';
import { quotes } from '../store/tables/quotes.ts';
import type { HomeRequests } from './home-requests.ts';
import type { NegotiationNeeds } from './negotiation-needs.ts';
import { checkAsOrder, checkClientId, refuseQuote } from './negotiation-request.ts';
import {
  endQuotesOf,
  holdQuote,
  holdRequest,
  MAX_QUOTES,
  type QuoteRequestRow,
  type QuoteRow,
  WHY_ENDED,
} from './quote-rows.ts';
import { type NegotiationEvent, type NegotiationRefusal, negotiate } from './quote-state.ts';
import { metBy, termColumns, termsOf } from './quote-terms.ts';
import type { VenueInquiries } from './venue-inquiries.ts';

export interface HomeQuotesNeeds extends NegotiationNeeds {
  readonly requests: HomeRequests;
  /** This venue's own side. */
  readonly inquiries: Pick<VenueInquiries, 'whyNot'>;
}

/** What a venue says of a request, and when by this node's clock. */
export interface ToldQuote {
  readonly body: QuoteMessage;
  readonly sentAtMs: number;
  /** Undefined for this venue's own word. */
  readonly signed: Uint8Array | undefined;
}

/**
 * Quotes at the home of their request: as venues tell them, and taken once. What takes a quote is an
 * order like any other, with one leg to the quote's venue.
 */
export class HomeQuotes {
  readonly #needs: HomeQuotesNeeds;

  constructor(needs: HomeQuotesNeeds) {
    this.#needs = needs;
  }

  /** Applies what a venue says. What it was not asked changes nothing. */
  async told(tx: Transaction, from: VenueId, told: ToldQuote, after: AfterCommit): Promise<void> {
    const { body } = told;
    const request = await holdRequest(tx, body.requestId);
    if (!request?.venues.some(({ venue }) => venue === from)) return;
    if (body.kind === 'quote') await this.#quoted(tx, from, request, { ...told, body });
    else if (body.kind === 'quote-ended') await this.#ended(tx, from, body);
    else if (body.kind === 'quote-request-rejected') await this.#rejected(tx, from, request, body);
    this.#needs.requests.changed(after, request);
  }

  /** Takes a quote, once for each client order id; resolves when the order is durable. */
  async accept(
    caller: Caller,
    input: {
      readonly clientOrderId: string;
      readonly quoteId: string;
      readonly side: Side | undefined;
    },
  ): Promise<{ readonly order: OrderView; readonly existed: boolean } | Refusal> {
    const { clientOrderId, quoteId } = input;
    const before = await this.#before(caller.member, clientOrderId, quoteId);
    if (before) return before;
    const refused =
      this.#needs.orders().admit(caller.member, 'order') ?? checkClientId(clientOrderId);
    if (refused) return refused;
    const found = await this.#find(caller.member, quoteId);
    if (!found) return unknownQuote();
    const request = this.#orderOf(found, input);
    if (isRefusal(request)) return request;
    const { side, limitPrice, quantity: leaves, account } = request;
    const instrument = checkAsOrder(
      caller,
      { ...request, directedTo: found.quote.venue },
      this.#needs,
    );
    if (isRefusal(instrument)) return instrument;
    const asked = { member: caller.member, account, instrument, side, leaves, limitPrice };
    const place = await this.#needs
      .orders()
      .enter({ ...asked, directedTo: found.quote.venue, worstPrice: undefined });
    if (isRefusal(place)) return place;
    try {
      const taken = await this.#take(caller, found.quote, request);
      if (isRefusal(taken)) return taken;
      if (taken) return { order: viewOf(taken), existed: false };
    } catch (error) {
      // The same, sent twice at once: the store takes one of them.
      const first = await this.#before(caller.member, clientOrderId, quoteId);
      if (!first) throw error;
      return first;
    } finally {
      place.release();
    }
    return (await this.#before(caller.member, clientOrderId, quoteId)) ?? unknownQuote();
  }

  /** What became of orders that took quotes of this node's requests. */
  async outcome(tx: Transaction, order: StoredOrder, after: AfterCommit): Promise<void> {
    const { id, filled, reason } = order.state;
    const [row] = await tx.select().from(quotes).where(eq(quotes.orderId, id));
    if (row) await this.#concluded(tx, row, { traded: filled > 0, reason }, after);
  }

  /** After a restart: orders that ended while nobody looked. */
  async recover(tx: Transaction, after: AfterCommit): Promise<void> {
    await this.sweep(tx, after);
    const ended = await tx
      .select({ quote: quotes, filled: orderTable.filled, reason: orderTable.reason })
      .from(quotes)
      .innerJoin(orderTable, eq(orderTable.id, quotes.orderId))
      .where(
        and(eq(quotes.status, 'accepting'), inArray(orderTable.status, [...TERMINAL_STATUSES])),
      );
    for (const { quote, filled, reason } of ended) {
      await this.#concluded(tx, quote, { traded: filled > 0, reason: reason ?? undefined }, after);
    }
  }

  /** What was not taken in time ends, by this node's clock. */
  async sweep(tx: Transaction, after: AfterCommit): Promise<void> {
    const nowMs = this.#needs.nowMs();
    const over = await tx
      .update(quoteRequests)
      .set({ status: 'expired' })
      .where(and(eq(quoteRequests.status, 'open'), lt(quoteRequests.expireAtMs, nowMs)))
      .returning();
    for (const row of over) {
      await endQuotesOf(tx, row.id, 'QUOTE_EXPIRED');
      this.#needs.requests.changed(after, row);
    }
    const late = await tx
      .update(quotes)
      .set({ status: 'ended', code: 'QUOTE_EXPIRED', message: WHY_ENDED.QUOTE_EXPIRED })
      .where(and(eq(quotes.status, 'firm'), lt(quotes.validUntilMs, nowMs)))
      .returning({ requestId: quotes.requestId });
    for (const id of new Set(late.map(({ requestId }) => requestId))) {
      const [row] = await tx.select().from(quoteRequests).where(eq(quoteRequests.id, id));
      if (row) this.#needs.requests.changed(after, row);
    }
  }

  async #quoted(
    tx: Transaction,
    venue: VenueId,
    request: QuoteRequestRow,
    {
      body,
      sentAtMs,
      signed,
    }: ToldQuote & { readonly body: Extract<QuoteMessage, { kind: 'quote' }> },
  ): Promise<void> {
    const { logger, nowMs, expires } = this.#needs;
    const { quoteId: id, requestId } = body;
    expires(sentAtMs + body.validForMs);
    const isSound =
      isIdOf(venue, id, 'negotiated') && (body.bid !== undefined || body.offer !== undefined);
    const [known] = await tx
      .select({ count: count() })
      .from(quotes)
      .where(eq(quotes.requestId, requestId));
    if (!isSound || (known?.count ?? 0) >= MAX_QUOTES) {
      logger.warn({ venue, quoteId: id, requestId }, 'a quote was not taken in');
      return;
    }
    // It came too late to be of use: kept all the same, because the venue gave it.
    const isOpen = request.status === 'open' || request.status === 'accepting';
    const ended = {
      status: 'ended',
      code: 'QUOTE_REQUEST_ENDED',
      message: 'The request had ended.',
    } as const;
    await tx
      .insert(quotes)
      .values({
        ...{ id, requestId, venue, ...termColumns(body), signed, receivedAtMs: nowMs() },
        validUntilMs: sentAtMs + body.validForMs,
        ...(isOpen ? { status: 'firm' } : ended),
      })
      .onConflictDoNothing();
  }

  async #ended(
    tx: Transaction,
    venue: VenueId,
    { quoteId, code, message }: Extract<QuoteMessage, { kind: 'quote-ended' }>,
  ): Promise<void> {
    await tx
      .update(quotes)
      .set({ status: 'ended', code: storableText(code), message: storableText(message) })
      .where(and(eq(quotes.id, quoteId), eq(quotes.venue, venue), eq(quotes.status, 'firm')));
  }

  async #rejected(
    tx: Transaction,
    from: VenueId,
    { id, venues }: QuoteRequestRow,
    { code, message }: Extract<QuoteMessage, { kind: 'quote-request-rejected' }>,
  ): Promise<void> {
    const rejection = { code: storableText(code), message: storableText(message) };
    const told = venues.map((one) => (one.venue === from ? { ...one, rejection } : one));
    await tx.update(quoteRequests).set({ venues: told }).where(eq(quoteRequests.id, id));
  }

  /** The order, refused by the quote or by what became of it meanwhile; undefined where its id was used. */
  async #take(
    caller: Caller,
    { id: quoteId, requestId, venue }: QuoteRow,
    request: OrderRequest,
  ): Promise<StoredOrder | Refusal | undefined> {
    const { database, venue: self, newCode, nowMs, inquiries } = this.#needs;
    const orders = this.#needs.orders();
    const draft = newOrder(caller.member, request, { nowMs: nowMs(), endsAtMs: undefined });
    const [number = 0] = await nextOrderNumbers(database, 1);
    const id = `${self}-${newCode()}`;
    const order: StoredOrder = { ...draft, number, state: { ...draft.state, id } };
    return orders.commit(async (tx, after) => {
      // First the request, then its quotes: everybody holds them in this order.
      const of = await holdRequest(tx, requestId);
      const row = await holdQuote(tx, quoteId);
      if (!row || !of) return unknownQuote();
      const step = negotiate({ request: of.status, quote: row.status }, 'accept');
      if ('refused' in step) return refusalOf(step.refused, row);
      if (nowMs() > Math.min(row.validUntilMs, of.expireAtMs)) return expired();
      if (venue === self) {
        const { side, instrument, quantity, account } = request;
        const { member } = caller;
        const leg = {
          quoteId,
          side,
          instrument,
          quantity,
          account,
          member,
          timeInForce: 'fok',
        } as const;
        const refused = await inquiries.whyNot(
          tx,
          { ...leg, limitPrice: request.limitPrice ?? 0 },
          self,
        );
        if (refused) {
          return refuseQuote(
            knownCode(refused.code),
            refused.message,
            'Take another quote, or ask again.',
          );
        }
      }
      const placed = await orders.place(tx, order, after);
      if (!placed) return undefined;
      await tx
        .update(quotes)
        .set({ status: step.quote, orderId: id })
        .where(eq(quotes.id, quoteId));
      await tx
        .update(quoteRequests)
        .set({ status: step.request })
        .where(eq(quoteRequests.id, of.id));
      this.#needs.requests.changed(after, of);
      return placed;
    });
  }

  async #concluded(
    tx: Transaction,
    { id, requestId }: QuoteRow,
    { traded, reason }: { readonly traded: boolean; readonly reason: string | undefined },
    after: AfterCommit,
  ): Promise<void> {
    const request = await holdRequest(tx, requestId);
    const row = await holdQuote(tx, id);
    if (!row || !request) return;
    const event: NegotiationEvent = traded ? 'traded' : 'not-traded';
    const step = negotiate({ request: request.status, quote: row.status }, event);
    if ('refused' in step) return;
    const [, code = 'NOT_TRADED'] = /^([A-Z_]+): /.exec(reason ?? '') ?? [];
    const why = traded ? {} : { code, message: reason ?? 'The venue did not execute it.' };
    await tx
      .update(quotes)
      .set({ status: step.quote, ...why })
      .where(eq(quotes.id, id));
    await tx
      .update(quoteRequests)
      .set({ status: step.request })
      .where(eq(quoteRequests.id, request.id));
    if (traded) {
      await endQuotesOf(tx, request.id, 'QUOTE_NOT_CHOSEN');
      await this.#needs.requests.tellAll(tx, request, row.venue, after);
    }
    this.#needs.requests.changed(after, request);
  }

  /** The order that takes a quote, or why the quote cannot be taken so. */
  #orderOf(
    { quote, request }: FoundQuote,
    input: { readonly clientOrderId: string; readonly side: Side | undefined },
  ): (OrderRequest & { readonly limitPrice: number }) | Refusal {
    const side = request.side ?? input.side;
    if (side === undefined) {
      const message = 'Both sides are quoted, and you said neither.';
      return refuseQuote('QUOTE_SIDE_MISSING', message, 'Say whether you buy or sell.');
    }
    const quoted = metBy(side, termsOf(quote));
    if (!quoted || (input.side !== undefined && input.side !== side)) {
      const message = 'The quote does not have this side.';
      return refuseQuote('QUOTE_SIDE_NOT_GIVEN', message, 'Take the side that it has.');
    }
    return {
      ...{ clientOrderId: input.clientOrderId, instrument: request.instrument },
      ...{ account: request.account, side, type: 'limit', timeInForce: 'fok' },
      ...{ quantity: quoted.quantity, limitPrice: quoted.price, strategy: 'directed' },
      ...{ directedTo: quote.venue, remainder: 'cancel', quoteId: quote.id },
    };
  }

  async #find(member: MemberId, quoteId: string): Promise<FoundQuote | undefined> {
    const [found] = await this.#needs.database
      .select({ quote: quotes, request: quoteRequests })
      .from(quotes)
      .innerJoin(quoteRequests, eq(quoteRequests.id, quotes.requestId))
      .where(and(eq(quotes.id, quoteId), eq(quoteRequests.member, member)));
    return found;
  }

  async #before(member: MemberId, clientOrderId: string, quoteId: string) {
    if (checkClientId(clientOrderId)) return undefined;
    const known = await readOrder(this.#needs.database, { member, clientOrderId });
    if (!known) return undefined;
    if (known.state.quoteId === quoteId) return { order: viewOf(known), existed: true };
    const message = `The client order id "${clientOrderId}" was used for another order.`;
    return refuseQuote('CLIENT_ORDER_ID_REUSED', message, 'Choose another client order id.');
  }
}

interface FoundQuote {
  readonly quote: QuoteRow;
  readonly request: QuoteRequestRow;
}

function unknownQuote(): Refusal {
  const message = 'You were given no quote of this id.';
  return refuseQuote('QUOTE_UNKNOWN', message, 'Take the id from the quotes of your request.');
}

function expired(): Refusal {
  return refuseQuote('QUOTE_EXPIRED', 'The quote’s time is over.', 'Ask again.');
}

function refusalOf(refused: NegotiationRefusal, quote: QuoteRow): Refusal {
  if (refused === 'QUOTE_REQUEST_ACCEPTED') {
    const message = 'A quote of this request was taken, and what came of it may not be known yet.';
    return refuseQuote('QUOTE_REQUEST_ACCEPTED', message, 'Look at the order that took it.');
  }
  if (refused === 'QUOTE_REQUEST_ENDED') {
    return refuseQuote('QUOTE_REQUEST_ENDED', 'The request has ended.', 'Ask again.');
  }
  if (quote.code === 'QUOTE_EXPIRED') return expired();
  const message = quote.message ?? 'The quote has ended.';
  return refuseQuote('QUOTE_ENDED', message, 'Take another quote, or ask again.');
}

const KNOWN = {
  ...{ QUOTE_UNKNOWN: true, QUOTE_EXPIRED: true, QUOTE_ALREADY_ACCEPTED: true, QUOTE_ENDED: true },
  ...{ QUOTE_TERMS_DIFFER: true, SELF_TRADE: true },
} as const;

function knownCode(code: string): keyof typeof KNOWN {
  return code in KNOWN ? (code as keyof typeof KNOWN) : 'QUOTE_ENDED';
}
