import { formatDecimal, type InstrumentId, isRefusal } from '@stoa/schema';
import { type ApiContext, requireCaller } from './api-context.ts';
import { apiError } from './api-error.ts';
import { boundedCount } from './sdl-value.ts';
import type { SettlementNeeds } from './settlement-resolvers.ts';

const MAX_ENTRIES = 500;

interface CapTableArguments {
  readonly instrument: InstrumentId;
  readonly atBlock?: number | null;
  readonly first: number | null;
  readonly after?: string | null;
}

/** Resolvers of the cap table: an issuer sees who holds its token, and nobody else does. */
export function createCapTableResolvers({ venue, settlements, directory }: SettlementNeeds) {
  return {
    Query: {
      async capTable(_root: unknown, args: CapTableArguments, context: ApiContext) {
        const caller = requireCaller(context, venue, 'issuer:read');
        const { atBlock, after } = args;
        const first = boundedCount('first', args.first, MAX_ENTRIES);
        const instrument = directory.current().instruments.get(args.instrument);
        // Of an unknown instrument nobody is the issuer: the same words for both.
        if (instrument?.issuer !== caller.member) {
          const message = `${caller.member} is not the issuer of ${args.instrument}.`;
          throw apiError('FORBIDDEN', message);
        }
        const table = await settlements.capTable(instrument.token, {
          first,
          ...(atBlock == null ? {} : { atBlock: BigInt(atBlock) }),
          ...(after == null ? {} : { after }),
        });
        if (isRefusal(table)) throw apiError(table.code, `${table.message} ${table.action}`);
        const amount = (value: bigint) => formatDecimal(value, instrument.tokenDecimals);
        return {
          instrument,
          blockNumber: table.blockNumber,
          holderCount: table.holders,
          verifiedCount: table.verified,
          supply: amount(table.supply),
          byCountry: table.byCountry.map(({ country, holders, balance }) => ({
            ...{ country, holderCount: holders, balance: amount(balance) },
          })),
          claims: table.claims.map(({ topic, holders }) => ({ topic, holderCount: holders })),
          entries: table.page.map(({ balance, ...entry }) => ({
            ...{ ...entry, balance: amount(balance) },
          })),
          hasMore: table.hasMore,
        };
      },
    },
  };
}
