import type { InstrumentId, MemberId, OrderStatus, Price, Quantity, VenueId } from '@stoa/schema';
import type { AskedTerms } from '../asked-terms.ts';

/** Who calls: proven by a token. `home` is the venue whose node keeps this member's orders. */
export interface Caller {
  readonly member: MemberId;
  readonly home: VenueId;
  readonly scopes: ReadonlySet<string>;
}

/** An order as its home node knows it. */
export interface OrderView extends AskedTerms {
  readonly id: string;
  readonly clientOrderId: string;
  readonly member: MemberId;
  readonly instrument: InstrumentId;
  readonly account: `0x${string}`;
  readonly quantity: Quantity;
  readonly limitPrice: Price | undefined;
  /** How many replacements took effect. */
  readonly revision: number;
  readonly status: OrderStatus;
  readonly filled: Quantity;
  readonly leaves: Quantity;
  /** Sum of price × quantity of all executions; the average is this over `filled`. */
  readonly notional: bigint;
  readonly reason: string | undefined;
  readonly placedAtMs: number;
}

/** A leg as its home node knows it. */
export interface LegView {
  readonly id: string;
  readonly orderId: string;
  readonly venue: VenueId;
  readonly quantity: Quantity;
  readonly limitPrice: Price;
  readonly status: OrderStatus;
  readonly filled: Quantity;
  readonly reason: string | undefined;
}
