import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLSchema,
} from 'graphql';
import { type CompiledQuery, compileQuery, isCompiledQuery } from 'graphql-jit';

/** Executes operations on the public market. */
export type MarketExecution = (args: ExecutionArgs) => Promise<ExecutionResult>;

type Compiled = CompiledQuery['query'];

/**
 * Executes on the market's own schema, without a plan and without a subgraph in between: a document
 * that comes a second time is compiled, and each of its executions then takes a fraction of the time.
 * (The first time it is not: whoever never sends one document twice shall not make us compile.)
 */
export function createMarketExecution(schema: GraphQLSchema): MarketExecution {
  const seen = new WeakMap<DocumentNode, Map<string, Compiled | 'once' | 'never'>>();

  function compiledOf({ document, operationName }: ExecutionArgs): Compiled | undefined {
    const name = operationName ?? '';
    const ofDocument = seen.get(document) ?? new Map<string, Compiled | 'once' | 'never'>();
    seen.set(document, ofDocument);
    const known = ofDocument.get(name);
    if (typeof known === 'function') return known;
    if (known === undefined) ofDocument.set(name, 'once');
    if (known !== 'once') return undefined;
    const compiled = compileQuery(schema, document, name);
    // What cannot be compiled is a matter of the document, and is executed as it always was.
    ofDocument.set(name, isCompiledQuery(compiled) ? compiled.query : 'never');
    return isCompiledQuery(compiled) ? compiled.query : undefined;
  }

  const reference = (args: ExecutionArgs) => execute({ ...args, schema });

  return async (args) => {
    const compiled = compiledOf(args);
    if (!compiled) return reference(args);
    const result = await compiled(args.rootValue, args.contextValue, args.variableValues ?? {});
    // Errors are worded by the reference: a query changes nothing, so it can be executed again.
    return result.errors ? reference(args) : result;
  };
}
