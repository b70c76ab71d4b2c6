import type { DirectorySource, VenueId } from '@stoa/schema';
import type { ListingComparison } from '../venue/listing-check.ts';
import { type ApiContext, isOperator } from './api-context.ts';
import { apiError } from './api-error.ts';
import type { ApiNode } from './api-services.ts';
import type { VenueParent } from './market-output.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';

/** More differences than an operator mends one by one. */
const MAX_DIFFERENCES = 100;

/** What the operations' part of the API is served from. */
export interface OperationsNeeds {
  readonly venue: VenueId;
  readonly node: ApiNode;
  readonly directory: DirectorySource;
}

/** Resolvers of the SDL's operations part: a node speaks for itself, and for no other venue's. */
export function createOperationsResolvers({ venue, node, directory }: OperationsNeeds) {
  return {
    Venue: {
      node({ id }: VenueParent, _args: unknown, context: ApiContext) {
        if (id !== venue) {
          throw apiError(
            'NODE_ELSEWHERE',
            `This is the node of ${venue}: ask the node of ${id}, or a gateway.`,
            { extensions: { venue: id } },
          );
        }
        const { adapter, state, sinceMs, reason } = node.venueLink();
        return {
          version: node.version,
          startedAt: sdlDateTime(node.startedAtMs),
          peers: [...node.peers()].sort(),
          registryBlock: directory.current().blockNumber,
          framesPublished: node.framesPublished(),
          venueLink: {
            ...{ adapter, state: sdlEnum(state), since: sdlDateTime(sinceMs) },
            // It may say more of the venue's own systems than everybody should know.
            reason: isOperator(context, venue) ? (reason ?? null) : null,
            // Asked only for whoever may know: the venue is.
            listings: async () =>
              isOperator(context, venue) ? comparisonOf(await node.venueListings()) : null,
          },
        };
      },
    },
  };
}

function comparisonOf(comparison: ListingComparison) {
  const { checkedAtMs, outcome, reason, differences, onlyAtVenue, passedOver } = comparison;
  return {
    ...{ checkedAt: sdlDateTime(checkedAtMs), outcome: sdlEnum(outcome), reason: reason ?? null },
    ...{ onlyAtVenue, passedOver, differenceCount: differences.length },
    differences: differences
      .slice(0, MAX_DIFFERENCES)
      .map(({ instrument, field, here, venue }) => ({
        ...{ instrumentId: instrument.id, symbol: instrument.symbol },
        ...{ field: sdlEnum(field), here, venue },
      })),
  };
}
