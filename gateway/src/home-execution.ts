import type { GatewayPlugin } from '@graphql-hive/gateway-runtime';
import { subgraphTypeDefs } from '@stoa/node/market-api';
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

/**
 * The stage that sends an operation about the caller's own orders to the caller's home node as it is: one
 * hop, and no plan. Whatever else an operation asks for goes by the plan of the federation engine.
 */
export function homeExecution(pool: Pick<Pool, 'home'>): GatewayPlugin {
  const schema = homeSchema();
  const known = new WeakMap<DocumentNode, boolean>();
  const isOfHome = (document: DocumentNode): boolean => {
    const found = known.get(document) ?? judge(schema, document);
    known.set(document, found);
    return found;
  };
  return {
    onExecute({ args, setExecuteFn }) {
      if (isOfHome(args.document))
        setExecuteFn(((given: ExecutionArgs) => ask(pool, given)) as never);
    },
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

async function ask(pool: Pick<Pool, 'home'>, args: ExecutionArgs): Promise<ExecutionResult> {
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
  const { data = null, errors } = result;
  const told = isAllowed(args.schema, operation, data) ? data : null;
  return errors ? { data: told, errors } : { data: told };
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
