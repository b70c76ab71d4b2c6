import type { VenueCapabilities } from '@stoa/adapters';
import type { DirectorySource, MemberId, VenueId } from '@stoa/schema';
import type { MarketView } from '../market/market-view.ts';
import type { QuotedOrders } from '../orders/executing/quote-desk.ts';
import type { NewCode } from '../orders/id-codes.ts';
import type { OrderSessions } from '../orders/sessions/order-session.ts';
import type { VenueTermsBook } from '../orders/terms/venue-terms-book.ts';
import type { Database } from '../store/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { NegotiationRules } from './negotiation-rules.ts';

/** What both sides of a negotiation are given. */
export interface NegotiationNeeds {
  readonly venue: VenueId;
  readonly database: Database;
  readonly sessions: Pick<OrderSessions, 'send'>;
  readonly directory: DirectorySource;
  readonly market: Pick<MarketView, 'book'>;
  readonly terms: VenueTermsBook;
  /** Wallets of each member, in lower case. */
  readonly accounts: ReadonlyMap<MemberId, ReadonlySet<string>>;
  readonly capabilities: Pick<VenueCapabilities, 'rfq'>;
  readonly rules: NegotiationRules;
  readonly logger: Logger;
  /** Names requests and quotes: their ids are `<venue>-q<code>`. */
  readonly newCode: NewCode;
  readonly nowMs: () => number;
  /** Told of a moment at which something of it is over. */
  readonly expires: (atMs: number) => void;
  /** Orders, once they are there. */
  readonly orders: () => QuotedOrders;
}
