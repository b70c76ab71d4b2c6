import {
  buildSchema,
  execute,
  type GraphQLObjectType,
  getNamedType,
  isLeafType,
  isObjectType,
  parse,
  validate,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { enforceAccess } from './access-enforcement.ts';
import type { ApiContext } from './api-context.ts';
import { compileQueryWriter } from './query-writer.ts';
import { ACME } from './testing/sample-market.ts';
import {
  ARGUMENTS,
  createSampleSchema,
  ownFields,
  sampleCaller,
  selectAll,
} from './testing/sample-schema.ts';

const { schema, listings, audit } = createSampleSchema();
const broker = sampleCaller('broker', 'orders:read', 'orders:write');
const operator = sampleCaller(
  'alpha',
  ...['orders:read', 'orders:write', 'settlement:operate', 'records:read'],
);
const issuer = sampleCaller(ACME.issuer, 'issuer:read');
const callers: Readonly<Record<string, ApiContext>> = {
  ...{ broker, operator, issuer },
  nobody: { auth: { kind: 'anonymous' } },
  revoked: { auth: { kind: 'refused', code: 'TOKEN_REVOKED', reason: 'It was revoked.' } },
  'a broker of another home': {
    auth: {
      ...broker.auth,
      caller: { member: 'broker', home: 'beta', scopes: new Set(['orders:read']) },
    },
  } as ApiContext,
};

beforeAll(async () => {
  await listings.start();
  await vi.waitFor(async () => expect(await listings.store.latest(ACME.issuer)).toBeGreaterThan(0));
  const [place] = ['Mutation.placeOrder'].map((name) => ARGUMENTS[name]);
  const document = parse(`mutation { placeOrder${place} { __typename } }`);
  for (const contextValue of [broker, operator]) await execute({ schema, document, contextValue });
});
afterAll(() => listings.stop());

/** Two queries for each field of the root: with everything below it, and with the leaves right below. */
function queries(): string[] {
  const root = schema.getQueryType() as GraphQLObjectType;
  return ownFields(root).flatMap(({ name, type }) => {
    const inner = getNamedType(type);
    const asked = `${name}${ARGUMENTS[`Query.${name}`] ?? ''}`;
    const leaves = isObjectType(inner)
      ? ownFields(inner).filter((field) => isLeafType(getNamedType(field.type)))
      : [];
    const names = ['__typename', ...leaves.map((field) => field.name)].join(' ');
    return [`{ ${asked} ${selectAll(schema, inner, [])} }`, `{ ${asked} { ${names} } }`];
  });
}

describe('the writer of a node’s queries', () => {
  it.each(Object.entries(callers))(
    'gives %s what the reference gives, or leaves it to that; and tells of no denial itself',
    async (_who, contextValue) => {
      let written = 0;
      let refused = 0;
      for (const query of queries()) {
        const document = parse(query);
        expect(validate(schema, document)).toEqual([]);
        const recorded = audit.records.length;
        const text = await compileQueryWriter(schema, document)?.({ contextValue });
        expect(audit.records).toHaveLength(recorded);
        const expected = await execute({ schema, document, contextValue });
        if (expected.errors) refused += 1;
        if (expected.errors || text === undefined) expect(text).toBeUndefined();
        else {
          written += 1;
          expect(text).toBe(JSON.stringify(expected));
        }
      }
      expect(written).toBeGreaterThanOrEqual(20);
      expect(refused).toBeGreaterThanOrEqual(20);
    },
  );

  it('writes what it waits for where it stands, whatever comes first', async () => {
    const document = parse(`query ($other: String!) {
      orders(first: 2) { edges { cursor node {
        id clientOrderId status instrument { symbol } legs { id order { id } venue { id } }
        executions { order { id } } settlements { state legs { venue quantity } }
      } } pageInfo { hasNextPage startCursor } }
      other: order(clientOrderId: $other) { id legs { id } } one: order(clientOrderId: "one") { id }
    }`);
    const write = compileQueryWriter(schema, document);
    for (const other of ['one', 'none', 'one']) {
      const args = { contextValue: broker, variableValues: { other } };
      const expected = JSON.stringify(await execute({ schema, document, ...args }));
      expect(expected).toContain('"one":{"id":"alpha-1"}');
      expect(await write?.(args)).toBe(expected);
    }
  });

  it('has no resolver begin behind a policy that denies', async () => {
    const sdl = buildSchema(`
      directive @access(scopes: [String!]!) on FIELD_DEFINITION | OBJECT
      type Query @access(scopes: ["public"]) { open: Int mine: Mine }
      type Mine @access(scopes: ["orders:read"]) { secret: Int }
    `);
    let asked = 0;
    const secret = (sdl.getType('Mine') as GraphQLObjectType).getFields()['secret'];
    if (secret) secret.resolve = () => (asked += 1);
    const denied: string[] = [];
    enforceAccess(sdl, 'alpha', (_context, field) => denied.push(field));
    const document = parse('{ open mine { secret } }');
    const write = compileQueryWriter(sdl, document);
    const rootValue = { open: 1, mine: {} };
    expect(write?.({ rootValue, contextValue: broker })).toBe(
      '{"data":{"open":1,"mine":{"secret":1}}}',
    );
    for (const contextValue of [callers['nobody'], issuer, callers['a broker of another home']]) {
      expect(write?.({ rootValue, contextValue })).toBeUndefined();
    }
    expect([asked, denied]).toEqual([1, []]);
  });
});
