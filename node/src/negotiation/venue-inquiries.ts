import type { VenueQuote, VenueQuoteEvent, VenueQuoteRequest } from '@stoa/adapters';
import {
  type LegOrder,
  type LegRejection,
  type MemberId,
  type OrderRequest,
  type VenueId,
} from '@stoa/schema';
import { and, asc, count, eq, inArray, lt, ne, sql } from 'drizzle-orm';
import type { AfterCommit } from '../orders/after-commit.ts';
import type { QuoteMessage, TakenQuote } from '../orders/executing/quote-desk.ts';
import { newOrder, type StoredOrder } from '../orders/order-rows.ts';
import { nextOrderNumbers } from '../orders/order-store.ts';
import type { Transaction } from '../store/database.ts';
import { storableText } from '../store/storable-text.ts';
import { givenQuotes } from '../store/tables/given-quotes.ts';
import { quoteInquiries } from '../store/tables/quote-inquiries.ts';
import { type Inquiry, whyNotAsked } from './inquiry-admission.ts';
import type { NegotiationFeed } from './negotiation-feed.ts';
import type { NegotiationNeeds } from './negotiation-needs.ts';
import {
  type GivenQuoteRow,
  type InquiryRow,
  metBy,
  termColumns,
  termsOf,
  whyNotTaken,
} from './quote-terms.ts';

/** What a home is told of its request. */
type ToHome = Extract<QuoteMessage, { kind: 'quote' | 'quote-ended' | 'quote-request-rejected' }>;

export interface VenueInquiriesNeeds extends NegotiationNeeds {
  /** Tells those who may answer. */
  readonly responders: NegotiationFeed;
  /** Takes what is told of requests whose home is this node too. */
  readonly tellOwnHome: (tx: Transaction, body: ToHome, after: AfterCommit) => Promise<void>;
}

const MAX_MESSAGE = 512;
const MAX_CODE = 64;
const NOT_CHOSEN = { code: 'QUOTE_NOT_CHOSEN', message: 'No quote is wanted any more.' };
const EXPIRED = { code: 'QUOTE_EXPIRED', message: 'The quote’s time is over.' };

/**
 * The executing venue's side of negotiation: records what it is asked, by whom it is answered and which
 * quote is taken, and tells the request's home, each in the transaction that makes it true.
 */
export class VenueInquiries {
  readonly #needs: VenueInquiriesNeeds;

  constructor(needs: VenueInquiriesNeeds) {
    this.#needs = needs;
  }

