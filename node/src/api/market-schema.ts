import { MARKET_PARTS } from '@stoa/schema';
import type { GraphQLSchema } from 'graphql';
import { enforceAccess } from './access-enforcement.ts';
import { createMarketResolvers, type MarketNeeds } from './market-resolvers.ts';
import { buildStoaSchema } from './subgraph-schema.ts';

/** The public parts of the SDL alone: what they answer is the same for everybody. */
export function buildMarketSchema(needs: MarketNeeds): GraphQLSchema {
  const schema = buildStoaSchema(MARKET_PARTS, [createMarketResolvers(needs)]);
  return enforceAccess(schema, undefined);
}
