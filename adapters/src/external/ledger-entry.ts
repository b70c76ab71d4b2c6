import type { Execution, LegRejection, OrderStatus, Price, Quantity } from '@stoa/schema';
import type { VenueOrder } from '../venue-adapter.ts';

/** How an order ended. */
export type EndState = 'filled' | 'canceled' | 'expired' | 'rejected';

/** An order as the ledger keeps it. What was told is of this run alone; all else survives a crash. */
export interface LedgerOrder {
  readonly order: VenueOrder;
  venueOrderId: string | undefined;
  /** The terms that hold now. */
  quantity: Quantity;
  limitPrice: Price;
  /** `pending-new` until the venue has said anything of it. */
  status: OrderStatus;
  filled: Quantity;
  /** Price × quantity of what was filled; undefined where the journal did not hold it. */
  amount: bigint | undefined;
  /** Executed before, by the node's record, under ids that the journal does not hold. */
  unnamed: Quantity;
  end:
    | { readonly state: EndState; readonly reason: string; readonly rejection?: LegRejection }
    | undefined;
  /** The venue said how it ends; fills of it are still to come. */
  ending:
    | { readonly state: EndState; readonly cumulative: Quantity; readonly reason: string }
    | undefined;
  toldAccepted: boolean;
  toldEnd: boolean;
  cancelAsked: boolean;
  replaceAsked: { readonly quantity: Quantity; readonly limitPrice: Price } | undefined;
}

/** A fill that has its number, and what became of it. */
export interface LedgerFill {
  readonly key: string;
  readonly orderId: string;
  readonly execution: Execution;
  /** What stands of it now: a bust leaves nothing. */
  price: Price;
  quantity: Quantity;
  /** The last change is recorded by the node. */
  changeTold: boolean;
  reason: string;
}

/** What the journal of an adapter holds, a record each. */
export type LedgerEntry =
  /** Written before the order goes out. */
  | { readonly t: 'sent'; readonly order: VenueOrder }
  /** It did not go out, or the venue never had it, for certain. */
  | { readonly t: 'never'; readonly id: string }
  | { readonly t: 'venue-id'; readonly id: string; readonly venueOrderId: string }
  | {
      readonly t: 'terms';
      readonly id: string;
      readonly quantity: Quantity;
      readonly limitPrice: Price;
    }
  | {
      readonly t: 'fill';
      readonly key: string;
      readonly id: string;
      readonly execution: Execution;
    }
  | {
      readonly t: 'changed';
      readonly key: string;
      readonly price: Price;
      readonly quantity: Quantity;
      readonly reason: string;
    }
  | { readonly t: 'change-told'; readonly key: string }
  | {
      readonly t: 'done';
      readonly id: string;
      readonly state: EndState;
      readonly reason: string;
      readonly rejection?: LegRejection;
    };
