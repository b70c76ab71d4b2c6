import { isRefusal, type Refusal, refuse, type Side, TERMINAL_STATUSES } from '@stoa/schema';
import { and, eq } from 'drizzle-orm';
import type { Caller, OrderView } from '../orders/blotter/order-view.ts';
import type { QuoteAction, QuoteDesk, QuotedOrders } from '../orders/executing/quote-desk.ts';
import type { StoredOrder } from '../orders/order-rows.ts';
import { quoteRequests } from '../store/tables/quote-requests.ts';
import { HomeQuotes } from './home-quotes.ts';
import { HomeRequests, type QuoteRequestInput } from './home-requests.ts';
import { NegotiationFeed } from './negotiation-feed.ts';
import type { NegotiationNeeds } from './negotiation-needs.ts';
import { type AnswerableRequest, QuoteAnswers, type QuoteInput } from './quote-answers.ts';
import { nextExpiryMs, type QuoteRequestView, readRequests, withQuotes } from './quote-rows.ts';
import type { GivenQuoteRow } from './quote-terms.ts';
import { VenueInquiries } from './venue-inquiries.ts';

/** Requests for quote, for those who ask and those who answer. What is refused is kept. */
export interface Negotiation {
  /** Asks venues for firm quotes, once for each client request id. */
  request(
    caller: Caller,
    input: QuoteRequestInput,
  ): Promise<{ readonly request: QuoteRequestView; readonly existed: boolean } | Refusal>;
  /** Takes a quote, once for each client order id. */
  accept(
    caller: Caller,
    input: {
      readonly clientOrderId: string;
      readonly quoteId: string;
      readonly side: Side | undefined;
    },
  ): Promise<{ readonly order: OrderView; readonly existed: boolean } | Refusal>;
  cancelRequest(caller: Caller, requestId: string): Promise<QuoteRequestView | Refusal>;
  /** Gives a firm quote as a member of this venue. */
  submit(caller: Caller, input: QuoteInput): Promise<GivenQuoteRow | Refusal>;
  /** Takes it back. */
  withdraw(caller: Caller, quoteId: string): Promise<GivenQuoteRow | Refusal>;
  /** One of a member's own requests. */
  find(
    member: string,
    by: { readonly id: string } | { readonly clientRequestId: string },
  ): Promise<QuoteRequestView | undefined>;
  /** A member's own requests, newest first. */
  list(member: string, limit: number): Promise<readonly QuoteRequestView[]>;
  /** The open requests that a member may answer. */
  toAnswer(member: string): Promise<readonly AnswerableRequest[]>;
  /** One of them, open or over. */
  oneToAnswer(member: string, requestId: string): Promise<AnswerableRequest | undefined>;
  /** A member's own open requests, then each of its own as it changes. */
  follow(member: string, signal: AbortSignal): AsyncIterable<QuoteRequestView>;
  /** The open requests that a member may answer, then each as it comes or changes. */
  followToAnswer(member: string, signal: AbortSignal): AsyncIterable<AnswerableRequest>;
  /** What orders need of it. */
  readonly desk: QuoteDesk;
  /** Ends what is over from now on; once orders are open. */
  start(): void;
  stop(): Promise<void>;
}

const SWEEP_EVERY_MS = 250;
const MAX_LISTED = 100;

/** Puts negotiation together. Nothing is sent or taken before orders are open. */
export function createNegotiation(needs: Omit<NegotiationNeeds, 'expires'>): Negotiation {
  return new Rfq(needs);
}

