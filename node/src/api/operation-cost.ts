import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql';

/** What a field costs, and how many items it brings: its `@cost` and `@listSize` in the SDL. */
interface CostRule {
  readonly weight: number | undefined;
  readonly assumedSize: number | undefined;
  readonly slicingArguments: readonly string[];
  readonly sizedFields: readonly string[];
  /** Defaults of arguments. */
  readonly defaults: ReadonlyMap<string, unknown>;
}

/** Rules by `Type.field`. */
export type CostRules = ReadonlyMap<string, CostRule>;

/** Items of a list that says nothing of its size. */
const DEFAULT_LIST_SIZE = 10;
/** The whole schema, in however many fields: what a tool asks once when it starts. */
const INTROSPECTION_COST = 1_000;

/** Reads the rules of an SDL (the specification of `@cost` and `@listSize` is IBM's). */
export function readCostRules({ definitions }: DocumentNode): CostRules {
  const rules = new Map<string, CostRule>();
  for (const type of definitions) {
    if (type.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    for (const field of type.fields ?? []) {
      rules.set(`${type.name.value}.${field.name.value}`, ruleOf(field));
    }
  }
  return rules;
}

function ruleOf(field: FieldDefinitionNode): CostRule {
  const argument = (directive: string, name: string): unknown => {
    const found = field.directives?.find((one) => one.name.value === directive);
    return valueOf(found, name);
  };
  const numberOrNothing = (value: unknown) => (typeof value === 'number' ? value : undefined);
  const words = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);
  return {
    weight: numberOrNothing(argument('cost', 'weight')),
    assumedSize: numberOrNothing(argument('listSize', 'assumedSize')),
    slicingArguments: words(argument('listSize', 'slicingArguments')),
    sizedFields: words(argument('listSize', 'sizedFields')),
    defaults: new Map(
      (field.arguments ?? []).flatMap(({ name, defaultValue }) =>
        defaultValue ? [[name.value, valueFromASTUntyped(defaultValue)]] : [],
      ),
    ),
  };
}

function valueOf(directive: ConstDirectiveNode | undefined, name: string): unknown {
  const found = directive?.arguments?.find((one) => one.name.value === name);
  return found && valueFromASTUntyped(found.value);
}

/** An operation with all that its cost depends on. */
export interface CostedOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * What an operation may cost at most, by its own text and variables: the sum of the weights of its
 * fields (of composite types 1 where none is said, of leaves 0), each as often as its lists are long.
 * Counting ends once it is beyond `enough`.
 */
export function operationCost(costed: CostedOperation, rules: CostRules, enough: number): number {
  return new CostCount(costed, rules, enough).count();
}

/** Where in an operation a field stands: how often it comes, and how long its lists are. */
interface Place {
  readonly times: number;
  readonly sized: ReadonlyMap<string, number>;
}

type MaybeType = GraphQLNamedType | null | undefined;

/** Costs that are remembered for one operation, each for other sizes of its lists. */
const MAX_KNOWN_COSTS = 100;

/**
 * Counts operations that come again and again: what an operation costs is counted once for each size of
 * lists that its variables ask for.
 */
export function createOperationCosts(
  rules: CostRules,
  enough: number,
): (costed: CostedOperation) => number {
  const known = new WeakMap<OperationDefinitionNode, KnownCosts>();
  return (costed) => {
    const { operation, schema } = costed;
    let costs = known.get(operation);
    if (costs?.schema !== schema) {
      // All of it, however much: so that every variable that matters is met.
      const count = new CostCount(costed, rules, Number.POSITIVE_INFINITY);
      count.count();
      costs = { schema, sizes: [...count.sizes], bySizes: new Map() };
      known.set(operation, costs);
    }
    const key = costs.sizes.map((name) => sizeIn(costed.variables[name])).join(' ');
    const found = costs.bySizes.get(key);
    if (found !== undefined) return found;
    const cost = operationCost(costed, rules, enough);
    if (costs.bySizes.size >= MAX_KNOWN_COSTS) costs.bySizes.clear();
    costs.bySizes.set(key, cost);
    return cost;
  };
}

interface KnownCosts {
  readonly schema: GraphQLSchema;
  /** Variables that say how long lists are. */
  readonly sizes: readonly string[];
  readonly bySizes: Map<string, number>;
}

