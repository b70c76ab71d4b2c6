import type { InstrumentId, LegRejection } from '@stoa/schema';
import { type RejectReason, rejectionOf } from '../rejections.ts';
import { isSameOrder } from '../same-order.ts';
import type {
  QuoteAcceptance,
  QuoteSide,
  Receipt,
  VenueOrder,
  VenueQuote,
  VenueQuoteEvent,
  VenueQuoteRequest,
  VenueRequest,
} from '../venue-adapter.ts';
import type { MemberOrders } from './member-orders.ts';
import type { VenueBook } from './venue-book.ts';

/** Requests that are open at a time, at most; one more ends the oldest. */
const MAX_REQUESTS = 10_000;

/** A firm quote of the venue's own house. */
export interface HouseQuote {
  readonly bid?: QuoteSide;
  readonly offer?: QuoteSide;
  /** Unix time, milliseconds, inclusive. */
  readonly validUntilMs: number;
}

/** What is asked of a venue about quotes. */
export type QuoteRequest = Extract<VenueRequest, { kind: `quote-${string}` }>;

/** Tells what is asked about quotes from what is asked about orders. */
export function isQuoteRequest(request: VenueRequest): request is QuoteRequest {
  return request.kind.startsWith('quote-');
}

export interface VenueNegotiationNeeds {
  readonly members: MemberOrders;
  readonly books: ReadonlyMap<InstrumentId, VenueBook>;
  readonly nextQuoteId: () => string;
  readonly emit: (event: VenueQuoteEvent) => void;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

interface Asked {
  readonly request: VenueQuoteRequest;
  readonly quotes: Map<string, VenueQuote>;
}

/**
 * What the venue was asked to quote, and what its house has answered. A quote can be taken once, and
 * with it every other one of its request ends. Nothing of it outlives the venue's run: a firm quote
 * says so by its end.
 */
export class VenueNegotiation {
  readonly #asked = new Map<string, Asked>();
  readonly #needs: VenueNegotiationNeeds;

  constructor(needs: VenueNegotiationNeeds) {
    this.#needs = needs;
  }

  /** Forgets all of it, as a restart does. */
  clear(): void {
    this.#asked.clear();
  }

  do(request: QuoteRequest): Receipt {
    if (request.kind === 'quote-accept') return this.#accept(request);
    if (request.kind === 'quote-request') this.#request(request.request);
    else this.#end(request.requestId);
    return { outcome: 'taken' };
  }

  /** The house answers a request: the quote's id, or why it cannot be given. */
  quote(requestId: string, house: HouseQuote): string | LegRejection {
    const asked = this.#asked.get(requestId);
    if (asked === undefined) return rejectionOf('quote-request-unknown');
    const validUntilMs = Math.min(house.validUntilMs, asked.request.expireAtMs);
    if (validUntilMs < this.#needs.nowMs()) return rejectionOf('quote-expired');
    const quoteId = this.#needs.nextQuoteId();
    const quote = { ...house, quoteId, requestId, validUntilMs };
    asked.quotes.set(quoteId, quote);
    this.#needs.emit({ kind: 'quote', quote });
    return quoteId;
  }

  /** The house takes a quote back. */
  withdraw(quoteId: string): void {
    const asked = this.#of(quoteId);
    if (!asked?.quotes.delete(quoteId)) return;
    const { requestId } = asked.request;
    const rejection = rejectionOf('quote-withdrawn');
    this.#needs.emit({ kind: 'quote-ended', requestId, quoteId, rejection });
  }

  /** A repeat changes nothing. */
  #request(request: VenueQuoteRequest): void {
    const { requestId, instrument } = request;
    if (this.#asked.has(requestId)) return;
    const rejection = this.#whyNotAsked(request, this.#needs.books.has(instrument));
    if (rejection) return this.#needs.emit({ kind: 'quote-ended', requestId, rejection });
    this.#asked.set(requestId, { request, quotes: new Map() });
    for (const id of this.#asked.keys()) {
      if (this.#asked.size <= MAX_REQUESTS) break;
      this.#end(id);
    }
  }

  #whyNotAsked({ expireAtMs }: VenueQuoteRequest, isTraded: boolean): LegRejection | undefined {
    if (!isTraded) return rejectionOf('unknown-instrument');
    return expireAtMs < this.#needs.nowMs() ? rejectionOf('quote-expired') : undefined;
  }

  /** The quotes that stood end with their request. */
  #end(requestId: string): void {
    const asked = this.#asked.get(requestId);
    this.#asked.delete(requestId);
    const rejection = rejectionOf('quote-not-chosen');
    for (const quoteId of asked?.quotes.keys() ?? []) {
      this.#needs.emit({ kind: 'quote-ended', requestId, quoteId, rejection });
    }
  }

  #accept({ quoteId, order, maker }: QuoteAcceptance): Receipt {
    const { members, books } = this.#needs;
    const known = members.get(order.orderId);
    if (known !== undefined) {
      return isSameOrder(known.request, order) ? { outcome: 'taken' } : refused('duplicate-order');
    }
    if (maker && members.get(maker.orderId)) return refused('duplicate-order');
    const book = books.get(order.instrument);
    if (book === undefined) return refused('unknown-instrument');
    const rejection = maker ? undefined : this.#take(quoteId, order);
    const [taker, other] = [members.add(order, 0), maker && members.add(maker, 0)];
    book.agree(taker, other, rejection);
    return { outcome: 'taken' };
  }

  /** Takes a quote for good, and ends its request; or says why it cannot be taken in this way. */
  #take(quoteId: string, order: VenueOrder): LegRejection | undefined {
    const asked = this.#of(quoteId);
    const quote = asked?.quotes.get(quoteId);
    if (asked === undefined || quote === undefined) return rejectionOf('quote-unknown');
    if (quote.validUntilMs < this.#needs.nowMs()) return rejectionOf('quote-expired');
    const side = order.side === 'buy' ? quote.offer : quote.bid;
    const isSame =
      side !== undefined &&
      side.price === order.limitPrice &&
      side.quantity === order.quantity &&
      asked.request.instrument === order.instrument;
    if (!isSame) return rejectionOf('quote-terms');
    asked.quotes.delete(quoteId);
    this.#end(asked.request.requestId);
    return undefined;
  }

  #of(quoteId: string): Asked | undefined {
    for (const asked of this.#asked.values()) if (asked.quotes.has(quoteId)) return asked;
    return undefined;
  }
}

function refused(reason: RejectReason): Receipt {
  return { outcome: 'refused', rejection: rejectionOf(reason) };
}
