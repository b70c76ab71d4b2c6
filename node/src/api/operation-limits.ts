import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** How large one operation may be; all of it is counted before anything is executed. */
export interface OperationLimits {
  readonly maxDepth: number;
  /** Fields with every fragment spread out. */
  readonly maxFields: number;
  readonly maxAliases: number;
  /** Fields of the operation itself, fragments spread out. */
  readonly maxRootFields: number;
  readonly maxDirectives: number;
}

/** Enough for every page of a trading screen in one operation. */
export const OPERATION_LIMITS: OperationLimits = {
  ...{ maxDepth: 15, maxFields: 500, maxAliases: 30, maxRootFields: 20, maxDirectives: 50 },
};

/** What is wrong with the size of a document; undefined when nothing is. */
export function findOversize(
  schema: GraphQLSchema,
  document: DocumentNode,
  limits: OperationLimits,
): string | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operations: OperationDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition);
    } else if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
  }
  const walk = createWalk(schema, fragments, limits);
  for (const operation of operations) {
    const oversize = walk(operation.selectionSet, schema.getRootType(operation.operation), {
      depth: 1,
      spreads: new Set(),
      lists: new Set(),
    });
    if (oversize) return oversize;
  }
  return undefined;
}

interface Place {
  readonly depth: number;
  /** Fragments being spread: a circle of them is another rule's error, and must not hang this one. */
  readonly spreads: ReadonlySet<string>;
  /** List fields passed on the way, as `Type.field`. */
  readonly lists: ReadonlySet<string>;
}

type Walk = (
  selections: SelectionSetNode,
  type: GraphQLNamedType | null | undefined,
  place: Place,
) => string | undefined;

function createWalk(
  schema: GraphQLSchema,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  limits: OperationLimits,
): Walk {
  let fields = 0;
  let aliases = 0;
  let directives = 0;
  let rootFields = 0;
  let steps = 0;

  function walkField(node: FieldNode, type: GraphQLNamedType | null | undefined, place: Place) {
    const name = node.name.value;
    fields += 1;
    aliases += node.alias && node.alias.value !== name ? 1 : 0;
    rootFields += place.depth === 1 ? 1 : 0;
    if (fields > limits.maxFields) return `it selects more than ${limits.maxFields} fields`;
    if (aliases > limits.maxAliases) return `it uses more than ${limits.maxAliases} aliases`;
    if (rootFields > limits.maxRootFields) {
      return `it has more than ${limits.maxRootFields} fields at the top`;
    }
    // Introspection is deep by nature, and graphql bounds it by a rule of its own.
    if (!node.selectionSet || name === '__schema' || name === '__type') return undefined;
    if (place.depth >= limits.maxDepth) return `it is deeper than ${limits.maxDepth} fields`;
    const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
    if (!field) return undefined; // An unknown field is another rule's error.
    const key = `${type?.name}.${name}`;
    const isList = isListType(getNullableType(field.type));
    // Venues of listings of venues of listings …: each round multiplies what has to be answered.
    if (isList && place.lists.has(key)) return `the list ${key} is selected within itself`;
    return walk(node.selectionSet, getNamedType(field.type), {
      depth: place.depth + 1,
      spreads: place.spreads,
      lists: isList ? new Set(place.lists).add(key) : place.lists,
    });
  }

  const walk: Walk = (selections, type, place) => {
    for (const node of selections.selections) {
      // Fragments that spread fragments multiply without selecting any field.
      steps += 1;
      if (steps > 4 * limits.maxFields) return 'it spreads too many fragments';
      directives += node.directives?.length ?? 0;
      if (directives > limits.maxDirectives) {
        return `it uses more than ${limits.maxDirectives} directives`;
      }
      let oversize: string | undefined;
      if (node.kind === Kind.FIELD) {
        oversize = walkField(node, type, place);
      } else if (node.kind === Kind.INLINE_FRAGMENT) {
        const inner = node.typeCondition ? schema.getType(node.typeCondition.name.value) : type;
        oversize = walk(node.selectionSet, inner, place);
      } else {
        const name = node.name.value;
        const fragment = fragments.get(name);
        if (!fragment || place.spreads.has(name)) continue;
        oversize = walk(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value), {
          ...place,
          spreads: new Set(place.spreads).add(name),
        });
      }
      if (oversize) return oversize;
    }
    return undefined;
  };
  return walk;
}
