import {
  addResolversToSchema as addReferenceResolvers,
  buildSubgraphSchema,
  type GraphQLResolverMap,
} from '@apollo/subgraph';
import { mergeTypeDefs } from '@graphql-tools/merge';
import { addResolversToSchema } from '@graphql-tools/schema';
import { readSdl, type SdlPart } from '@stoa/schema';
import { type DocumentNode, type GraphQLSchema, parse } from 'graphql';
import { scalarResolvers } from './scalars.ts';

type IResolvers = Parameters<typeof addResolversToSchema>[0]['resolvers'] & Record<string, object>;

const FEDERATION = parse(
  `extend schema @link(
    url: "https://specs.apollo.dev/federation/v2.9"
    import: ["@key", "@shareable", "@cost", "@listSize"]
  )`,
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
 * @throws Error for a resolver of a type or field that the SDL does not have
 */
export function buildStoaSchema(
  parts: readonly SdlPart[],
  resolvers: readonly ResolverMap[],
): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: subgraphTypeDefs(parts) }]);
  for (const map of [scalarResolvers, ...resolvers]) {
    const { references, fields } = apart(map);
    addReferenceResolvers(schema, references);
    addResolversToSchema({
      schema,
      resolvers: fields,
      // Otherwise a misspelt resolver is ignored in silence, by both libraries.
      resolverValidationOptions: { requireResolversToMatchSchema: 'error' },
      updateResolversInPlace: true,
    });
  }
  return schema;
}

/** Entity references are federation's own; all other resolvers are plain GraphQL. */
function apart(map: ResolverMap): { references: GraphQLResolverMap; fields: IResolvers } {
  const references: GraphQLResolverMap = {};
  const fields: IResolvers = {};
  for (const [name, type] of Object.entries(map)) {
    if (!('__resolveReference' in type)) {
      fields[name] = type as IResolvers[string];
      continue;
    }
    const { __resolveReference, ...rest } = type;
    references[name] = { __resolveReference } as GraphQLResolverMap[string];
    fields[name] = rest;
  }
  return { references, fields };
}
