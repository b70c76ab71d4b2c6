import {
  type ApiGuards,
  factsOf,
  type KnownAnswer,
  type KnownAnswers,
  type PublicExecution,
  type RequestCredentials,
} from '@stoa/node/market-api';
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
} from 'graphql';
import { compileQueryWriter, type QueryWriter } from './query-writer.ts';

/** What known queries are answered with. */
export interface KnownQueriesNeeds {
  /** The market's own schema, with the resolvers of this gateway. */
  readonly schema: GraphQLSchema;
  readonly guards: Pick<ApiGuards, 'ofRequests' | 'ofExecution'>;
  readonly credentials: Pick<RequestCredentials, 'verify'>;
  /** Told of each query that begins. */
  readonly onBegin: () => void;
  readonly maskError: (error: unknown) => GraphQLError;
}

/** Queries of the public market that came before. */
export interface KnownQueries extends KnownAnswers {
  /** Executes a public query that has passed every stage of the engine, and knows it from then on. */
  readonly execution: PublicExecution;
}

interface KnownQuery {
  readonly document: DocumentNode;
  /** What the engine validated it against. */
  readonly schema: GraphQLSchema;
  /** Absent until it comes a second time: who never asks one thing twice shall not make us compile. */
  write?: QueryWriter | 'never';
}

const MAX_KNOWN = 1_000;

/**
 * Public queries on the market's own schema, without a plan and without a subgraph in between. One that
 * comes again has been parsed and validated, and is known to be public; what is left of the engine's
 * stages depends on who asks and with which variables, and is passed here, in the same order.
 */
export function createKnownQueries(needs: KnownQueriesNeeds): KnownQueries {
  const { schema, guards, credentials, maskError } = needs;
  const byText = new Map<string, KnownQuery>();
  const reference = (args: ExecutionArgs) => execute({ ...args, schema });

  function note({ document, schema: validatedAgainst }: ExecutionArgs): void {
    const text = document.loc?.source.body;
    // Several operations in one document: which one is meant would have to be looked up each time.
    if (text === undefined || byText.has(text) || operationsIn(document) !== 1) return;
    const [oldest] = byText.keys();
    if (byText.size >= MAX_KNOWN && oldest !== undefined) byText.delete(oldest);
    byText.set(text, { document, schema: validatedAgainst });
  }

  function written(known: KnownQuery, args: ExecutionArgs): string | undefined {
    known.write ??= compileQueryWriter(schema, known.document) ?? 'never';
    return known.write === 'never' ? undefined : known.write(args);
  }

  return {
    execution(args) {
      note(args);
      return reference(args);
    },
    async answer(given, request): Promise<KnownAnswer | undefined> {
      const taken = guards.ofRequests.take(given);
      if ('refusal' in taken) return undefined;
      const { query, operationName, variables } = taken.params;
      const known = query === undefined ? undefined : byText.get(query);
      if (!known || operationName != null) return undefined;
      factsOf(request).acts = false;
      const args: ExecutionArgs = {
        ...{ schema: known.schema, document: known.document, variableValues: variables ?? {} },
        contextValue: { auth: await credentials.verify(request), request },
      };
      const refusal = guards.ofExecution.refusalOf(args);
      if (refusal) return { result: masked({ errors: [refusal] }, maskError) };
      needs.onBegin();
      const text = written(known, args);
      if (text !== undefined) return { text };
      const execution = guards.ofExecution.withinTime(reference);
      return { result: masked((await execution(args)) as ExecutionResult, maskError) };
    },
  };
}

function operationsIn({ definitions }: DocumentNode): number {
  return definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).length;
}

function masked(
  result: ExecutionResult,
  maskError: (error: unknown) => GraphQLError,
): ExecutionResult {
  return result.errors ? { ...result, errors: result.errors.map(maskError) } : result;
}