  /** Takes a request of a home node, this one or another; a repeat changes nothing. */
  async ask(
    tx: Transaction,
    home: VenueId,
    asked: Inquiry,
    expireAtMs: number,
    after: AfterCommit,
  ): Promise<void> {
    const { requestId, instrument, side, quantity, member, responders } = asked;
    const rejection = await this.#whyNotAsked(tx, home, asked, expireAtMs);
    if (rejection) {
      const told = { kind: 'quote-request-rejected', requestId, ...rejection } as const;
      return this.tell(tx, home, told, after);
    }
    const { nowMs } = this.#needs;
    const [row] = await tx
      .insert(quoteInquiries)
      .values({
        ...{ requestId, homeVenue: home, member, instrument, quantity, expireAtMs },
        side: side ?? null,
        responders: responders ?? null,
        status: 'open',
        receivedAtMs: nowMs(),
      })
      .onConflictDoNothing()
      .returning();
    if (!row) return;
    this.#needs.expires(expireAtMs);
    this.#askVenue(row, after);
    after.tell.push(() => this.#needs.responders.changed(requestId));
  }

  /** The home wants no quotes any more: those that stand end. */
  async cancel(
    tx: Transaction,
    home: VenueId,
    requestId: string,
    after: AfterCommit,
  ): Promise<void> {
    const [row] = await tx
      .update(quoteInquiries)
      .set({ status: 'ended' })
      .where(
        and(
          eq(quoteInquiries.requestId, requestId),
          eq(quoteInquiries.homeVenue, home),
          eq(quoteInquiries.status, 'open'),
        ),
      )
      .returning();
    if (row) await this.#endOthers(tx, row, undefined, after);
  }

  /** Takes a quote for a leg, for good; with it the request and its other quotes end. */
  async take(
    tx: Transaction,
    leg: LegOrder,
    home: VenueId,
    after: AfterCommit,
  ): Promise<LegRejection | TakenQuote> {
    const found = await this.#hold(tx, leg.quoteId ?? '');
    if (!found) return { code: 'QUOTE_UNKNOWN', message: 'The venue gave you no such quote.' };
    const { quote, inquiry } = found;
    if (isOfMaker(quote, leg.legId)) return { role: 'maker' };
    const refused = this.#judge(found, leg, home);
    if (refused) return refused;
    const makerOrder = await this.#makerOrder(tx, found, leg);
    await tx
      .update(givenQuotes)
      .set({ status: 'accepted', legId: leg.legId, makerOrderId: makerOrder?.state.id ?? null })
      .where(eq(givenQuotes.id, quote.id));
    if (makerOrder && !(await this.#needs.orders().place(tx, makerOrder, after))) {
      return this.#fallen(tx, quote, after);
    }
    await tx
      .update(quoteInquiries)
      .set({ status: 'ended' })
      .where(eq(quoteInquiries.requestId, inquiry.requestId));
    await this.#endOthers(tx, inquiry, quote.id, after);
    return takenOf({ ...quote, makerOrderId: makerOrder?.state.id ?? null });
  }

  /** As {@link take} judges, for a leg that is not recorded yet. */
  async whyNot(
    tx: Transaction,
    leg: Omit<LegOrder, 'legId'>,
    home: VenueId,
  ): Promise<LegRejection | undefined> {
    const found = await this.#hold(tx, leg.quoteId ?? '');
    if (!found) return { code: 'QUOTE_UNKNOWN', message: 'The venue gave you no such quote.' };
    return this.#judge(found, leg, home);
  }

  #judge(
    { quote, inquiry }: HeldQuote,
    leg: Omit<LegOrder, 'legId'>,
    home: VenueId,
  ): LegRejection | undefined {
    return whyNotTaken(quote, inquiry, leg, { home, nowMs: this.#needs.nowMs() });
  }

  async takenBy(tx: Transaction, legId: string): Promise<TakenQuote | undefined> {
    const orderId = legId.split('.')[0] ?? '';
    const [quote] = await tx
      .select()
      .from(givenQuotes)
      .where(sql`${givenQuotes.legId} = ${legId} or ${givenQuotes.makerOrderId} = ${orderId}`);
    if (!quote) return undefined;
    return quote.legId === legId ? takenOf(quote) : { role: 'maker' };
  }

  /** Records what the venue says of its own quotes. Repeats change nothing. */
  async events(
    tx: Transaction,
    events: readonly VenueQuoteEvent[],
    after: AfterCommit,
  ): Promise<void> {
    for (const event of events) {
      if (event.kind === 'quote') await this.#quoted(tx, event.quote, after);
      else if (event.quoteId === undefined) await this.#declined(tx, event, after);
      else {
        const which = eq(givenQuotes.venueQuoteId, event.quoteId);
        await this.end(tx, which, event.rejection, after);
      }
    }
  }

  /** Ends quotes that stand, and tells their homes. */
  async end(
    tx: Transaction,
    which: ReturnType<typeof eq>,
    why: LegRejection,
    after: AfterCommit,
  ): Promise<readonly GivenQuoteRow[]> {
    const { code, message } = told(why);
    const ended = await tx
      .update(givenQuotes)
      .set({ status: 'ended', code, message })
      .where(and(eq(givenQuotes.status, 'firm'), which))
      .returning();
    if (ended.length === 0) return ended;
    const homes = await this.#homesOf(tx, ended);
    for (const { id: quoteId, requestId } of ended) {
      const home = homes.get(requestId);
      const body = { kind: 'quote-ended', requestId, quoteId, code, message } as const;
      if (home !== undefined) await this.tell(tx, home, body, after);
      after.tell.push(() => this.#needs.responders.changed(requestId));
    }
    return ended;
  }

  /** What nobody took in time ends. */
  async sweep(tx: Transaction, after: AfterCommit): Promise<void> {
    const nowMs = this.#needs.nowMs();
    const over = await tx
      .update(quoteInquiries)
      .set({ status: 'ended' })
      .where(and(eq(quoteInquiries.status, 'open'), lt(quoteInquiries.expireAtMs, nowMs)))
      .returning({ requestId: quoteInquiries.requestId });
    for (const { requestId } of over) {
      after.tell.push(() => this.#needs.responders.changed(requestId));
    }
    await this.end(tx, lt(givenQuotes.validUntilMs, nowMs), EXPIRED, after);
  }

  /** After a restart the venue is asked again what is still wanted; it knows what it knew. */
  async recover(tx: Transaction, after: AfterCommit): Promise<void> {
    await this.sweep(tx, after);
    const open = await tx
      .select()
      .from(quoteInquiries)
      .where(eq(quoteInquiries.status, 'open'))
      .orderBy(asc(quoteInquiries.sequence));
    for (const row of open) this.#askVenue(row, after);
  }

  async tell(tx: Transaction, home: VenueId, body: ToHome, after: AfterCommit): Promise<void> {
    const { venue, sessions, tellOwnHome } = this.#needs;
    if (home === venue) await tellOwnHome(tx, body, after);
    else sessions.send(tx, home, body);
  }

  #askVenue(row: InquiryRow, after: AfterCommit): void {
    if (!this.#needs.capabilities.rfq?.venueQuotes || row.responders !== null) return;
    const { requestId, instrument, quantity, expireAtMs, member } = row;
    const request: VenueQuoteRequest = {
      ...{ requestId, instrument, quantity, expireAtMs, member },
      side: row.side ?? undefined,
    };
    after.requests.push({ kind: 'quote-request', request });
  }

  async #whyNotAsked(
    tx: Transaction,
    home: VenueId,
    asked: Inquiry,
    expireAtMs: number,
  ): Promise<LegRejection | undefined> {
    const rejection = whyNotAsked(home, asked, expireAtMs, this.#needs);
    if (rejection) return rejection;
    const [open] = await tx
      .select({ count: count() })
      .from(quoteInquiries)
      .where(and(eq(quoteInquiries.homeVenue, home), eq(quoteInquiries.status, 'open')));
    if ((open?.count ?? 0) < this.#needs.rules.maxOpenInquiries) return undefined;
    const message = 'Too many requests of your node are open here.';
    return { code: 'TOO_MANY_QUOTE_REQUESTS', message };
  }

  async #quoted(tx: Transaction, quote: VenueQuote, after: AfterCommit): Promise<void> {
    const [inquiry] = await tx
      .select()
      .from(quoteInquiries)
      .where(eq(quoteInquiries.requestId, quote.requestId))
      .for('update');
    if (inquiry?.status !== 'open' || !isSound(inquiry, quote)) return;
    const { nowMs } = this.#needs;
    const validUntilMs = Math.min(quote.validUntilMs, inquiry.expireAtMs);
    if (validUntilMs <= nowMs()) return;
    await this.record(
      tx,
      inquiry,
      { ...termColumns(quote), venueQuoteId: quote.quoteId, validUntilMs },
      after,
    );
  }

  /** Records a quote and tells the home of it; undefined where it was recorded before. */
  async record(
    tx: Transaction,
    inquiry: InquiryRow,
    given: Omit<typeof givenQuotes.$inferInsert, 'id' | 'requestId' | 'givenAtMs' | 'status'>,
    after: AfterCommit,
  ): Promise<GivenQuoteRow | undefined> {
    const { venue, newCode, nowMs } = this.#needs;
    const { requestId } = inquiry;
    const [row] = await tx
      .insert(givenQuotes)
      .values({
        ...given,
        id: `${venue}-q${newCode()}`,
        ...{ requestId, status: 'firm', givenAtMs: nowMs() },
      })
      .onConflictDoNothing()
      .returning();
    if (!row) return undefined;
    this.#needs.expires(row.validUntilMs);
    const validForMs = Math.max(1, row.validUntilMs - nowMs());
    const told = {
      kind: 'quote',
      requestId,
      quoteId: row.id,
      ...termsOf(row),
      validForMs,
    } as const;
    await this.tell(tx, inquiry.homeVenue, told, after);
    return row;
  }

  /** The venue gives no quote; where its members may, that is no answer yet. */
  async #declined(
    tx: Transaction,
    { requestId, rejection }: Extract<VenueQuoteEvent, { kind: 'quote-ended' }>,
    after: AfterCommit,
  ): Promise<void> {
    if (this.#needs.capabilities.rfq?.memberQuotes) return;
    const [row] = await tx
      .update(quoteInquiries)
      .set({ status: 'ended' })
      .where(and(eq(quoteInquiries.requestId, requestId), eq(quoteInquiries.status, 'open')))
      .returning();
    if (!row) return;
    const body = { kind: 'quote-request-rejected', requestId, ...told(rejection) } as const;
    await this.tell(tx, row.homeVenue, body, after);
  }

  async #hold(tx: Transaction, quoteId: string): Promise<HeldQuote | undefined> {
    const ofQuote = tx
      .select({ id: givenQuotes.requestId })
      .from(givenQuotes)
      .where(eq(givenQuotes.id, quoteId));
    // First the request, then its quotes: everybody holds them in this order.
    const [inquiry] = await tx
      .select()
      .from(quoteInquiries)
      .where(inArray(quoteInquiries.requestId, ofQuote))
      .for('update');
    const [quote] = await tx
      .select()
      .from(givenQuotes)
      .where(eq(givenQuotes.id, quoteId))
      .for('update');
    return inquiry && quote ? { quote, inquiry } : undefined;
  }

  /** The order of the member whose quote is taken; undefined where the venue gave it itself. */
  async #makerOrder(
    tx: Transaction,
    { quote, inquiry }: HeldQuote,
    leg: LegOrder,
  ): Promise<StoredOrder | undefined> {
    const { member, account, clientQuoteId, id: quoteId } = quote;
    const side = metBy(leg.side, termsOf(quote));
    if (member === null || account === null || clientQuoteId === null || !side) return undefined;
    const { venue, nowMs } = this.#needs;
    const request: OrderRequest = {
      ...{ clientOrderId: clientQuoteId, instrument: inquiry.instrument, account, quoteId },
      side: leg.side === 'buy' ? 'sell' : 'buy',
      ...{ type: 'limit', timeInForce: 'fok', quantity: side.quantity, limitPrice: side.price },
      ...{ strategy: 'directed', directedTo: venue, remainder: 'cancel' },
    };
    const draft = newOrder(member, request, { nowMs: nowMs(), endsAtMs: undefined });
    const [number = 0] = await nextOrderNumbers(tx, 1);
    return { ...draft, number, state: { ...draft.state, id: `${venue}-${number}` } };
  }

  /** The member has used the name of its quote for an order meanwhile: the quote is worth nothing. */
  async #fallen(tx: Transaction, quote: GivenQuoteRow, after: AfterCommit): Promise<LegRejection> {
    const standing = { status: 'firm', legId: null, makerOrderId: null } as const;
    await tx.update(givenQuotes).set(standing).where(eq(givenQuotes.id, quote.id));
    const rejection = { code: 'QUOTE_ENDED', message: 'The quote’s giver cannot honour it.' };
    await this.end(tx, eq(givenQuotes.id, quote.id), rejection, after);
    this.#needs.logger.error({ quoteId: quote.id }, 'a quote’s client id was used for an order');
    return rejection;
  }

  async #endOthers(
    tx: Transaction,
    { requestId, responders }: InquiryRow,
    taken: string | undefined,
    after: AfterCommit,
  ): Promise<void> {
    const ofRequest = eq(givenQuotes.requestId, requestId);
    const which = taken === undefined ? ofRequest : and(ofRequest, ne(givenQuotes.id, taken));
    await this.end(tx, which ?? ofRequest, NOT_CHOSEN, after);
    after.tell.push(() => this.#needs.responders.changed(requestId));
    if (taken !== undefined || responders !== null) return;
    if (this.#needs.capabilities.rfq?.venueQuotes) {
      after.requests.push({ kind: 'quote-cancel', requestId });
    }
  }

  async #homesOf(
    tx: Transaction,
    quotes: readonly GivenQuoteRow[],
  ): Promise<ReadonlyMap<string, MemberId>> {
    const ids = [...new Set(quotes.map(({ requestId }) => requestId))];
    const rows = await tx
      .select({ id: quoteInquiries.requestId, home: quoteInquiries.homeVenue })
      .from(quoteInquiries)
      .where(inArray(quoteInquiries.requestId, ids));
    return new Map(rows.map(({ id, home }) => [id, home]));
  }
}

/** A reason as messages and rows take it: a venue's own words may be anything. */
function told({ code, message }: LegRejection): LegRejection {
  return {
    code: storableText(code.slice(0, MAX_CODE)),
    message: storableText(message.slice(0, MAX_MESSAGE)),
  };
}

interface HeldQuote {
  readonly quote: GivenQuoteRow;
  readonly inquiry: InquiryRow;
}

function isOfMaker({ makerOrderId }: GivenQuoteRow, legId: string): boolean {
  return makerOrderId !== null && legId.startsWith(`${makerOrderId}.`);
}

/** Order ids are followed by leg and attempt; an order that takes a quote has one of each. */
function takenOf({ id, venueQuoteId, makerOrderId }: GivenQuoteRow): TakenQuote {
  const makerLegId = makerOrderId === null ? undefined : `${makerOrderId}.1.1`;
  return { role: 'taker', quoteId: venueQuoteId ?? id, makerLegId };
}

/** Whether a quote of the venue has a side that the request asks for, and amounts that can be. */
function isSound({ side, quantity: most }: InquiryRow, quote: VenueQuote): boolean {
  const sides = [quote.bid, quote.offer].filter((one) => one !== undefined);
  const isPositive = (amount: number): boolean => Number.isSafeInteger(amount) && amount > 0;
  return (
    sides.length > 0 &&
    (side === null || metBy(side, quote) !== undefined) &&
    sides.every(
      ({ price, quantity }) => isPositive(price) && isPositive(quantity) && quantity <= most,
    )
  );
}
