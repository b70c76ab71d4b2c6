import type { MemberId, VenueId, VenueTerms } from '@stoa/schema';
import type { FrameGap } from '../market/gap-log.ts';
import type { Negotiation } from '../negotiation/negotiation.ts';
import type { OrderBlotter } from '../orders/blotter/order-blotter.ts';
import type { OrderFeed } from '../orders/blotter/order-feed.ts';
import type { ReceiptBlotter } from '../orders/blotter/receipt-blotter.ts';
import type { OrderService } from '../orders/order-service.ts';
import type { RefusalList } from '../orders/refusal-list.ts';
import type { SessionStanding } from '../orders/sessions/session-peer.ts';
import type { PositionReader } from '../settlement/positions.ts';
import type { SettlementReader } from '../settlement/settlement-reader.ts';
import type { InvestorMandates, SettlementService } from '../settlement/settlement-service.ts';
import type { ListingComparison } from '../venue/listing-check.ts';
import type { VenueLink } from '../venue/watched-venue.ts';

/** What the API asks of the order service. */
export type ApiOrders = Pick<
  OrderService,
  | 'place'
  | 'replace'
  | 'cancel'
  | 'cancelAll'
  | 'preview'
  | 'promised'
  | 'refused'
  | 'streamOpened'
  | 'streamClosed'
>;

/** What the API asks of negotiation. */
export type ApiNegotiation = Omit<Negotiation, 'desk' | 'start' | 'stop'>;

/** What the API reads of orders: pages of them, and one member's events. */
export type ApiBlotter = OrderBlotter;
/** One member's events, from any number on. */
export type ApiFeed = OrderFeed;

/** What the API reads of receipts. */
export type ApiReceipts = ReceiptBlotter;

/** What the API asks of the settlement service. */
export type ApiSettlements = SettlementReader &
  Pick<SettlementService, 'operatorQueue' | 'retryByOperator' | 'reconciliation' | 'capTable'>;

/** What a member's wallets have. */
export type ApiPositions = PositionReader;

/** What the API asks of investors' mandates. */
export type ApiMandates = Pick<InvestorMandates, 'register' | 'revoke' | 'list'>;

/** The terms under which venues trade, as far as this node knows them. */
export interface ApiTerms {
  of(venue: VenueId): { readonly terms: VenueTerms } | undefined;
}

/** What a venue's operator sees of its node at work. */
export interface ApiOperator {
  gaps(): readonly FrameGap[];
  sessions(): readonly SessionStanding[];
  readonly refusals: RefusalList;
}

/** What the node says of itself. */
export interface ApiNode {
  readonly version: string;
  readonly startedAtMs: number;
  peers(): readonly MemberId[];
  framesPublished(): number;
  venueLink(): VenueLink;
  /** What the venue lists beside what is configured here. */
  venueListings(): Promise<ListingComparison>;
}
