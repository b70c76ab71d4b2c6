import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  subscribe,
  validate,
} from 'graphql';
import type { SubgraphRequest, SubgraphResult } from './pool-transport.ts';
import { rootResponseKeys } from './selection.ts';

/** The market subgraph, in process: no network, and no trust in any node's word. */
export type MarketSubgraph = (
  request: SubgraphRequest,
) => Promise<SubgraphResult | AsyncIterable<SubgraphResult>>;

/** Serves the market subgraph from a schema over the gateway's own verified book. */
export function createMarketSubgraph(
  schema: GraphQLSchema,
  maskError: (error: unknown) => GraphQLError,
): MarketSubgraph {
  function masked(document: DocumentNode, { data, errors = [] }: ExecutionResult): SubgraphResult {
    const told = errors.map(asGraphQl);
    if (data == null) return refused(document, told);
    return told.length === 0 ? { data } : { data, errors: told };
  }

  /** Masked here, where the cause is still known: the engine would put a code of its own on it. */
  function asGraphQl(error: unknown): GraphQLError {
    const { message, path, extensions } = maskError(error);
    // What crosses without a code is about the caller's own text.
    return new GraphQLError(message, {
      ...(path ? { path } : {}),
      extensions: { code: 'BAD_USER_INPUT', ...extensions },
    });
  }

  // The engine has validated against the supergraph, whose scalars take anything; what is written as
  // a literal is checked here. Plans are cached, so each document is seen once.
  const invalid = new WeakMap<DocumentNode, readonly GraphQLError[]>();
  function validationErrors(document: DocumentNode): readonly GraphQLError[] {
    const errors = invalid.get(document) ?? validate(schema, document);
    invalid.set(document, errors);
    return errors;
  }

  return async (request) => {
    const errors = validationErrors(request.document);
    if (errors.length > 0) return refused(request.document, errors.map(asGraphQl));
    const args = {
      schema,
      document: request.document,
      variableValues: request.variables ?? {},
      contextValue: request.context,
    };
    const answer = (result: ExecutionResult) => masked(request.document, result);
    if (request.operationType !== 'subscription') return answer(await execute(args));
    const stream = await subscribe(args);
    return Symbol.asyncIterator in stream ? mapStream(stream, answer) : answer(stream);
  };
}

/** Null for every root field: without them the engine would leave the fields out of its answer. */
function refused(document: DocumentNode, errors: readonly GraphQLError[]): SubgraphResult {
  return { data: Object.fromEntries(rootResponseKeys(document).map((key) => [key, null])), errors };
}

/** Maps without reading ahead, and ends the source at once when it is ended itself. */
function mapStream<A, B>(source: AsyncIterableIterator<A>, map: (value: A) => B) {
  return {
    async next(): Promise<IteratorResult<B, undefined>> {
      const result = await source.next();
      return result.done
        ? { done: true, value: undefined }
        : { done: false, value: map(result.value) };
    },
    async return(): Promise<IteratorResult<B, undefined>> {
      await source.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
