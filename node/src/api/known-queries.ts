import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Verification } from '../access/verification.ts';
import type { ApiGuards } from './api-guards.ts';
import type { KnownAnswer, KnownAnswers } from './direct-answer.ts';
import { compileQueryWriter, type QueryWriter } from './query-writer.ts';
import type { RequestCredentials } from './request-credentials.ts';
import { factsOf } from './request-facts.ts';

/** What known queries are answered with. */
export interface KnownQueriesNeeds {
  readonly guards: Pick<ApiGuards, 'ofRequests' | 'ofExecution'>;
  readonly credentials: Pick<RequestCredentials, 'verify'>;
  /** Makes the context that resolvers read, of a request whose caller is known. */
  readonly contextOf: (request: Request, auth: Verification) => object;
  /** Told of each query that begins. */
  readonly onBegin: () => void;
  readonly maskError: (error: unknown) => GraphQLError;
  /** Whether a request asks for more than the answer itself, which the engine alone can give. */
  readonly isForEngine?: (request: Request) => boolean;
}

/** Answers a known query, for whoever asks it now and with the variables of now. Errors are masked after it. */
export type AnswerKnown = (args: ExecutionArgs) => KnownAnswer | Promise<KnownAnswer>;

/** Queries that came before. */
export interface KnownQueries extends KnownAnswers {
  /** Knows a query from now on that has passed every stage of the engine, and how it is answered. */
  note(args: ExecutionArgs, answer: AnswerKnown): void;
}

interface KnownQuery {
  readonly document: DocumentNode;
  /** What the engine validated it against. */
  readonly schema: GraphQLSchema;
  readonly answer: AnswerKnown;
}

const MAX_KNOWN = 1_000;

/**
 * Queries without the engine's stages. One that comes again has been parsed and validated, and what kind
 * it is is known; what is left of the stages depends on who asks and with which variables, and is passed
 * here, in the same order.
 */
export function createKnownQueries(needs: KnownQueriesNeeds): KnownQueries {
  const { guards, credentials, maskError } = needs;
  const byText = new Map<string, KnownQuery>();

  return {
    note({ document, schema }, answer) {
      const text = document.loc?.source.body;
      if (text === undefined || byText.has(text) || !isOneQuery(document)) return;
      const [oldest] = byText.keys();
      if (byText.size >= MAX_KNOWN && oldest !== undefined) byText.delete(oldest);
      byText.set(text, { document, schema, answer });
    },
    async answer(given, request): Promise<KnownAnswer | undefined> {
      const taken = guards.ofRequests.take(given);
      if ('refusal' in taken) return undefined;
      const { query, operationName, variables } = taken.params;
      const known = query === undefined ? undefined : byText.get(query);
      if (!known || operationName != null || needs.isForEngine?.(request)) return undefined;
      factsOf(request).acts = false;
      const auth = await credentials.verify(request);
      const args: ExecutionArgs = {
        ...{ schema: known.schema, document: known.document, variableValues: variables ?? {} },
        contextValue: needs.contextOf(request, auth),
      };
      const refusal = guards.ofExecution.refusalOf(args);
      if (refusal) return { result: masked({ errors: [refusal] }, maskError) };
      needs.onBegin();
      try {
        const answering = known.answer(args);
        if (!(answering instanceof Promise)) return maskedAnswer(answering, maskError);
        const inTime = guards.ofExecution.withinTime(() => answering);
        const answer = (await inTime(args)) as KnownAnswer | ExecutionResult;
        const isKnown = 'text' in answer || 'result' in answer;
        return maskedAnswer(isKnown ? answer : { result: answer }, maskError);
      } catch (error) {
        return { result: { errors: [maskError(error)] } };
      }
    },
  };
}

/**
 * Answers to one document on a schema. When it comes again it is written by a plan of its own; what that
 * cannot write, `reference` answers. A document that does not come twice shall not make us compile.
 */
export function answersOf(
  schema: GraphQLSchema,
  reference: (args: ExecutionArgs) => ExecutionResult | Promise<ExecutionResult>,
): AnswerKnown {
  let write: QueryWriter | 'never' | undefined;
  const byReference = async (args: ExecutionArgs): Promise<KnownAnswer> => ({
    result: await reference(args),
  });
  return (args) => {
    write ??= compileQueryWriter(schema, args.document) ?? 'never';
    const text = write === 'never' ? undefined : write(args);
    if (typeof text === 'string') return { text };
    if (text === undefined) return byReference(args);
    return text.then((come) => (come === undefined ? byReference(args) : { text: come }));
  };
}

/**
 * The stage that knows every query that is executed on this schema, and has it answered past the engine when
 * it comes again. It stands behind all checks: what it sees has passed them.
 */
export function knownExecution(known: KnownQueries): Plugin {
  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      setExecuteFn((given: ExecutionArgs) => {
        const { schema } = args as ExecutionArgs;
        known.note(args as ExecutionArgs, answersOf(schema, execute));
        return executeFn(given);
      });
    },
  };
}

/** Of several operations in one document it would have to be looked up each time which one is meant. */
function isOneQuery({ definitions }: DocumentNode): boolean {
  const operations = definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  return operations.length === 1 && operations[0]?.operation === 'query';
}

function maskedAnswer(
  answer: KnownAnswer,
  maskError: (error: unknown) => GraphQLError,
): KnownAnswer {
  return 'text' in answer ? answer : { result: masked(answer.result, maskError) };
}

function masked(
  result: ExecutionResult,
  maskError: (error: unknown) => GraphQLError,
): ExecutionResult {
  return result.errors ? { ...result, errors: result.errors.map(maskError) } : result;
}
