import { CodedError, formatDecimal, type VenueId } from '@stoa/schema';
import type { Page, PageRequest } from '../orders/blotter/keyset-page.ts';
import { type Position, positionName } from '../settlement/positions.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import { apiError } from './api-error.ts';
import type { ApiPositions } from './api-services.ts';
import { listPage } from './list-page.ts';
import { connectionOf, type PageArguments, readPageArguments } from './page-arguments.ts';

/** What the positions' part of the API is served from. */
export interface PositionsNeeds {
  readonly venue: VenueId;
  readonly positions: ApiPositions;
}

/** Resolvers of the SDL's positions part. */
export function createPositionResolvers({ venue, positions }: PositionsNeeds) {
  /** Which there are costs a look into the store; what stands where, a call to the chain for a page. */
  async function readPositions(
    member: string,
    account: `0x${string}` | undefined,
    request: PageRequest,
  ): Promise<Page<Position>> {
    const page = await listPage(await positions.keys(member, account), positionName, request);
    const read = await positions.read(
      member,
      page.edges.map(({ node }) => node),
    );
    const byName = new Map(read.map((position) => [positionName(position), position]));
    // A token that left the directory meanwhile is no position any more.
    const edges = page.edges.flatMap(({ cursor, node: key }) => {
      const node = byName.get(positionName(key));
      return node ? [{ cursor, node }] : [];
    });
    return { ...page, edges };
  }
  return {
    Query: {
      async positions(
        _root: unknown,
        args: PageArguments & { readonly account?: `0x${string}` | null },
        context: ApiContext,
      ) {
        const { member } = requireCaller(context, venue, 'orders:read');
        const reading = readPositions(member, args.account ?? undefined, readPageArguments(args));
        return connectionOf(reading.catch(chainUnavailable), positionOutput);
      },
    },
  };
}

function chainUnavailable(error: unknown): never {
  if (!(error instanceof CodedError) || error.code !== 'CHAIN_UNAVAILABLE') throw error;
  throw apiError('CHAIN_UNAVAILABLE', 'The chain cannot be asked for balances now. Try again.');
}

function positionOutput(position: Position) {
  const { account, token, symbol, instrument, blockNumber, frozen, decimals } = position;
  const written = (amount: bigint): string => formatDecimal(amount, decimals);
  return {
    ...{ account, token, symbol, instrument: instrument ?? null, blockNumber },
    frozen: frozen === undefined ? null : written(frozen),
    balance: written(position.balance),
    openOrders: written(position.openOrders),
    unsettledOut: written(position.unsettledOut),
    unsettledIn: written(position.unsettledIn),
    available: written(position.available),
  };
}
