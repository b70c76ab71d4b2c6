import { buildSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { composePublicSdl } from './supergraph.ts';

/**
 * The network's API as clients see it, in a fixed order, so that two of them can be compared line by
 * line. A node serves the same, and beside it what federation needs.
 *
 * @throws CodedError SUPERGRAPH_INVALID
 */
export function publicSdl(): string {
  return `${printSchema(lexicographicSortSchema(buildSchema(composePublicSdl())))}\n`;
}
