import { MARKET_PARTS, NODE_PARTS } from '@stoa/schema';
import {
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLError,
  getOperationAST,
  Kind,
  visit,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Verification } from '../access/verification.ts';
import { type Rate, RateLimits } from '../orders/terms/rate-limit.ts';
import { apiError } from './api-error.ts';
import { networkOf } from './http-front.ts';
import { createOperationCosts, readCostRules } from './operation-cost.ts';
import { CLIENT_ADDRESS_HEADER } from './request-facts.ts';
import { subgraphTypeDefs } from './subgraph-schema.ts';

/** Classes of operations whose rates are counted apart. */
export type OperationClass = 'query' | 'mutation' | 'subscription';

/** Who may ask what the schema is. */
export type IntrospectionPolicy = 'public' | 'members' | 'off';

/** What an operation meets between its validation and its execution. */
export interface ExecutionGuardOptions {
  readonly maxCost: number;
  /** A query that takes longer is answered with an error; mutations are never given up. */
  readonly maxQueryMs: number;
  readonly introspection: IntrospectionPolicy;
  /** Operations of one client, by class; a class without a rate is not limited. */
  readonly rates: Partial<Readonly<Record<OperationClass, Rate>>>;
}

/** What suits a server that nobody configured. */
export const EXECUTION_GUARDS: ExecutionGuardOptions = {
  maxCost: 10_000,
  maxQueryMs: 10_000,
  introspection: 'public',
  rates: {},
};

interface GuardedContext {
  readonly auth?: Verification;
  readonly request?: Request;
}

/** What an operation meets before its execution. */
export interface ExecutionGuards {
  /** Why it may not be executed; counts it, so it is asked once. */
  refusalOf(args: ExecutionArgs): GraphQLError | undefined;
  /** Bounds the time of a query. */
  withinTime(execute: Execute): Execute;
  /** Refuses, where an engine executes. */
  readonly plugin: Plugin;
  /** Bounds the time there. It stands behind all stages that say by what is executed: they take no notice of it. */
  readonly timing: Plugin;
}

/**
 * The guards before execution, in order: may this caller ask for the schema, is it too much, is it too
 * often. What the operation asks for was looked at by none of them.
 */
export function executionGuards(
  options: ExecutionGuardOptions,
  nowMs: () => number = Date.now,
): ExecutionGuards {
  const rules = readCostRules(subgraphTypeDefs([...MARKET_PARTS, ...NODE_PARTS]));
  const costs = createOperationCosts(rules, options.maxCost);
  const rates = new RateLimits();

  function refusalOf(args: ExecutionArgs): GraphQLError | undefined {
    const { document, operationName, schema, contextValue, variableValues } = args;
    const operation = getOperationAST(document, operationName);
    if (!operation) return undefined;
    const context = contextValue as GuardedContext;
    if (options.introspection !== 'public' && asksForSchema(document)) {
      const isMember = context.auth?.kind === 'caller';
      if (options.introspection === 'off' || !isMember) return noIntrospection(options);
    }
    const variables = (variableValues ?? {}) as Record<string, unknown>;
    const cost = costs({ schema, document, operation, variables });
    if (cost > options.maxCost) return tooCostly(options.maxCost);
    const rate = options.rates[operation.operation];
    if (!rate) return undefined;
    const waitMs = rates.take(`${operation.operation} ${clientOf(context)}`, rate, nowMs());
    return waitMs === 0 ? undefined : tooOften(operation.operation, waitMs);
  }

  const withinTime = (execute: Execute) => withTimeLimit(execute, options.maxQueryMs);
  const plugin: Plugin = {
    onExecute({ args, setResultAndStopExecution }) {
      const refusal = refusalOf(args as ExecutionArgs);
      if (refusal) setResultAndStopExecution({ errors: [refusal] });
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const refusal = refusalOf(args as ExecutionArgs);
      if (refusal) setResultAndStopExecution({ errors: [refusal] });
    },
  };
  const timing: Plugin = {
    onExecute({ args, executeFn, setExecuteFn }) {
      const operation = getOperationAST(args.document, args.operationName)?.operation;
      if (operation === 'query') setExecuteFn(withinTime(executeFn));
    },
  };
  return { refusalOf, withinTime, plugin, timing };
}

type Execute = (args: ExecutionArgs) => unknown;

/** The answer, or an error when it is not there in time; what it waits for is bounded by itself. */
function withTimeLimit(execute: Execute, maxMs: number): Execute {
  return async (args) => {
    const late = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      const message = `The operation took longer than ${maxMs} ms. Ask for less at once.`;
      late.resolve({ errors: [apiError('OPERATION_TIMEOUT', message)] });
    }, maxMs);
    try {
      return await Promise.race([execute(args), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
}

const schemaQuestions = new WeakMap<DocumentNode, boolean>();

/** Whether any field of a document, wherever it stands, asks for the schema. */
export function asksForSchema(document: DocumentNode): boolean {
  const known = schemaQuestions.get(document);
  if (known !== undefined) return known;
  let asks = false;
  visit(document, {
    [Kind.FIELD]({ name: { value } }) {
      asks ||= value === '__schema' || value === '__type';
    },
  });
  schemaQuestions.set(document, asks);
  return asks;
}

/** A member's client, or whoever comes from one network. */
function clientOf({ auth, request }: GuardedContext): string {
  if (auth?.kind === 'caller') return `${auth.caller.member} ${auth.client}`;
  return networkOf(request?.headers.get(CLIENT_ADDRESS_HEADER) ?? '');
}

function noIntrospection({ introspection }: ExecutionGuardOptions): GraphQLError {
  const who = introspection === 'off' ? 'nobody' : 'members alone: send a token';
  const message = `The schema is told to ${who}. It is published with the software.`;
  return apiError('INTROSPECTION_OFF', message);
}

function tooCostly(maxCost: number): GraphQLError {
  const message = `The operation would cost more than ${maxCost}. Ask for fewer items or fields at once.`;
  return apiError('OPERATION_TOO_COSTLY', message, { extensions: { maxCost } });
}

function tooOften(operation: OperationClass, retryAfterMs: number): GraphQLError {
  const message = `Too many operations of type ${operation} from you. Wait ${retryAfterMs} ms.`;
  return apiError('RATE_LIMITED', message, { status: 429, extensions: { retryAfterMs } });
}
