import { isRefusal, refuse } from '@stoa/schema';
import type { QueuedSettlement } from '../settlement/settlement-view.ts';
import { type ApiContext, requireOperator } from './api-context.ts';
import { refusalOr } from './refusal-type.ts';
import { boundedCount, sdlDateTime, sdlEnum } from './sdl-value.ts';
import type { SettlementNeeds } from './settlement-resolvers.ts';

const MAX_QUEUED = 100;
const BATCH_ID = /^0x[0-9a-f]{64}$/i;

/** Resolvers of what the venue's operator sees and does of settlement. */
export function createSettlementOperationResolvers({
  venue,
  settlements,
}: Pick<SettlementNeeds, 'venue' | 'settlements'>) {
  return {
    Query: {
      async settlementQueue(
        _root: unknown,
        { first }: { readonly first: number | null },
        context: ApiContext,
      ) {
        requireOperator(context, venue);
        const queue = await settlements.operatorQueue(boundedCount('first', first, MAX_QUEUED));
        return queue.map(queuedOutput);
      },
      settlementReconciliation(_root: unknown, _args: unknown, context: ApiContext) {
        requireOperator(context, venue);
        const { checkedAtMs, completeAtMs, differences, cut } = settlements.reconciliation();
        return {
          checkedAt: checkedAtMs === undefined ? null : sdlDateTime(checkedAtMs),
          completeAt: completeAtMs === undefined ? null : sdlDateTime(completeAtMs),
          differences: differences.map(({ kind, tradeNumber, sinceMs, ...one }) => ({
            ...{ database: one.database, record: one.record, chain: one.chain },
            kind: sdlEnum(kind),
            trade: { venueId: one.venue, tradeNumber },
            since: sdlDateTime(sinceMs),
          })),
          cut,
        };
      },
    },
    Mutation: {
      async retrySettlement(
        _root: unknown,
        { batchId }: { readonly batchId: string },
        context: ApiContext,
      ) {
        requireOperator(context, venue);
        if (!BATCH_ID.test(batchId)) {
          const action = 'Send 0x and 64 hexadecimal digits.';
          return refuse('BATCH_UNKNOWN', 'That is no batch id.', action);
        }
        const outcome = await settlements.retryByOperator(batchId.toLowerCase() as `0x${string}`);
        return isRefusal(outcome) ? outcome : { outcome: sdlEnum(outcome) };
      },
    },
    RetrySettlementResult: { __resolveType: refusalOr('SettlementRetried') },
  };
}

function queuedOutput(queued: QueuedSettlement) {
  const { batchId, orderId, purpose, code, reason, attempts, deadline } = queued;
  return {
    ...{ batchId, code, reason, attempts },
    orderId: orderId ?? null,
    reversal: purpose === 'reverse',
    deadline: sdlDateTime(deadline * 1_000),
    composedAt: sdlDateTime(queued.createdAtMs),
    trades: queued.trades.map(({ venue, tradeNumber }) => ({ venueId: venue, tradeNumber })),
  };
}
