import { type DirectorySource, formatDecimal, type VenueId } from '@stoa/schema';
import type { SettlementView } from '../settlement/settlement-view.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import type { ApiSettlements } from './api-services.ts';
import { createBatchReader } from './batch-reader.ts';
import { boundedCount, sdlEnum } from './sdl-value.ts';

/** What the settlement's part of the API is served from. */
export interface SettlementNeeds {
  readonly venue: VenueId;
  readonly settlements: ApiSettlements;
  readonly directory: DirectorySource;
}

const MAX_SETTLEMENTS = 100;

/** Resolvers of the SDL's settlement part. */
export function createSettlementResolvers({ venue, settlements, directory }: SettlementNeeds) {
  function settlementOutput(settlement: SettlementView) {
    const instruments = new Map(
      [...directory.current().instruments.values()].map((one) => [one.token.toLowerCase(), one]),
    );
    return {
      batchId: settlement.batchId,
      state: sdlEnum(settlement.state),
      transactionHash: settlement.transactionHash ?? null,
      blockNumber: settlement.blockNumber ?? null,
      code: settlement.code ?? null,
      reason: settlement.reason ?? null,
      legs: settlement.legs.map((leg) => {
        const instrument = instruments.get(leg.token.toLowerCase());
        if (!instrument) throw new Error(`settlement leg of an unknown token ${leg.token}`);
        return {
          venue: leg.venue,
          executionId: leg.executionId,
          tradeNumber: leg.tradeNumber,
          seller: leg.seller,
          buyer: leg.buyer,
          // On-chain units: the tokens' own decimals, not the book's.
          quantity: formatDecimal(leg.quantity, instrument.tokenDecimals),
          amount: formatDecimal(leg.amount, instrument.cashDecimals),
          state: sdlEnum(leg.state),
        };
      }),
    };
  }

  const ofOrder = createBatchReader((ids) => settlements.forOrders(ids));

  return {
    Query: {
      async settlements(
        _root: unknown,
        page: { readonly batchId?: string | null; readonly first: number | null },
        context: ApiContext,
      ) {
        const caller = requireCaller(context, venue, 'orders:read');
        const found = await settlements.forMember(caller.member, {
          first: boundedCount('first', page.first, MAX_SETTLEMENTS),
          ...(page.batchId == null ? {} : { batchId: page.batchId }),
        });
        return found.map(settlementOutput);
      },
    },
    Order: {
      async settlements(order: { readonly id: string }) {
        return ((await ofOrder(order.id)) ?? []).map(settlementOutput);
      },
    },
  };
}
