import type { MemberId, OrderRequest, Refusal } from '@stoa/schema';
import type { Caller, ExecutionView, LegView, OrderView } from '../orders/order-view.ts';
import type { SettlementView } from '../settlement/settlement-view.ts';

/** What the API asks of the order service. */
export interface ApiOrders {
  place(
    caller: Caller,
    request: OrderRequest,
  ): Promise<{ readonly order: OrderView; readonly existed: boolean } | Refusal>;
  cancel(caller: Caller, orderId: string): Promise<OrderView | Refusal>;
  /** One of the caller's own orders; undefined where there is none, or it is another member's. */
  order(
    caller: Caller,
    by: { readonly id?: string; readonly clientOrderId?: string },
  ): Promise<OrderView | undefined>;
  /** The caller's own orders, newest first, after a cursor this method gave. */
  orders(
    caller: Caller,
    page: { readonly first: number; readonly after?: string },
  ): Promise<{
    readonly orders: readonly OrderView[];
    readonly endCursor: string | undefined;
    readonly hasNextPage: boolean;
  }>;
  legs(orderId: string): Promise<readonly LegView[]>;
  executions(orderId: string): Promise<readonly ExecutionView[]>;
  openOrderCount(): number | Promise<number>;
}

/** What the API asks of the settlement service. */
export interface ApiSettlements {
  forOrder(orderId: string): Promise<readonly SettlementView[]>;
  /** Of the member's own trades, newest first. */
  forMember(
    member: MemberId,
    page: { readonly batchId?: string; readonly first: number },
  ): Promise<readonly SettlementView[]>;
}

/** What the node says of itself. */
export interface ApiNode {
  readonly version: string;
  readonly startedAtMs: number;
  peers(): readonly MemberId[];
  framesPublished(): number;
}
