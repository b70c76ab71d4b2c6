import {
  addResolversToSchema as addReferenceResolvers,
  buildSubgraphSchema,
  type GraphQLResolverMap,
} from '@apollo/subgraph';
import { mergeTypeDefs } from '@graphql-tools/merge';
import { addResolversToSchema } from '@graphql-tools/schema';
import { readSdl, type SdlPart } from '@stoa/schema';
import {
  type DocumentNode,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  Kind,
  parse,
  print,
} from 'graphql';
import { apiError } from './api-error.ts';
import { pageResolvers } from './page-arguments.ts';
import { scalarResolvers } from './scalars.ts';

type IResolvers = Parameters<typeof addResolversToSchema>[0]['resolvers'] & Record<string, object>;

const FEDERATION = `extend schema @link(
  url: "https://specs.apollo.dev/federation/v2.9"
  import: ["@key", "@shareable", "@cost", "@listSize"]
)`;

const SCHEMA_KINDS: readonly Kind[] = [Kind.SCHEMA_DEFINITION, Kind.SCHEMA_EXTENSION];

/** The SDL of some parts as one Federation v2 subgraph document: each type once. */
export function subgraphTypeDefs(parts: readonly SdlPart[]): DocumentNode {
  // With the link, which says that @key is repeatable: otherwise all keys but one are lost in silence.
  const merged = mergeTypeDefs([FEDERATION, ...readSdl(parts)]);
  // The library names operations in it that a part may not have; types of those names are found anyhow.
  const types = merged.definitions.filter(({ kind }) => !SCHEMA_KINDS.includes(kind));
  return { ...merged, definitions: [...parse(FEDERATION).definitions, ...types] };
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
  return buildSubgraph(subgraphTypeDefs(parts), [scalarResolvers, pageResolvers, ...resolvers]);
}

/** So many entities are resolved at a time: each can cost a statement. */
const MAX_REPRESENTATIONS = 1_000;

/**
 * An executable Federation v2 subgraph of any type definitions, with `_service` and `_entities`.
 *
 * @throws Error for a resolver of a type or field that the definitions do not have
 */
export function buildSubgraph(
  typeDefs: DocumentNode,
  resolvers: readonly ResolverMap[],
): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs }]);
  for (const map of resolvers) {
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
  const root = schema.getQueryType()?.getFields();
  // What was written, and not what the library has added to it: whoever composes adds that again.
  const sdl = print(typeDefs);
  if (root?.['_service']) root['_service'].resolve = () => ({ sdl });
  const entities = root?.['_entities'];
  if (entities?.resolve) entities.resolve = resolveEach(schema, entities.resolve);
  return schema;
}

type EntitiesResolver = GraphQLFieldResolver<
  unknown,
  unknown,
  { readonly representations: readonly unknown[] }
>;

/**
 * Resolves representations one by one. The library answers for all of them or for none: a single one of
 * a type that this subgraph does not know would cost the caller all others.
 */
function resolveEach(schema: GraphQLSchema, resolveAll: EntitiesResolver): EntitiesResolver {
  return (source, { representations }, context, info) => {
    if (representations.length > MAX_REPRESENTATIONS) {
      const message = `At most ${MAX_REPRESENTATIONS} entities are resolved at a time.`;
      throw apiError('BAD_USER_INPUT', message);
    }
    return representations.map((representation) => {
      const name = typenameIn(representation);
      const type = name === undefined ? undefined : schema.getType(name);
      if (!isObjectType(type) && !isInterfaceType(type)) {
        return apiError(
          'BAD_USER_INPUT',
          'A representation is of no entity type of this subgraph.',
        );
      }
      const resolved: unknown = resolveAll(
        source,
        { representations: [representation] },
        context,
        info,
      );
      return Array.isArray(resolved) ? resolved[0] : null;
    });
  };
}

function typenameIn(representation: unknown): string | undefined {
  if (typeof representation !== 'object' || representation === null) return undefined;
  const name = '__typename' in representation ? representation.__typename : undefined;
  return typeof name === 'string' ? name : undefined;
}

/**
 * A key of a representation: what comes as `_Any` has passed no scalar of ours.
 *
 * @throws BAD_USER_INPUT
 */
export function keyText(value: unknown): string {
  if (typeof value === 'string' && value.length <= MAX_KEY_CHARACTERS) return value;
  throw apiError('BAD_USER_INPUT', 'A key of a representation is no text, or too long.');
}

const MAX_KEY_CHARACTERS = 256;

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
