import { Trace } from '@apollo/usage-reporting-protobuf';
import {
  defaultFieldResolver,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isObjectType,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { ApiContext } from './api-context.ts';

/** Header by which a federation gateway asks for a trace, and the one format there is. */
const HEADER = 'apollo-federation-include-trace';
const FORMAT = 'ftv1';

/** Beyond so many fields the rest of an operation goes untraced: a trace is not to outgrow its answer. */
const MAX_NODES = 5_000;

type Path = GraphQLResolveInfo['path'];

/** Whether a federation gateway asks for a trace beside the answer. */
export function asksForTrace({ headers }: Request): boolean {
  return headers.get(HEADER) === FORMAT;
}

/** What one operation's fields took. */
class FieldTrace {
  readonly #startedAtMs: number;
  readonly #startedAt = process.hrtime.bigint();
  readonly #root = Trace.Node.create({});
  readonly #nodes = new Map<Path | undefined, Trace.Node>([[undefined, this.#root]]);

  constructor(nowMs: number) {
    this.#startedAtMs = nowMs;
  }

  /** Notes that a field begins; the function that is given back, that it has ended. */
  begin({
    path,
    returnType,
    parentType,
    fieldName,
  }: GraphQLResolveInfo): (error?: unknown) => void {
    if (this.#nodes.size > MAX_NODES) return () => {};
    const node = this.#nodeAt(path);
    node.type = String(returnType);
    node.parentType = parentType.name;
    if (fieldName !== path.key) node.originalFieldName = fieldName;
    node.startTime = this.#elapsed();
    return (error) => {
      node.endTime = this.#elapsed();
      // What failed is the answer's to say, masked as it is there.
      if (error !== undefined) node.error.push(Trace.Error.create({ message: '<masked>' }));
    };
  }

  /** The trace in the form that gateways read: protobuf in base64. */
  encode(nowMs: number): string {
    const stamp = (ms: number) => ({ seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1e6 });
    const trace = Trace.create({
      startTime: stamp(this.#startedAtMs),
      endTime: stamp(nowMs),
      durationNs: this.#elapsed(),
      root: this.#root,
      fieldExecutionWeight: 1,
    });
    return Buffer.from(Trace.encode(trace).finish()).toString('base64');
  }

  #elapsed(): number {
    return Number(process.hrtime.bigint() - this.#startedAt);
  }

  #nodeAt(path: Path): Trace.Node {
    const known = this.#nodes.get(path);
    if (known) return known;
    const name = typeof path.key === 'number' ? { index: path.key } : { responseName: path.key };
    const node = Trace.Node.create(name);
    this.#nodes.set(path, node);
    const above = path.prev === undefined ? this.#root : this.#nodeAt(path.prev);
    above.child.push(node);
    return node;
  }
}

/**
 * Federated tracing: where a gateway asks for it, an answer says how long each field took, so that a
 * broker sees it in its own supergraph's traces. For callers with a token alone. Operations that are not
 * traced run on a schema that knows nothing of it; `makeSchema` makes the other one when it is needed.
 */
export function federatedTracing(
  makeSchema: () => GraphQLSchema,
  nowMs: () => number,
): Plugin<ApiContext> {
  const traces = new WeakMap<object, FieldTrace>();
  let traced: GraphQLSchema | undefined;
  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      const { request, auth } = args.contextValue;
      if (!asksForTrace(request) || auth.kind !== 'caller') return;
      traced ??= traceFields(makeSchema(), (context) => traces.get(context as object));
      const schema = traced;
      const trace = new FieldTrace(nowMs());
      traces.set(args.contextValue, trace);
      setExecuteFn(async (given: ExecutionArgs) => {
        const result = (await executeFn({ ...given, schema })) as ExecutionResult;
        const extensions = { ...result.extensions, [FORMAT]: trace.encode(nowMs()) };
        return { ...result, extensions };
      });
    },
  };
}

function traceFields(
  schema: GraphQLSchema,
  traceOf: (context: unknown) => FieldTrace | undefined,
): GraphQLSchema {
  const fields = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter(({ name }) => !name.startsWith('__'))
    .flatMap((type) => Object.values(type.getFields()));
  for (const field of fields) {
    const resolve = field.resolve ?? defaultFieldResolver;
    field.resolve = (source, args, context, info) => {
      const end = traceOf(context)?.begin(info);
      try {
        const value: unknown = resolve(source, args, context, info);
        if (!(value instanceof Promise)) {
          end?.();
          return value;
        }
        return value.then(
          (settled: unknown) => {
            end?.();
            return settled;
          },
          (error: unknown) => {
            end?.(error);
            throw error;
          },
        );
      } catch (error) {
        end?.(error);
        throw error;
      }
    };
  }
  return schema;
}
