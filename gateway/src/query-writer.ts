import {
  type DocumentNode,
  defaultFieldResolver,
  type ExecutionArgs,
  type FieldNode,
  type GraphQLField,
  GraphQLIncludeDirective,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getArgumentValues,
  getDirectiveValues,
  getOperationAST,
  getVariableValues,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  visit,
} from 'graphql';

/**
 * Writes the whole answer to a query as JSON. Undefined where anything is not plain: an error, a value
 * that is yet to come, variables that are wrong. The reference implementation has the word then.
 */
export type QueryWriter = (
  args: Pick<ExecutionArgs, 'rootValue' | 'contextValue' | 'variableValues'>,
) => string | undefined;

/** One way in which an operation's conditions can come out. */
interface OperationPlan {
  readonly write: WriteValue;
  /** Whether a value was met that is yet to come. */
  isAwaited: boolean;
}

/** What every part of an answer is written with. */
interface Writing {
  readonly context: unknown;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Writes a value. @throws NOT_PLAIN */
type WriteValue = (value: unknown, writing: Writing) => string;

/** Thrown where the reference has to answer; nobody sees it. */
const NOT_PLAIN = new Error('this answer is not plain');
/** The same where a value is yet to come: the next time it will be, too. */
const YET_TO_COME = new Error('a value is yet to come');
/** Plans of one operation, one for each way its @skip and @include can come out. */
const MAX_PLANS = 16;

/**
 * Compiles a document's one operation into functions that write its answer, field by field, without the objects and
 * promises that it would be written from: they cost more than what the answer says. What hangs on a
 * frozen object, and says no more than that object does, is written once and copied from then on: so a
 * book's levels are written once for each change and each selection.
 *
 * @returns undefined for an operation of a kind that is not written so
 */
export function compileQueryWriter(
  schema: GraphQLSchema,
  document: DocumentNode,
): QueryWriter | undefined {
  const operation = getOperationAST(document);
  const root = schema.getQueryType();
  if (operation?.operation !== 'query' || !root) return undefined;
  const conditions = conditionVariables(document);
  const plans = new Map<string, OperationPlan>();

  function planFor(variables: Readonly<Record<string, unknown>>): OperationPlan {
    const key = conditions.map((name) => String(variables[name])).join(' ');
    const known = plans.get(key);
    if (known) return known;
    if (plans.size >= MAX_PLANS) throw NOT_PLAIN;
    const compiler = new PlanCompiler(schema, document, variables);
    const { write } = compiler.object(root as GraphQLObjectType, [
      operation?.selectionSet ?? NOTHING,
    ]);
    const plan = { write, isAwaited: false };
    plans.set(key, plan);
    return plan;
  }

  return ({ rootValue, contextValue, variableValues }) => {
    let plan: OperationPlan | undefined;
    try {
      const variables = coerced(schema, operation, variableValues ?? {});
      plan = planFor(variables);
      // Its resolvers would do all their work twice each time, once for nothing.
      if (plan.isAwaited) return undefined;
      const data = plan.write(rootValue ?? {}, { context: contextValue, variables });
      return `{"data":${data}}`;
    } catch (error) {
      if (plan && error === YET_TO_COME) plan.isAwaited = true;
      // Whatever it was: a query changes nothing, and the reference words it.
      return undefined;
    }
  };
}

const NOTHING: SelectionSetNode = { kind: Kind.SELECTION_SET, selections: [] };

function coerced(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const result = getVariableValues(schema, variableDefinitions, given, { maxErrors: 1 });
  if (!result.coerced) throw NOT_PLAIN;
  return result.coerced;
}

/** Names of the variables that decide which fields there are. */
function conditionVariables(document: DocumentNode): string[] {
  const names = new Set<string>();
  visit(document, {
    Directive(node) {
      for (const { value } of node.arguments ?? []) {
        if (value.kind === Kind.VARIABLE) names.add(value.name.value);
      }
    },
  });
  return [...names];
}

/** A value's writer, and whether what it writes depends on that value alone. */
interface Plan {
  readonly write: WriteValue;
  readonly isSettled: boolean;
}

class PlanCompiler {
  readonly #schema: GraphQLSchema;
  readonly #document: DocumentNode;
  readonly #variables: Readonly<Record<string, unknown>>;

  constructor(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: Readonly<Record<string, unknown>>,
  ) {
    this.#schema = schema;
    this.#document = document;
    this.#variables = variables;
  }

  object(type: GraphQLObjectType, selections: readonly SelectionSetNode[]): Plan {
    const fields = [...this.#collect(type, selections)].map(([key, nodes], index) => {
      const field = this.#field(type, nodes);
      return { ...field, lead: `${index === 0 ? '' : ','}${JSON.stringify(key)}:` };
    });
    const write: WriteValue = (value, writing) => {
      // A selection may be skipped whole.
      let text = '{';
      for (const field of fields) text += field.lead + field.write(value, writing);
      return `${text}}`;
    };
    const isSettled = fields.every((field) => field.isSettled);
    return { write: isSettled ? onceForFrozen(write) : write, isSettled };
  }

