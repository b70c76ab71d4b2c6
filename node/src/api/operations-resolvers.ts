import type { DirectorySource, VenueId } from '@stoa/schema';
import { type ApiContext, isOperator } from './api-context.ts';
import { apiError } from './api-error.ts';
import type { ApiNode } from './api-services.ts';
import type { VenueParent } from './market-output.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';

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
          },
        };
      },
    },
  };
}