class Rfq implements Negotiation {
  readonly #needs: NegotiationNeeds;
  readonly #requesters = new NegotiationFeed();
  readonly #responders = new NegotiationFeed();
  readonly #inquiries: VenueInquiries;
  readonly #requests: HomeRequests;
  readonly #quotes: HomeQuotes;
  readonly #answers: QuoteAnswers;
  /** When something is over next; nothing is looked for before. */
  #dueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(given: Omit<NegotiationNeeds, 'expires'>) {
    const expires = (atMs: number): void => {
      this.#dueMs = Math.min(this.#dueMs, atMs);
    };
    const needs = { ...given, expires };
    this.#needs = needs;
    const { venue: self, nowMs } = needs;
    this.#inquiries = new VenueInquiries({
      ...needs,
      responders: this.#responders,
      tellOwnHome: (tx, body, after) =>
        this.#quotes.told(tx, self, { body, sentAtMs: nowMs(), signed: undefined }, after),
    });
    const inquiries = this.#inquiries;
    this.#requests = new HomeRequests({ ...needs, inquiries, requesters: this.#requesters });
    this.#quotes = new HomeQuotes({ ...needs, inquiries, requests: this.#requests });
    this.#answers = new QuoteAnswers(needs, inquiries);
  }

  get desk(): QuoteDesk {
    const [inquiries, quotes] = [this.#inquiries, this.#quotes];
    return {
      message: async (tx, from, message, after) => {
        const { body, sentAtMs } = message;
        if (body.kind === 'quote-request') {
          return inquiries.ask(tx, from, body, sentAtMs + body.validForMs, after);
        }
        if (body.kind === 'quote-request-cancel') {
          return inquiries.cancel(tx, from, body.requestId, after);
        }
        return quotes.told(tx, from, { ...message, body }, after);
      },
      take: (tx, leg, home, after) => inquiries.take(tx, leg, home, after),
      takenBy: (tx, legId) => inquiries.takenBy(tx, legId),
      events: (tx, events, after) => inquiries.events(tx, events, after),
      changed: (orders) => void this.#outcomes(orders),
      recover: async (tx, after) => {
        await inquiries.recover(tx, after);
        await quotes.recover(tx, after);
      },
    };
  }

  request(caller: Caller, input: QuoteRequestInput) {
    return this.#kept(caller, 'request-quotes', () => this.#requests.request(caller, input));
  }

  accept(caller: Caller, input: Parameters<Negotiation['accept']>[1]) {
    return this.#kept(caller, 'accept-quote', () => this.#quotes.accept(caller, input));
  }

  cancelRequest(caller: Caller, requestId: string) {
    return this.#kept(caller, 'cancel-quote', () => this.#requests.cancel(caller, requestId));
  }

  submit(caller: Caller, input: QuoteInput) {
    return this.#kept(caller, 'submit-quote', () => this.#answers.submit(caller, input));
  }

  withdraw(caller: Caller, quoteId: string) {
    return this.#kept(caller, 'cancel-quote', () => this.#answers.withdraw(caller, quoteId));
  }

  async find(
    member: string,
    by: { readonly id: string } | { readonly clientRequestId: string },
  ): Promise<QuoteRequestView | undefined> {
    const { database } = this.#needs;
    const which =
      'id' in by
        ? eq(quoteRequests.id, by.id)
        : eq(quoteRequests.clientRequestId, by.clientRequestId);
    const rows = await database
      .select()
      .from(quoteRequests)
      .where(and(eq(quoteRequests.member, member), which));
    return (await withQuotes(database, rows))[0];
  }

  list(member: string, limit: number) {
    return readRequests(this.#needs.database, member, limit);
  }

  toAnswer(member: string) {
    return this.#answers.open(member);
  }

  oneToAnswer(member: string, requestId: string) {
    return this.#answers.one(member, requestId);
  }

  async *follow(member: string, signal: AbortSignal) {
    const changes = this.#requesters.follow(member, signal);
    // Listening before the first reading: what changes during it is told after it.
    const first = changes.next();
    for (const one of (await this.list(member, MAX_LISTED)).toReversed()) {
      if (one.status === 'open' || one.status === 'accepting') yield one;
    }
    for (let next = await first; !next.done; next = await changes.next()) {
      for (const id of next.value) {
        const changed = await this.find(member, { id });
        if (changed) yield changed;
      }
    }
  }

  async *followToAnswer(member: string, signal: AbortSignal) {
    const changes = this.#responders.follow(member, signal);
    const first = changes.next();
    for (const one of (await this.toAnswer(member)).toReversed()) yield one;
    for (let next = await first; !next.done; next = await changes.next()) {
      for (const id of next.value) {
        const changed = await this.oneToAnswer(member, id);
        if (changed) yield changed;
      }
    }
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#needs.nowMs() <= this.#dueMs) return;
      this.#sweeping ??= this.#sweep().finally(() => {
        this.#sweeping = undefined;
      });
    }, SWEEP_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const before = this.#dueMs;
    this.#dueMs = Number.POSITIVE_INFINITY;
    try {
      await this.#needs.orders().commit(async (tx, after) => {
        await this.#inquiries.sweep(tx, after);
        await this.#quotes.sweep(tx, after);
        this.#needs.expires(await nextExpiryMs(tx));
      });
    } catch (error) {
      this.#needs.logger.error({ err: error }, 'quotes that are over were not ended');
      this.#needs.expires(before);
    }
  }

  async #outcomes(changed: readonly StoredOrder[]): Promise<void> {
    const over = changed.filter(({ state }) => TERMINAL_STATUSES.has(state.status));
    if (over.length === 0) return;
    try {
      await this.#needs.orders().commit(async (tx, after) => {
        for (const order of over) await this.#quotes.outcome(tx, order, after);
      });
    } catch (error) {
      // The next start finds it.
      this.#needs.logger.error({ err: error }, 'the outcome of a quote was not recorded');
    }
  }

  /** What is refused is kept, as of orders. */
  async #kept<T>(
    { member }: Caller,
    action: QuoteAction,
    ask: () => Promise<T | Refusal>,
  ): Promise<T | Refusal> {
    const orders: QuotedOrders = this.#needs.orders();
    const answer = orders.isOpen ? await ask() : notOpen();
    if (isRefusal(answer)) await orders.refused(member, action, answer);
    return answer;
  }
}

function notOpen(): Refusal {
  return refuse('NODE_NOT_OPEN', 'The node is starting or stopping.', 'Send it again in a moment.');
}
