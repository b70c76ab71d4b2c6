import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  print,
  subscribe,
  validate,
} from 'graphql';
import type { Plugin, PromiseOrValue } from 'graphql-yoga';
import type { StreamResult } from '../streams/stream-hub.ts';
import type { ApiContext } from './api-context.ts';
import { apiError } from './api-error.ts';
import { asksForSchema } from './execution-guards.ts';
import type { StreamContext } from './stream-context.ts';

/** A subscription whose results are the same for every viewer: it is executed once for all of them. */
export interface SharedOperation {
  readonly key: string;
  readonly source: (signal: AbortSignal) => Promise<AsyncIterable<StreamResult> | StreamResult>;
}

const SHARED: unique symbol = Symbol('shared operation');

/** The shared operation that the engine gave in place of a result; undefined for a result. */
export function sharedOperationOf(result: object): SharedOperation | undefined {
  return (result as { [SHARED]?: SharedOperation })[SHARED];
}

/** Executes an operation of the public parts. */
export type PublicExecution = (args: ExecutionArgs) => PromiseOrValue<ExecutionResult>;

/** What is public, and how it is executed for nobody in particular. */
export interface PublicMarket {
  /** Of the public parts of the SDL alone: what is valid here shows the same to everybody. */
  readonly schema: GraphQLSchema;
  readonly maskError: (error: unknown) => GraphQLError;
  /** Where public queries are executed apart from all others. */
  readonly execution?: PublicExecution;
}

/**
 * The last stage before execution: subscriptions are served on streams or not at all, public ones are
 * handed over to be shared, public queries to their own execution. It stands behind every check, so that
 * what is executed elsewhere has passed all of them.
 */
export function publicExecution({ schema, maskError, execution }: PublicMarket): Plugin {
  const publicity = new WeakMap<DocumentNode, boolean>();
  const isPublic = (document: DocumentNode): boolean => {
    const known = publicity.get(document) ?? judge(schema, document);
    publicity.set(document, known);
    return known;
  };
  return {
    onExecute({ args, setExecuteFn }) {
      if (execution && isPublic(args.document)) setExecuteFn(execution as never);
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const { document, operationName, variableValues, contextValue } = args;
      if (!(contextValue as { stream?: StreamContext }).stream) {
        const message =
          'Subscribe with "Accept: text/event-stream", or over WebSocket by graphql-transport-ws.';
        setResultAndStopExecution({ errors: [apiError('BAD_REQUEST', message, { status: 406 })] });
        return;
      }
      if (!isPublic(document)) return;
      const variables = sorted(variableValues ?? {});
      const shared: SharedOperation = {
        // One viewer class: whoever may see what is public sees the same of it.
        key: JSON.stringify(['public', print(document), operationName ?? null, variables]),
        source: (signal) =>
          executePublic({ schema, document, operationName, variables, maskError, signal }),
      };
      setResultAndStopExecution({ [SHARED]: shared } as ExecutionResult);
    },
  };
}

/** Public is what is valid in the public schema; what asks for the schema itself asks for all of it. */
function judge(schema: GraphQLSchema, document: DocumentNode): boolean {
  return !asksForSchema(document) && validate(schema, document).length === 0;
}

function sorted(variables: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function executePublic(operation: {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variables: Record<string, unknown>;
  readonly maskError: (error: unknown) => GraphQLError;
  readonly signal: AbortSignal;
}): Promise<AsyncIterable<StreamResult> | StreamResult> {
  const nobody: ApiContext = { auth: { kind: 'anonymous' } };
  const results = await subscribe({
    schema: operation.schema,
    document: operation.document,
    operationName: operation.operationName ?? null,
    variableValues: operation.variables,
    contextValue: nobody,
  });
  const told = ({ data, errors }: ExecutionResult): StreamResult => ({
    ...(data === undefined ? {} : { data }),
    ...(errors ? { errors: errors.map((error) => operation.maskError(error).toJSON()) } : {}),
  });
  if (!(Symbol.asyncIterator in results)) return told(results);
  operation.signal.addEventListener('abort', () => void results.return?.(), { once: true });
  return (async function* () {
    for await (const result of results) yield told(result);
  })();
}