/** All of a variable that its operation's cost depends on. */
function sizeIn(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return Array.isArray(value) ? `[${value.length}]` : String(value == null);
}

class CostCount {
  /** Names of the variables that say how long lists are. */
  readonly sizes = new Set<string>();
  readonly #costed: CostedOperation;
  readonly #rules: CostRules;
  readonly #enough: number;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #defaults: ReadonlyMap<string, unknown>;
  #total = 0;

  constructor(costed: CostedOperation, rules: CostRules, enough: number) {
    this.#costed = costed;
    this.#rules = rules;
    this.#enough = enough;
    for (const one of costed.document.definitions) {
      if (one.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(one.name.value, one);
    }
    this.#defaults = new Map(
      (costed.operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
        defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)]] : [],
      ),
    );
  }

  count(): number {
    const { operation, schema } = this.#costed;
    const place = { times: 1, sized: new Map<string, number>() };
    this.#walk(operation.selectionSet, schema.getRootType(operation.operation), place);
    return this.#total;
  }

  #walk(selections: SelectionSetNode, type: MaybeType, place: Place): void {
    const { schema } = this.#costed;
    for (const node of selections.selections) {
      if (this.#total > this.#enough) return;
      if (node.kind === Kind.FIELD) this.#walkField(node, type, place);
      else if (node.kind === Kind.INLINE_FRAGMENT) {
        const on = node.typeCondition ? schema.getType(node.typeCondition.name.value) : type;
        this.#walk(node.selectionSet, on, place);
      } else {
        // Circles do not come this far: validation has refused them.
        const fragment = this.#fragments.get(node.name.value);
        if (!fragment) continue;
        this.#walk(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value), place);
      }
    }
  }

  #walkField(field: FieldNode, type: MaybeType, place: Place): void {
    const name = field.name.value;
    if (name === '__schema' || name === '__type') {
      this.#total += INTROSPECTION_COST;
      return;
    }
    const definition =
      isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
    if (!definition) return;
    const rule = this.#rules.get(`${type?.name}.${name}`);
    const inner = getNamedType(definition.type);
    const slice = this.#sliceOf(field, rule);
    let size = 1;
    if (name === '_entities') size = representations(field, (node) => this.#valueIn(node));
    else if (isListType(getNullableType(definition.type))) {
      size = place.sized.get(name) ?? slice ?? rule?.assumedSize ?? DEFAULT_LIST_SIZE;
    }
    const times = place.times * size;
    this.#total += times * (rule?.weight ?? (isCompositeType(inner) ? 1 : 0));
    if (!field.selectionSet || this.#total > this.#enough) return;
    const sizedBy = slice ?? rule?.assumedSize;
    const sized = new Map(
      sizedBy === undefined ? [] : (rule?.sizedFields ?? []).map((each) => [each, sizedBy]),
    );
    this.#walk(field.selectionSet, inner, { times, sized });
  }

  #sliceOf(field: FieldNode, rule: CostRule | undefined): number | undefined {
    const sizes = (rule?.slicingArguments ?? []).flatMap((name) => {
      const given = field.arguments?.find((one) => one.name.value === name);
      const value = given ? this.#valueIn(given.value) : rule?.defaults.get(name);
      return typeof value === 'number' ? [value] : [];
    });
    // Never less than nothing: a negative number would pay for the rest.
    return sizes.length === 0 ? undefined : Math.max(1, ...sizes);
  }

  #valueIn(node: ValueNode): unknown {
    const variables = this.#costed.variables as Record<string, unknown>;
    if (node.kind === Kind.VARIABLE) this.sizes.add(node.name.value);
    return node.kind === Kind.VARIABLE
      ? (variables[node.name.value] ?? this.#defaults.get(node.name.value))
      : valueFromASTUntyped(node, variables);
  }
}

/** How many entities another part of the graph asks for. */
function representations(field: FieldNode, valueIn: (node: ValueNode) => unknown): number {
  const given = field.arguments?.find((one) => one.name.value === 'representations');
  const value = given && valueIn(given.value);
  return Array.isArray(value) ? Math.max(1, value.length) : 1;
}
