import type { OrderFeed } from '../orders/blotter/order-feed.ts';
import type { Database } from '../store/database.ts';
import { openOrderTraceDesk } from '../tracing/order-trace-desk.ts';
import { openSettlementTraceDesk } from '../tracing/settlement-trace-desk.ts';
import type { Base } from './base.ts';

/**
 * Where a collector is configured, tells spans of this node's orders and of their settlement. Gives
 * back the feed of orders: what it is told, the traces are told too.
 */
export async function traceTrading(
  { tracing, logger, nowMs, onStop }: Base,
  { database, feed }: { readonly database: Database; readonly feed: OrderFeed },
): Promise<OrderFeed> {
  if (!tracing) return feed;
  const orders = await openOrderTraceDesk({ database, feed, tracing, logger });
  onStop(() => orders.stop());
  const settlements = openSettlementTraceDesk({ db: database, tracing, logger, nowMs });
  onStop(() => settlements.stop());
  return {
    ...feed,
    committed(members) {
      const all = [...members];
      feed.committed(all);
      orders.committed(all);
    },
  };
}
