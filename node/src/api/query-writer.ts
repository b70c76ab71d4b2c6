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
  type SelectionSetNode,
  visit,
} from 'graphql';
import { type FieldGuard, guardOf } from './access-enforcement.ts';
import type { ApiContext } from './api-context.ts';
import { AwaitedText } from './awaited-text.ts';

/**
 * Writes the whole answer to a query as JSON, at once where none of it has to be waited for. Undefined where
 * anything is not plain: an error, a field that this caller is denied, variables that are wrong. The
 * reference implementation has the word then.
 */
export type QueryWriter = (
  args: Pick<ExecutionArgs, 'rootValue' | 'contextValue' | 'variableValues'>,
) => string | undefined | Promise<string | undefined>;

/** One way in which an operation's conditions can come out. */
interface OperationPlan {
  readonly write: WriteValue;
  /** One of each policy among its fields. */
  readonly guards: readonly FieldGuard[];
  /** Whether something was met that is not written so: the next time it will be, too. */
  isForReference: boolean;
}

/** What every part of an answer is written with. */
interface Writing {
  readonly context: unknown;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly text: AwaitedText;
}

/** Writes a value. @throws NOT_PLAIN, and whatever a resolver does */
type WriteValue = (value: unknown, writing: Writing) => string;

/** Thrown for what only the reference can write, whenever it comes; nobody sees it. */
const NOT_PLAIN = new Error('this answer is not plain');
/** Thrown where there is nothing and something has to be: what becomes of that, the reference says. */
const NULL_REFUSED = new Error('a field that may not be null is null');
/** Plans of one operation, one for each way its @skip and @include can come out. */
const MAX_PLANS = 16;

/**
 * Compiles a document's one operation into functions that write its answer, field by field, without the objects and
 * promises that it would be written from: they cost more than what the answer says. What hangs on a
 * frozen object, and says no more than that object does, is written once and copied from then on: so a
 * book's levels are written once for each change and each selection.
 *
 * Policies of fields are judged before anything is resolved, once each: a caller whom any of them denies is
 * answered by the reference, which denies field by field and has it recorded.
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

  function planFor(variables: Readonly<Record<string, unknown>>): OperationPlan | undefined {
    const key = conditions.map((name) => String(variables[name])).join(' ');
    const known = plans.get(key);
    if (known) return known;
    if (plans.size >= MAX_PLANS) return undefined;
    const plan = compilePlan(schema, document, variables);
    plans.set(key, plan);
    return plan;
  }

  return ({ rootValue, contextValue, variableValues }) => {
    const coerced = getVariableValues(
      schema,
      operation.variableDefinitions ?? [],
      variableValues ?? {},
      { maxErrors: 1 },
    ).coerced;
    const plan = coerced && planFor(coerced);
    // Its resolvers would do all their work twice each time, once for nothing.
    if (!plan || plan.isForReference) return undefined;
    if (!plan.guards.every((guard) => guard.admits(contextValue as ApiContext))) return undefined;
    // Whatever it was: a query changes nothing, and the reference words it.
    const leave = (error: unknown): undefined => {
      plan.isForReference ||= error === NOT_PLAIN;
    };
    try {
      const text = new AwaitedText();
      const writing = { context: contextValue, variables: coerced, text };
      const written = text.filled(`{"data":${plan.write(rootValue ?? {}, writing)}}`);
      return typeof written === 'string' ? written : written.catch(leave);
    } catch (error) {
      return leave(error);
    }
  };
}

function compilePlan(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): OperationPlan {
  const root = schema.getQueryType();
  const selection = getOperationAST(document)?.selectionSet;
  const compiler = new PlanCompiler(schema, document, variables);
  try {
    if (!root || !selection) throw NOT_PLAIN;
    const { write } = compiler.object(root, [selection]);
    return { write, guards: [...compiler.guards.values()], isForReference: false };
  } catch {
    return { write: () => '', guards: [], isForReference: true };
  }
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
  /** Of the fields that were met, one of each policy. */
  readonly guards = new Map<FieldGuard['policy'], FieldGuard>();
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
    if (!field) throw NOT_PLAIN;
    const guard = guardOf(field);
    if (guard) this.guards.set(guard.policy, guard);
    const resolve = guard ? guard.resolve : field.resolve;
    // A resolver that takes a fourth argument looks at the operation itself, which is not made here.
    if (resolve && resolve !== defaultFieldResolver && resolve.length > 3) throw NOT_PLAIN;
    const value = this.#value(
      field.type,
      nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
    );
    const { write, isSettled } = value;
    if (!resolve || resolve === defaultFieldResolver) {
      return { isSettled, write: (source, writing) => own(source, name, writing, write) };
    }
    const argumentsOf = argumentReader(field, node);
    return {
      isSettled: false,
      write(source, writing) {
        const { context, variables } = writing;
        // Typed with a fourth argument, which a resolver that came this far does not take.
        const given = resolve(source, argumentsOf(variables), context as never, undefined as never);
        return wait(given, writing, write);
      },
    };
  }

  #value(type: GraphQLOutputType, selections: readonly SelectionSetNode[]): Plan {
    if (isNonNullType(type)) {
      const { write, isSettled } = this.#some(type.ofType, selections);
      return {
        isSettled,
        write(value, writing) {
          if (value == null) throw NULL_REFUSED;
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
        if (!Array.isArray(value)) throw NOT_PLAIN;
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
          if (value instanceof Error) throw value;
          if (typeof value !== 'object') throw NOT_PLAIN;
          return write(value, writing);
        },
      };
    }
    if (isLeafType(type)) return { write: (value) => leaf(type, value), isSettled: true };
    throw NOT_PLAIN;
  }
}

/** What of a value that a field is resolved to has to be waited for leaves a gap. */
function wait(value: unknown, writing: Writing, write: WriteValue): string {
  if (!isPromise(value)) return write(value, writing);
  const { context, variables } = writing;
  return writing.text.gap(value, (come, text) => write(come, { context, variables, text }));
}

/** What an object itself says. This is the way of nearly all fields: what is rare stands last in it. */
function own(source: unknown, name: string, writing: Writing, write: WriteValue): string {
  const value = (source as Readonly<Record<string, unknown>>)[name];
  if (typeof value === 'function') {
    // A function's word is not part of what is frozen; and one that looks at more gets it from the reference.
    if (value.length > 0 || Object.isFrozen(source)) throw NOT_PLAIN;
    return wait(value.call(source), writing, write);
  }
  if (!isPromise(value)) return write(value, writing);
  // What is frozen is copied, and gaps are not.
  if (Object.isFrozen(source)) throw notPlain([value]);
  return wait(value, writing, write);
}

function leaf(type: GraphQLLeafType, value: unknown): string {
  if (typeof value === 'object') throw value instanceof Error ? value : NOT_PLAIN;
  const text = JSON.stringify(type.serialize(value));
  if (text === undefined || text === 'null') throw NULL_REFUSED;
  return text;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** Nobody waits for what was not plain: what becomes of it is told to nobody. */
function notPlain(values: readonly unknown[]): Error {
  for (const value of values.filter(isPromise)) void value.then(undefined, () => undefined);
  return NOT_PLAIN;
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
