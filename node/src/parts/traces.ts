import type { OrderFeed } from '../orders/order-feed.ts';
import type { Database } from '../store/database.ts';
import { type OrderTraceDesk, openOrderTraceDesk } from '../tracing/order-trace-desk.ts';
import { openSettlementTraceDesk } from '../tracing/settlement-trace-desk.ts';
import type { Base } from './base.ts';

/** Where a collector is configured: spans of this node's orders and of their settlement. */
export async function traceTrading(
  { tracing, logger, nowMs, onStop }: Base,
  { database, feed }: { readonly database: Database; readonly feed: OrderFeed },
): Promise<OrderTraceDesk | undefined> {
  if (!tracing) return undefined;
  const orders = await openOrderTraceDesk({ database, feed, tracing, logger });
  onStop(() => orders.stop());
  const settlements = openSettlementTraceDesk({ db: database, tracing, logger, nowMs });
  onStop(() => settlements.stop());
  return orders;
}
