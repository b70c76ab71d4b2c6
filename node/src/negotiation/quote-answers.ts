import { type InstrumentId, isRefusal, type Refusal, type Side } from '@stoa/schema';
import { and, asc, count, desc, eq } from 'drizzle-orm';
import type { Caller } from '../orders/blotter/order-view.ts';
import { readOrder } from '../orders/order-store.ts';
import type { Transaction } from '../store/database.ts';
import { givenQuotes } from '../store/tables/given-quotes.ts';
import { quoteInquiries } from '../store/tables/quote-inquiries.ts';
import type { NegotiationNeeds } from './negotiation-needs.ts';
import { checkAsOrder, checkClientId, checkDuration, refuseQuote } from './negotiation-request.ts';
import {
  type GivenQuoteRow,
  type InquiryRow,
  mayAnswer,
  type QuotedSide,
  type QuoteTerms,
  termColumns,
  termsOf,
} from './quote-terms.ts';
import type { VenueInquiries } from './venue-inquiries.ts';

/** A firm quote that a member of this venue gives. FIX Quote(S). */
export interface QuoteInput extends QuoteTerms {
  /** The member's own name of it: of an order too, once it is taken. */
  readonly clientQuoteId: string;
  readonly requestId: string;
  readonly account: `0x${string}`;
  /** Unix milliseconds, inclusive. FIX ValidUntilTime(62). */
  readonly validUntilMs: number;
}

/** A request as a responder sees it: no more than the venue's rules tell. */
export interface AnswerableRequest {
  readonly id: string;
  readonly instrument: InstrumentId;
  readonly side: Side | undefined;
  readonly quantity: number;
  readonly expireAtMs: number;
  readonly isOpen: boolean;
  /** Undefined: not told. */
  readonly home: string | undefined;
  readonly member: string | undefined;
  /** The responder's own quotes. */
  readonly quotes: readonly GivenQuoteRow[];
}

const MAX_LISTED = 100;

/** What members of this venue do about requests for quote that reached it. */
export class QuoteAnswers {
  readonly #needs: NegotiationNeeds;
  readonly #inquiries: VenueInquiries;

  constructor(needs: NegotiationNeeds, inquiries: VenueInquiries) {
    this.#needs = needs;
    this.#inquiries = inquiries;
  }