  /** Fields by response key, in the order in which they come (GraphQL 6.3.2). */
  #collect(
    type: GraphQLObjectType,
    selections: readonly SelectionSetNode[],
  ): ReadonlyMap<string, FieldNode[]> {
    const fields = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    const walk = (set: SelectionSetNode): void => {
      for (const node of set.selections) {
        if (!this.#isIncluded(node)) continue;
        if (node.kind === Kind.FIELD) {
          const key = (node.alias ?? node.name).value;
          fields.set(key, [...(fields.get(key) ?? []), node]);
        } else if (node.kind === Kind.INLINE_FRAGMENT) {
          if (this.#applies(node.typeCondition?.name.value, type)) walk(node.selectionSet);
        } else if (!spread.has(node.name.value)) {
          spread.add(node.name.value);
          const fragment = this.#fragment(node.name.value);
          if (this.#applies(fragment.typeCondition.name.value, type)) walk(fragment.selectionSet);
        }
      }
    };
    for (const set of selections) walk(set);
    return fields;
  }

  #isIncluded(node: Parameters<typeof getDirectiveValues>[1]): boolean {
    const skip = getDirectiveValues(GraphQLSkipDirective, node, this.#variables);
    if (skip?.['if'] === true) return false;
    const include = getDirectiveValues(GraphQLIncludeDirective, node, this.#variables);
    return include?.['if'] !== false;
  }

  #applies(condition: string | undefined, type: GraphQLObjectType): boolean {
    if (condition === undefined || condition === type.name) return true;
    // Interfaces and unions are not among what is public; should they come, the reference has them.
    if (isObjectType(this.#schema.getType(condition))) return false;
    throw NOT_PLAIN;
  }

  #fragment(name: string) {
    for (const one of this.#document.definitions) {
      if (one.kind === Kind.FRAGMENT_DEFINITION && one.name.value === name) return one;
    }
    throw NOT_PLAIN;
  }

  #field(type: GraphQLObjectType, nodes: readonly FieldNode[]): Plan {
    const [node] = nodes;
    if (!node) throw NOT_PLAIN;
    const name = node.name.value;
    if (name === '__typename') {
      const text = JSON.stringify(type.name);
      return { write: () => text, isSettled: true };
    }
    const field = type.getFields()[name];
    // A resolver that takes a fourth argument looks at the operation itself, which is not made here.
    if (!field || (field.resolve && field.resolve.length > 3)) throw NOT_PLAIN;
    const value = this.#value(
      field.type,
      nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
    );
    const { resolve } = field;
    if (!resolve || resolve === defaultFieldResolver) {
      return { ...value, write: (source, writing) => value.write(property(source, name), writing) };
    }
    const argumentsOf = argumentReader(field, node);
    return {
      isSettled: false,
      write: (source, writing) =>
        // Typed with a fourth argument, which a resolver that came this far does not take.
        value.write(
          resolve(source, argumentsOf(writing.variables), writing.context, undefined as never),
          writing,
        ),
    };
  }

  #value(type: GraphQLOutputType, selections: readonly SelectionSetNode[]): Plan {
    if (isNonNullType(type)) {
      const { write, isSettled } = this.#some(type.ofType, selections);
      return {
        isSettled,
        write(value, writing) {
          if (value == null) throw NOT_PLAIN;
          return write(value, writing);
        },
      };
    }
    const { write, isSettled } = this.#some(type, selections);
    return {
      isSettled,
      write: (value, writing) => (value == null ? 'null' : write(value, writing)),
    };
  }

  /** Of a value that is there. */
  #some(type: GraphQLOutputType, selections: readonly SelectionSetNode[]): Plan {
    if (isListType(type)) {
      const item = this.#value(type.ofType, selections);
      const write: WriteValue = (value, writing) => {
        if (!Array.isArray(value)) throw notPlain([value]);
        if (value.some(isPromise)) throw notPlain(value);
        return `[${value.map((one) => item.write(one, writing)).join(',')}]`;
      };
      return { write: item.isSettled ? onceForFrozen(write) : write, isSettled: item.isSettled };
    }
    if (isObjectType(type)) {
      const { write, isSettled } = this.object(type, selections);
      return {
        isSettled,
        write(value, writing) {
          if (typeof value !== 'object' || value instanceof Error || isPromise(value)) {
            throw notPlain([value]);
          }
          return write(value, writing);
        },
      };
    }
    if (isLeafType(type)) return { write: (value) => leaf(type, value), isSettled: true };
    throw NOT_PLAIN;
  }
}

function property(source: unknown, name: string): unknown {
  const value = (source as Readonly<Record<string, unknown>>)[name];
  if (typeof value === 'function') throw NOT_PLAIN;
  return value;
}

function leaf(type: GraphQLLeafType, value: unknown): string {
  if (typeof value === 'object') throw notPlain([value]);
  const text = JSON.stringify(type.serialize(value));
  if (text === undefined || text === 'null') throw NOT_PLAIN;
  return text;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** Nobody waits for what was not plain: what becomes of it is told to nobody. */
function notPlain(values: readonly unknown[]): Error {
  const awaited = values.filter(isPromise);
  for (const value of awaited) void value.then(undefined, () => undefined);
  return awaited.length > 0 ? YET_TO_COME : NOT_PLAIN;
}

/** The arguments of a field; made once where no variable is among them. */
function argumentReader(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): (variables: Readonly<Record<string, unknown>>) => Record<string, unknown> {
  let hasVariable = false;
  for (const argument of node.arguments ?? []) {
    visit(argument, {
      Variable() {
        hasVariable = true;
      },
    });
  }
  if (hasVariable) return (variables) => getArgumentValues(field, node, variables);
  const constant = getArgumentValues(field, node);
  return () => constant;
}

/** Writes a frozen value once. What is frozen here is frozen all the way down. */
function onceForFrozen(write: WriteValue): WriteValue {
  const written = new WeakMap<object, string>();
  return (value, writing) => {
    if (typeof value !== 'object' || value === null || !Object.isFrozen(value)) {
      return write(value, writing);
    }
    const known = written.get(value);
    if (known !== undefined) return known;
    const text = write(value, writing);
    written.set(value, text);
    return text;
  };
}
