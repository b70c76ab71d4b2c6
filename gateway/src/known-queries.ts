import { answersOf, type KnownQueries, type PublicExecution } from '@stoa/node/market-api';
import { type ExecutionArgs, execute, type GraphQLSchema } from 'graphql';

/**
 * Executes public queries that have passed every stage of the engine on the market's own schema, without a plan
 * and without a subgraph in between, and has them known from then on.
 */
export function publicQueries(schema: GraphQLSchema, known: KnownQueries): PublicExecution {
  const reference = (args: ExecutionArgs) => execute({ ...args, schema });
  return (args) => {
    known.note(args, answersOf(schema, reference));
    return reference(args);
  };
}
