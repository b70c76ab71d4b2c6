import { subgraphTypeDefs } from '@stoa/node/market-api';
import { CodedError, MARKET_PARTS, type SdlPart } from '@stoa/schema';
import { composeServices } from '@theguild/federation-composition';

/**
 * The logical subgraphs, by who answers them. Nodes come and go without any of this changing: all of
 * them stand behind `home` and `venue`, and a transport picks the node.
 */
export const SUBGRAPHS = {
  /** The gateway itself, in process, from its own verified book. */
  market: MARKET_PARTS,
  /** The caller's home node: what is the caller's own, and what takes a store or a chain to answer. */
  home: [
    ...['refusals', 'orders', 'order-entry', 'order-events', 'rfq', 'routing', 'receipts'],
    ...[
      'settlement',
      'mandates',
      'cap-table',
      'issuer',
      'eligibility',
      'history',
      'prints',
      'positions',
      'audit',
      'operator',
    ],
  ],
  /**
   * Each venue's own node. It is apart from `home` so that a venue's own word is always fetched by
   * its key: within one subgraph the planner would ask the home node about every venue.
   */
  venue: ['operations', 'terms'],
} as const satisfies Record<string, readonly SdlPart[]>;

/** Name of a logical subgraph. */
export type SubgraphName = keyof typeof SUBGRAPHS;

/**
 * Composes the supergraph from the network's SDL.
 *
 * @throws CodedError SUPERGRAPH_INVALID with the composition's errors
 */
export function composeSupergraph(
  subgraphs: Readonly<Record<string, readonly SdlPart[]>> = SUBGRAPHS,
): string {
  return compose(subgraphs).supergraphSdl;
}

/** The API as clients see it: without what federation alone needs. */
export function composePublicSdl(): string {
  return compose(SUBGRAPHS).publicSdl;
}

function compose(subgraphs: Readonly<Record<string, readonly SdlPart[]>>) {
  const composed = composeServices(
    Object.entries(subgraphs).map(([name, parts]) => ({ name, typeDefs: subgraphTypeDefs(parts) })),
  );
  if (composed.supergraphSdl !== undefined) return composed;
  const errors = composed.errors.map(({ message }) => message);
  throw new CodedError('SUPERGRAPH_INVALID', `The supergraph does not compose: ${errors[0]}`, {
    data: { errors },
  });
}