  /** The open requests that a member may answer, newest first. */
  async open(member: string): Promise<AnswerableRequest[]> {
    const { database, rules, nowMs } = this.#needs;
    if (!this.#isResponder(member)) return [];
    const rows = await database
      .select()
      .from(quoteInquiries)
      .where(eq(quoteInquiries.status, 'open'))
      .orderBy(desc(quoteInquiries.sequence))
      .limit(rules.maxOpenInquiries);
    const own = rows.filter((row) => this.#mayAnswer(row, member) && row.expireAtMs >= nowMs());
    return Promise.all(own.slice(0, MAX_LISTED).map((row) => this.#asShown(row, member)));
  }

  /** One request, open or over; undefined where the member may not answer it. */
  async one(member: string, requestId: string): Promise<AnswerableRequest | undefined> {
    const row = await this.#inquiry(requestId);
    return row && this.#mayAnswer(row, member) ? this.#asShown(row, member) : undefined;
  }

  /** Gives a firm quote, once for each client quote id. */
  async submit(caller: Caller, input: QuoteInput): Promise<GivenQuoteRow | Refusal> {
    const { member } = caller;
    const orders = this.#needs.orders();
    const inquiry = await this.#inquiry(input.requestId);
    if (!inquiry || !this.#mayAnswer(inquiry, member)) {
      const message = 'There is no such request for quote, or it is not for you.';
      return refuseQuote(
        'QUOTE_REQUEST_UNKNOWN',
        message,
        'Take the id from those you may answer.',
      );
    }
    const before = await this.#before(member, input);
    if (before) return before;
    const validUntilMs = Math.min(input.validUntilMs, inquiry.expireAtMs);
    const refused = this.#whyNot(caller, input, inquiry) ?? (await this.#tooMany(member));
    if (refused) return refused;
    const held = await this.#enter(caller, input, inquiry);
    if (isRefusal(held)) return held;
    try {
      const given = await orders.commit(async (tx, after) => {
        const now = await holdInquiry(tx, inquiry.requestId);
        if (now?.status !== 'open' || validUntilMs <= this.#needs.nowMs()) return ended();
        const { clientQuoteId, account } = input;
        const own = { member, clientQuoteId, account: lower(account), validUntilMs };
        return this.#inquiries.record(tx, now, { ...termColumns(input), ...own }, after);
      });
      return given ?? (await this.#before(member, input)) ?? ended();
    } finally {
      for (const place of held) place.release();
    }
  }

  /** Takes a quote back; may lose to its acceptance. FIX QuoteCancel(Z). */
  async withdraw(caller: Caller, quoteId: string): Promise<GivenQuoteRow | Refusal> {
    const { member } = caller;
    const own = and(eq(givenQuotes.id, quoteId), eq(givenQuotes.member, member));
    return this.#needs.orders().commit(async (tx, after) => {
      const [row] = await tx.select().from(givenQuotes).where(own).for('update');
      if (!row) return unknownQuote();
      if (row.status === 'accepted') {
        const message = 'The quote was taken.';
        return refuseQuote('QUOTE_ALREADY_ACCEPTED', message, 'Look at the order that came of it.');
      }
      const rejection = { code: 'QUOTE_WITHDRAWN', message: 'Its giver took the quote back.' };
      const [ended] = await this.#inquiries.end(tx, eq(givenQuotes.id, quoteId), rejection, after);
      // A repeat is answered as the first was.
      return ended ?? row;
    });
  }

  #isResponder(member: string): boolean {
    const { rules, directory } = this.#needs;
    const known = directory.current().members.get(member);
    const allowed = rules.responders === undefined || rules.responders.includes(member);
    return allowed && known?.status === 'active';
  }

  #mayAnswer(row: InquiryRow, member: string): boolean {
    return this.#isResponder(member) && mayAnswer(row, member);
  }

  #whyNot(caller: Caller, input: QuoteInput, inquiry: InquiryRow): Refusal | undefined {
    const orders = this.#needs.orders();
    const { rules, capabilities, nowMs } = this.#needs;
    const notTaken =
      orders.admit(caller.member, 'order') ??
      checkClientId(input.clientQuoteId) ??
      checkDuration(input.validUntilMs - nowMs(), rules.maxValidForMs);
    if (notTaken) return notTaken;
    if (!capabilities.rfq?.memberQuotes) {
      const message = 'The venue executes no quotes of its members.';
      return refuseQuote('RFQ_NOT_OFFERED', message, 'Quote in the venue’s own way.');
    }
    if (inquiry.status !== 'open') return ended();
    for (const [side, quoted] of sidesOf(input)) {
      if (inquiry.side !== null && inquiry.side === side) {
        const message = 'The request asks for the other side only.';
        return refuseQuote('QUOTE_SIDE_NOT_GIVEN', message, 'Leave that side out.');
      }
      if (quoted.quantity > inquiry.quantity) {
        const message = 'The quote is for more than the request.';
        return refuseQuote('QUOTE_TOO_LARGE', message, 'Quote the requested quantity, or less.');
      }
      const { price: limitPrice, quantity } = quoted;
      const order = { side, limitPrice, quantity, instrument: inquiry.instrument };
      const as = { clientOrderId: input.clientQuoteId, account: input.account };
      const directedTo = this.#needs.venue;
      const checked = checkAsOrder(caller, { ...order, ...as, directedTo }, this.#needs);
      if (isRefusal(checked)) return checked;
    }
    if (sidesOf(input).length > 0) return undefined;
    return refuseQuote(
      'QUOTE_SIDE_MISSING',
      'The quote has no side.',
      'Give a bid, an offer or both.',
    );
  }

  async #tooMany(member: string): Promise<Refusal | undefined> {
    const { database, rules } = this.#needs;
    const [standing] = await database
      .select({ count: count() })
      .from(givenQuotes)
      .where(and(eq(givenQuotes.member, member), eq(givenQuotes.status, 'firm')));
    if ((standing?.count ?? 0) < rules.maxOpenQuotes) return undefined;
    const message = `${rules.maxOpenQuotes} of your quotes stand, and no more may.`;
    return refuseQuote(
      'TOO_MANY_QUOTES',
      message,
      'Take some back, or wait until some have ended.',
    );
  }

  /** Limits and wallets, for each side as if it were taken now. */
  async #enter({ member }: Caller, input: QuoteInput, { instrument: id }: InquiryRow) {
    const instrument = this.#needs.directory.current().instruments.get(id);
    if (!instrument) return ended();
    const held: { release(): void }[] = [];
    for (const [side, { price: limitPrice, quantity: leaves }] of sidesOf(input)) {
      const asked = { member, account: lower(input.account), instrument, side, leaves, limitPrice };
      const place = await this.#needs.orders().enter({ ...asked, worstPrice: undefined });
      if (isRefusal(place)) {
        for (const one of held) one.release();
        return place;
      }
      held.push(place);
    }
    return held;
  }

