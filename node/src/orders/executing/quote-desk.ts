import type { VenueQuoteEvent } from '@stoa/adapters';
import type {
  LegOrder,
  LegRejection,
  MemberId,
  OrderMessageBody,
  Refusal,
  VenueId,
} from '@stoa/schema';
import type { Transaction } from '../../store/database.ts';
import type { AfterCommit } from '../after-commit.ts';
import type { StoredOrder } from '../order-rows.ts';
import type { ReceivedMessage } from '../sessions/peer-inbox.ts';
import type { OrderGate } from '../terms/order-gate.ts';

/** What order sessions carry of quotes. */
export type QuoteMessage = Extract<OrderMessageBody, { kind: `quote${string}` }>;

/** Tells what is about quotes. */
export function isQuoteMessage(body: OrderMessageBody): body is QuoteMessage {
  return body.kind.startsWith('quote');
}

/** What a leg has to do with a quote of this venue. */
export type TakenQuote =
  /** It takes the quote: the venue's own, or one of a member whose leg stands on the other side. */
  | { readonly role: 'taker'; readonly quoteId: string; readonly makerLegId: string | undefined }
  /** It is the order of the member who gave the quote, and waits for the taker's. */
  | { readonly role: 'maker' };

/** Negotiation, as far as orders call it; all within the caller's transaction. */
export interface QuoteDesk {
  /** Applies what another node says of quotes. */
  message(
    tx: Transaction,
    from: MemberId,
    message: Omit<ReceivedMessage, 'body'> & { readonly body: QuoteMessage },
    after: AfterCommit,
  ): Promise<void>;
  /** Takes a quote of this venue for a leg that has just been recorded, for good; or says why not. */
  take(
    tx: Transaction,
    leg: LegOrder,
    home: VenueId,
    after: AfterCommit,
  ): Promise<LegRejection | TakenQuote>;
  /** What a recorded leg took. */
  takenBy(tx: Transaction, legId: string): Promise<TakenQuote | undefined>;
  /** Records what the venue says of its own quotes. */
  events(tx: Transaction, events: readonly VenueQuoteEvent[], after: AfterCommit): Promise<void>;
  /** Told of orders with a quote, as they stand, after each commit that changed them. */
  changed(orders: readonly StoredOrder[]): void;
  /** Puts things in order after a restart. */
  recover(tx: Transaction, after: AfterCommit): Promise<void>;
}

/** Orders, as negotiation needs them. */
export interface QuotedOrders {
  /** Whether orders are taken. */
  readonly isOpen: boolean;
  admit: OrderGate['admit'];
  enter: OrderGate['enter'];
  /** Runs a change as one transaction, and then what it makes necessary. */
  commit<T>(change: (tx: Transaction, after: AfterCommit) => Promise<T>): Promise<T>;
  /**
   * Records an order that takes a quote, or gave one, in the caller's transaction, and sends its leg.
   * Undefined where its client order id was used.
   */
  place(tx: Transaction, order: StoredOrder, after: AfterCommit): Promise<StoredOrder | undefined>;
  /** Keeps what was refused. */
  refused(member: MemberId, action: QuoteAction, refusal: Refusal): Promise<void>;
}

/** What of quotes can be refused. */
export type QuoteAction = 'request-quotes' | 'accept-quote' | 'submit-quote' | 'cancel-quote';
