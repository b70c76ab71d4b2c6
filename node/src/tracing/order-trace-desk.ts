import type { MemberId } from '@stoa/schema';
import type { OrderFeed } from '../orders/blotter/order-feed.ts';
import type { Database } from '../store/database.ts';
import { memberSequences } from '../store/tables/member-sequences.ts';
import type { Logger } from '../telemetry/logger.ts';
import { OrderSpanMaker } from './order-spans.ts';
import { traceOfOrder } from './order-trace.ts';
import type { Tracing } from './tracing.ts';

/** Tells spans of this node's orders from what was committed of them. */
export interface OrderTraceDesk {
  /** Events of these members were committed. */
  committed(members: Iterable<MemberId>): void;
  stop(): Promise<void>;
}

/**
 * Follows the committed events of every member beside the orders, as any reader of them does: an order
 * never waits for its trace, and a trace never tells what was rolled back.
 */
export async function openOrderTraceDesk(needs: {
  readonly database: Database;
  readonly feed: Pick<OrderFeed, 'follow'>;
  readonly tracing: Pick<Tracing, 'told' | 'toldRoot'>;
  readonly logger: Logger;
}): Promise<OrderTraceDesk> {
  const { database, feed, tracing, logger } = needs;
  const ended = new AbortController();
  const maker = new OrderSpanMaker();
  const following = new Map<MemberId, Promise<void>>();
  const before = new Map<MemberId, number>();
  for (const { member, last } of await database.select().from(memberSequences)) {
    before.set(member, last);
  }

  async function follow(member: MemberId): Promise<void> {
    for await (const { event } of feed.follow(member, before.get(member) ?? 0, ended.signal)) {
      if (!event) continue;
      const { spans, root } = maker.take(event);
      const trace = traceOfOrder(event.orderId);
      for (const span of spans) tracing.told(trace, span);
      if (root) tracing.toldRoot(trace, root);
    }
  }

  return {
    committed(members) {
      for (const member of members) {
        if (following.has(member)) continue;
        const followed = follow(member).catch((error: unknown) => {
          following.delete(member);
          if (!ended.signal.aborted) logger.warn({ err: error, member }, 'orders are not traced');
        });
        following.set(member, followed);
      }
    },
    async stop() {
      ended.abort();
      await Promise.all(following.values());
    },
  };
}