  /** The quote that was given under this client quote id, or that another was. */
  async #before(member: string, input: QuoteInput): Promise<GivenQuoteRow | Refusal | undefined> {
    const { database } = this.#needs;
    const { clientQuoteId } = input;
    if (checkClientId(clientQuoteId)) return undefined;
    const [row] = await database
      .select()
      .from(givenQuotes)
      .where(and(eq(givenQuotes.member, member), eq(givenQuotes.clientQuoteId, clientQuoteId)));
    const columns = termColumns(input);
    const isSame =
      row?.requestId === input.requestId &&
      row.account === lower(input.account) &&
      JSON.stringify(termColumns(termsOf(row))) === JSON.stringify(columns);
    if (row && isSame) return row;
    const used = row ?? (await readOrder(database, { member, clientOrderId: clientQuoteId }));
    if (!used) return undefined;
    const message = `The client quote id "${clientQuoteId}" was used for something else.`;
    return refuseQuote('CLIENT_QUOTE_ID_REUSED', message, 'Choose another client quote id.');
  }

  async #inquiry(requestId: string): Promise<InquiryRow | undefined> {
    const [row] = await this.#needs.database
      .select()
      .from(quoteInquiries)
      .where(eq(quoteInquiries.requestId, requestId));
    return row;
  }

  async #asShown(row: InquiryRow, member: string): Promise<AnswerableRequest> {
    const { database, rules, nowMs } = this.#needs;
    const quotes = await database
      .select()
      .from(givenQuotes)
      .where(and(eq(givenQuotes.requestId, row.requestId), eq(givenQuotes.member, member)))
      .orderBy(asc(givenQuotes.givenAtMs))
      .limit(MAX_LISTED);
    const { requestId: id, instrument, quantity, expireAtMs, status } = row;
    return {
      ...{ id, instrument, quantity, expireAtMs, quotes },
      side: row.side ?? undefined,
      isOpen: status === 'open' && expireAtMs >= nowMs(),
      home: rules.discloses === 'nothing' ? undefined : row.homeVenue,
      member: rules.discloses === 'member' ? row.member : undefined,
    };
  }
}

/** What the giver of a quote would do, side by side. */
function sidesOf({ bid, offer }: QuoteTerms): (readonly [Side, QuotedSide])[] {
  return [
    ...(bid ? ([['buy', bid]] as const) : []),
    ...(offer ? ([['sell', offer]] as const) : []),
  ];
}

async function holdInquiry(tx: Transaction, requestId: string): Promise<InquiryRow | undefined> {
  const [row] = await tx
    .select()
    .from(quoteInquiries)
    .where(eq(quoteInquiries.requestId, requestId))
    .for('update');
  return row;
}

function ended(): Refusal {
  return refuseQuote('QUOTE_REQUEST_ENDED', 'The request has ended.', 'Wait for another one.');
}

function unknownQuote(): Refusal {
  const message = 'You have given no quote of this id.';
  return refuseQuote('QUOTE_UNKNOWN', message, 'Take the id from your quotes.');
}

function lower(account: `0x${string}`): `0x${string}` {
  return account.toLowerCase() as `0x${string}`;
}
