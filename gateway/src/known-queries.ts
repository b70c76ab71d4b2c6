import type { KnownAnswer, KnownQueries, PublicExecution } from '@stoa/node/market-api';
import { type ExecutionArgs, type ExecutionResult, execute, type GraphQLSchema } from 'graphql';
import { compileQueryWriter, type QueryWriter } from './query-writer.ts';

/**
 * Executes public queries that have passed every stage of the engine on the market's own schema, without a plan
 * and without a subgraph in between, and has them known from then on. One that comes again is written by
 * a plan of its own; one that does not come twice shall not make us compile.
 */
export function publicQueries(schema: GraphQLSchema, known: KnownQueries): PublicExecution {
  const reference = (args: ExecutionArgs) => execute({ ...args, schema });

  function answering() {
    let write: QueryWriter | 'never' | undefined;
    return (args: ExecutionArgs): KnownAnswer | Promise<KnownAnswer> => {
      write ??= compileQueryWriter(schema, args.document) ?? 'never';
      const text = write === 'never' ? undefined : write(args);
      return text === undefined ? resultOf(reference(args)) : { text };
    };
  }

  return (args) => {
    known.note(args, answering());
    return reference(args);
  };
}

async function resultOf(result: ExecutionResult | Promise<ExecutionResult>): Promise<KnownAnswer> {
  return { result: await result };
}
