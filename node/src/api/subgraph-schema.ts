import {
  addResolversToSchema,
  buildSubgraphSchema,
  type GraphQLResolverMap,
} from '@apollo/subgraph';
import { mergeTypeDefs } from '@graphql-tools/merge';
import { CodedError, readSdl, type SdlPart } from '@stoa/schema';
import { type DocumentNode, type GraphQLSchema, isObjectType, parse } from 'graphql';
import { scalarResolvers } from './scalars.ts';

const FEDERATION = parse(
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])',
);

/** The SDL of some parts as one Federation v2 subgraph document: each type once. */
export function subgraphTypeDefs(parts: readonly SdlPart[]): DocumentNode {
  const merged = mergeTypeDefs(readSdl(parts));
  return { ...merged, definitions: [...FEDERATION.definitions, ...merged.definitions] };
}

/** Resolvers as the rooms write them: by type and field. */
export type ResolverMap = Readonly<Record<string, object>>;

/**
 * An executable subgraph of some parts of the SDL, with `_service` and `_entities`.
 *
 * @throws CodedError RESOLVER_UNKNOWN for a resolver of a field that the SDL does not have: the
 * library would ignore it in silence
 */
export function buildStoaSchema(
  parts: readonly SdlPart[],
  resolvers: readonly ResolverMap[],
): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: subgraphTypeDefs(parts) }]);
  for (const map of [scalarResolvers, ...resolvers]) {
    for (const [name, fields] of Object.entries(map)) assertKnown(schema, name, fields);
    // The library's map type knows no parent types: this is the one place where they meet.
    addResolversToSchema(schema, map as GraphQLResolverMap);
  }
  return schema;
}

function assertKnown(schema: GraphQLSchema, name: string, fields: object): void {
  const type = schema.getType(name);
  const unknown = isObjectType(type)
    ? Object.keys(fields).filter((key) => !key.startsWith('__') && !(key in type.getFields()))
    : [];
  if (type && unknown.length === 0) return;
  throw new CodedError('RESOLVER_UNKNOWN', `The SDL has no ${name}.${unknown.join(', ')}.`);
}
