import {
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isObjectType,
} from 'graphql';
import type { ApiContext } from '../api-context.ts';
import { buildNodeSchema } from '../api-server.ts';
import { createSubscriptionStreams } from '../subscription-streams.ts';
import { ACME } from './sample-market.ts';
import { createSampleNeeds } from './sample-needs.ts';

/** Arguments that the generated operations give, by field. */
export const ARGUMENTS: Record<string, string> = {
  'Query.instrument': `(id: "${ACME.id}")`,
  'Query.venue': '(id: "alpha")',
  'Query.member': '(id: "alpha")',
  'Query.book': `(instrument: "${ACME.id}")`,
  'Query.bookAt': `(instrument: "${ACME.id}", at: "2023-11-14T22:13:20.000Z")`,
  'Query.settleableBook': `(instrument: "${ACME.id}", account: "0x${'22'.repeat(20)}")`,
  'Query.prints': `(instrument: "${ACME.id}")`,
  'Query.candles': `(instrument: "${ACME.id}", interval: DAY, from: "2023-11-14T00:00:00.000Z", to: "2023-11-15T00:00:00.000Z")`,
  'Query.order': '(clientOrderId: "one")',
  'Mutation.placeOrder': `(input: { clientOrderId: "one", instrument: "${ACME.id}", account: "0x${'11'.repeat(20)}", side: BUY, quantity: "2", limitPrice: "100.10" })`,
  'Mutation.replaceOrder': '(input: { id: "alpha-1", quantity: "3" })',
  'Mutation.cancelOrder': '(id: "alpha-1")',
  'Query.capTable': `(instrument: "${ACME.id}")`,
  'Mutation.retrySettlement': `(batchId: "0x${'bb'.repeat(32)}")`,
  'Mutation.registerMandate': `(input: { investor: "0x${'11'.repeat(20)}", instrument: "${ACME.id}", side: BUY, limitAmount: "10", limitQuantity: "1", quantity: "25", expiry: 1700000000, nonce: "1", chainId: 31337, verifyingContract: "0x${'5e'.repeat(20)}", signature: "0x00" })`,
  'Mutation.revokeMandate': `(id: "0x${'3a'.repeat(32)}")`,
  'Query.previewRoute': `(input: { instrument: "${ACME.id}", account: "0x${'11'.repeat(20)}", side: BUY, quantity: "2", limitPrice: "100.10" })`,
  'Query.quoteRequest': '(id: "alpha-q1")',
  'Mutation.requestQuotes': `(input: { clientRequestId: "ask", instrument: "${ACME.id}", account: "0x${'11'.repeat(20)}", side: BUY, quantity: "2", expireAt: "2030-01-01T00:00:00Z" })`,
  'Mutation.acceptQuote': '(input: { clientOrderId: "quoted", quoteId: "alpha-q7" })',
  'Mutation.cancelQuoteRequest': '(id: "alpha-q1")',
  'Mutation.submitQuote': `(input: { clientQuoteId: "q", requestId: "alpha-q1", account: "0x${'11'.repeat(20)}", validUntil: "2030-01-01T00:00:00Z", offer: { price: "100.10", quantity: "2" } })`,
  'Mutation.cancelQuote': '(id: "alpha-q7")',
  'Subscription.book': `(instrument: "${ACME.id}")`,
  'Subscription.orderEvents': '(after: 0)',
  'Subscription.listingAlerts': '(after: 0)',
  'Query.listingHistory': `(instrument: "${ACME.id}")`,
};

/** The fields that the SDL gives a type; federation's own are not among them. */
export function ownFields(type: GraphQLObjectType) {
  return Object.values(type.getFields()).filter(({ name }) => !name.startsWith('_'));
}

/** Selects everything below a type, entering no type twice on one way down. */
export function selectAll(
  schema: GraphQLSchema,
  type: GraphQLNamedType,
  above: readonly string[],
): string {
  if (isAbstractType(type)) {
    return `{ ${schema
      .getPossibleTypes(type)
      .map((one) => `... on ${one.name} ${selectAll(schema, one, above)}`)
      .join(' ')} }`;
  }
  if (!isObjectType(type)) return '';
  const fields = ownFields(type).flatMap((field) => {
    const inner = getNamedType(field.type);
    if (above.includes(inner.name)) return [];
    return [
      `${type.name.toLowerCase()}_${field.name}: ${field.name}${ARGUMENTS[`${type.name}.${field.name}`] ?? ''} ${selectAll(schema, inner, [...above, type.name])}`,
    ];
  });
  return `{ ${fields.join(' ')} }`;
}

/** The schema of the node of alpha over services in memory, and what stands behind it. */
export function createSampleSchema() {
  const needs = createSampleNeeds('alpha');
  const schema = buildNodeSchema('alpha', {
    ...needs,
    // The operator too: what only it may do comes before this, and ends the broker's operation.
    accounts: new Map(['broker', 'alpha'].map((id) => [id, new Set([`0x${'11'.repeat(20)}`])])),
    streams: createSubscriptionStreams(10),
    watch: () => () => {},
  });
  return { schema, listings: needs.listings, audit: needs.audit };
}

/** What resolvers know of a caller whose home is alpha. */
export function sampleCaller(member: string, ...scopes: readonly string[]): ApiContext {
  return {
    auth: {
      kind: 'caller',
      caller: { member, home: 'alpha', scopes: new Set(scopes) },
      expiresAtMs: Date.now() + 60_000,
      ...{ subject: 'desk', client: 'test', holding: 'proven' },
    },
  };
}
