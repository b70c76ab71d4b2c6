import {
  type DocumentNode,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  print,
  subscribe,
  validate,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { StreamResult } from '../streams/stream-hub.ts';
import type { ApiContext } from './api-context.ts';
import { apiError } from './api-error.ts';
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

/** What is public, and how it is executed for nobody in particular. */
export interface PublicMarket {
  /** Of the public parts of the SDL alone: what is valid here shows the same to everybody. */
  readonly schema: GraphQLSchema;
  readonly maskError: (error: unknown) => GraphQLError;
}

/**
 * The last stage before execution: subscriptions are served on streams or not at all, and public ones
 * are handed over to be shared. It stands behind every check, so a shared operation passed all of them.
 */
export function sharedExecution({ schema, maskError }: PublicMarket): Plugin {
  const publicity = new WeakMap<DocumentNode, boolean>();
  const isPublic = (document: DocumentNode): boolean => {
    const known = publicity.get(document) ?? validate(schema, document).length === 0;
    publicity.set(document, known);
    return known;
  };
  return {
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
