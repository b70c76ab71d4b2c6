import type { GatewayPlugin } from '@graphql-hive/gateway-runtime';
import { type KnownAnswer, type KnownQueries, subgraphTypeDefs } from '@stoa/node/market-api';
import {
  buildASTSchema,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  extendSchema,
  type GraphQLSchema,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  parse,
  validate,
} from 'graphql';
import { type Audit, recordDenials } from './audited-operations.ts';
import type { Pool } from './pool-transport.ts';
import { SUBGRAPHS } from './supergraph.ts';

/**
 * What the chain's registries say of instruments and venues: every member reads the same there, so that
 * the home node may say it along with an order. Quotes are not among it: those this gateway verifies
 * itself, and no node's word stands for them.
 */
const REGISTRY_FACTS = parse(`
  extend type Instrument {
    symbol: String! name: String! isin: String tokenStandard: String! token: String! currency: String!
    priceDecimals: Int! quantityDecimals: Int! tickSize: String! lotSize: String! issuer: ID!
  }
  extend type Venue { membership: String! }
`);

/** What operations of the home node are served with. */
export interface HomeExecutionNeeds {
  readonly known: Pick<KnownQueries, 'note'>;
  readonly audit: Pick<Audit, 'denied'>;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

/**
 * The stage that sends an operation about the caller's own orders to the caller's home node as it is: one
 * hop, and no plan. Whatever else an operation asks for goes by the plan of the federation engine.
 */
export function homeExecution(pool: Pick<Pool, 'home'>, needs: HomeExecutionNeeds): GatewayPlugin {
  const schema = homeSchema();
  const known = new WeakMap<DocumentNode, boolean>();
  const isOfHome = (document: DocumentNode): boolean => {
    const found = known.get(document) ?? judge(schema, document);
    known.set(document, found);
    return found;
  };
  const answer = answerAgain(pool, needs);
  return {
    onExecute({ args, setExecuteFn }) {
      if (!isOfHome(args.document)) return;
      setExecuteFn((async (given: ExecutionArgs) => {
        needs.known.note(given, answer);
        return (await ask(pool, given)).result;
      }) as never);
    },
  };
}

/**
 * A query that came before goes to the home node past the engine. What the node answers is passed on as it
 * came, where it is data alone; what it denies is recorded here as well.
 */
function answerAgain(
  pool: Pick<Pool, 'home'>,
  { audit, nowMs }: HomeExecutionNeeds,
): (args: ExecutionArgs) => Promise<KnownAnswer> {
  return async (args) => {
    const atMs = nowMs();
    const { text, result } = await ask(pool, args);
    if (text !== undefined) return { text };
    const [operation] = operationsOf(args.document);
    if (operation) recordDenials(audit, { args, operation, atMs }, result);
    return { result };
  };
}

/** Only for judging documents by: it has no resolvers. */
function homeSchema(): GraphQLSchema {
  const schema = buildASTSchema(subgraphTypeDefs(SUBGRAPHS.home), { assumeValid: true });
  return extendSchema(schema, REGISTRY_FACTS, { assumeValid: true });
}

function operationsOf(document: DocumentNode): OperationDefinitionNode[] {
  return document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
}

function judge(schema: GraphQLSchema, document: DocumentNode): boolean {
  const [operation, ...more] = operationsOf(document);
  // The node would have to be told which of several; and the root's fields must be plain to see.
  if (!operation || more.length > 0 || operation.operation === 'subscription') return false;
  const isPlain = operation.selectionSet.selections.every(
    (field) => field.kind === Kind.FIELD && !field.name.value.startsWith('__'),
  );
  return isPlain && validate(schema, document).length === 0;
}

interface HomeAnswer {
  readonly result: ExecutionResult;
  /** The same, written. */
  readonly text?: string | undefined;
}

async function ask(pool: Pick<Pool, 'home'>, args: ExecutionArgs): Promise<HomeAnswer> {
  const [operation] = operationsOf(args.document);
  const { request } = args.contextValue as { request?: { signal?: AbortSignal } };
  const result = await pool.home({
    document: args.document,
    variables: args.variableValues ?? {},
    operationType: operation?.operation,
    context: args.contextValue,
    ...(operation?.operation === 'query' && request?.signal ? { signal: request.signal } : {}),
  });
  if (Symbol.asyncIterator in result) throw new Error('the pool gave a stream for an operation');
  const { data = null, errors, text } = result;
  if (!isAllowed(args.schema, operation, data))
    return { result: { data: null, ...(errors && { errors }) } };
  return { result: errors ? { data, errors } : { data }, text };
}

/** Null stands for all of the data where a field of the root may not be null (GraphQL 6.4.4). */
function isAllowed(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode | undefined,
  data: Readonly<Record<string, unknown>> | null,
): boolean {
  const fields = operation && schema.getRootType(operation.operation)?.getFields();
  return (operation?.selectionSet.selections ?? []).every((selection) => {
    if (selection.kind !== Kind.FIELD) return true;
    const value = data?.[selection.alias?.value ?? selection.name.value];
    return value !== null || !isNonNullType(fields?.[selection.name.value]?.type);
  });
}
