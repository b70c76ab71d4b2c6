import type { Execution, OrderStatus, Price, Quantity } from '@stoa/schema';
import type { VenueOrder } from '../../venue-adapter.ts';

/** One order as this session knows it. */
export interface FixOrder {
  readonly request: VenueOrder;
  quantity: Quantity;
  limitPrice: Price;
  filled: Quantity;
  status: OrderStatus;
  /** Whether the node was told that the venue has it. */
  accepted: boolean;
  /** The ClOrdID that the venue knows it by now: it changes with every replacement. */
  clientId: string;
  /** Whether a message with it ever went out: what the venue does not know then may still come to it. */
  asked: boolean;
  /** OrderID(37). */
  venueOrderId: string | undefined;
  /** Requests about it so far, each of which has an id of its own. */
  uses: number;
}

/** A request that went out, by its ClOrdID. */
export interface FixRequest {
  readonly kind: 'new' | 'cancel' | 'replace';
  readonly orderId: string;
  readonly clientId: string;
  readonly seq: number;
  readonly quantity?: Quantity;
  readonly limitPrice?: Price;
}

/** One side of a trade, as the venue told it. */
export interface FixExecution {
  readonly orderId: string;
  readonly execution: Execution;
  readonly busted: boolean;
}

/** What is noted beside the messages, so that a restart knows it again. */
export type FixNote =
  | { readonly note: 'asked'; readonly request: FixRequest; readonly order?: VenueOrder }
  | { readonly note: 'known'; readonly order: VenueOrder; readonly filled: Quantity }
  | { readonly note: 'number'; readonly executionId: string; readonly tradeNumber: number }
  | { readonly note: 'order'; readonly order: FixOrder }
  | { readonly note: 'execution'; readonly execution: FixExecution }
  | { readonly note: 'seen'; readonly ids: readonly string[] };
