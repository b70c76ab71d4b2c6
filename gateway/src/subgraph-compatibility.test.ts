import { buildSubgraph } from '@stoa/node/market-api';
import { graphql, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  localSubgraph,
  runSupergraph,
  type SupergraphRuntime,
} from './testing/supergraph-runtime.ts';

/**
 * The cases of Apollo's subgraph compatibility suite, on a schema of our own field, built by the code
 * that builds a node's subgraph. `securities` is the subgraph under test; `firms` and `custody` stand
 * beside it as the suite's users and inventory do.
 */
const SECURITIES = parse(`
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
      "@composeDirective", "@external", "@inaccessible", "@interfaceObject", "@key", "@override",
      "@provides", "@requires", "@shareable", "@tag"])
    @link(url: "https://stoa.example/marks/v1.0", import: ["@marked"])
    @composeDirective(name: "@marked")
  directive @marked on OBJECT
  type Query { security(id: ID!): Security, retired(isin: String!, market: String!): Retired
    @deprecated(reason: "Kept until 2030-01-01.") }
  type Security @marked @key(fields: "id") @key(fields: "isin market") @key(fields: "isin series { id }") {
    id: ID!
    isin: String
    market: String
    series: Series
    size: Size
    issuedBy: Firm @provides(fields: "issues")
    notes: String @tag(name: "internal")
    reports: [Report!]!
  }
  type Retired @key(fields: "isin market") { isin: String!, market: String!, reason: String, issuedBy: Firm }
  type Series { id: ID! }
  type Report @key(fields: "study { number }") { study: Study!, outcome: String }
  type Study { number: ID!, about: String }
  type Size @shareable { lots: String, weight: Float, unit: String @inaccessible }
  extend type Firm @key(fields: "lei") {
    lei: ID! @external
    issues: Int @external
    years: Int! @external
    issuesPerYear: Int @requires(fields: "issues years")
    name: String @override(from: "firms")
  }
  type Vault @interfaceObject @key(fields: "id") { id: ID!, retired: [Retired!]! }
`);

const ACME = {
  ...{ id: 'acme', isin: 'US0378331005', market: 'alpha', series: { id: 'A' }, notes: 'none' },
  size: { lots: '10', weight: 1.5, unit: 'kg' },
  reports: [{ study: { number: '7', about: 'vaults' }, outcome: 'sound' }],
};
const ISSUER = { lei: '5493001KJTIIGC8Y1R12', issues: 30 };
const RETIRED = { isin: 'DE000BAY0017', market: 'beta', reason: 'matured' };

const securities = buildSubgraph(SECURITIES, [
  {
    Query: {
      security: (_root: unknown, { id }: { id: string }) => (id === ACME.id ? { ...ACME } : null),
      retired: () => ({ ...RETIRED }),
    },
    Security: {
      __resolveReference(key: Partial<typeof ACME>) {
        const isIt =
          key.id === ACME.id ||
          (key.isin === ACME.isin && (key.market === ACME.market || key.series?.id === 'A'));
        return isIt ? { ...ACME } : null;
      },
      issuedBy: () => ({ ...ISSUER }),
    },
    Retired: {
      __resolveReference: ({ isin, market }: typeof RETIRED) =>
        isin === RETIRED.isin && market === RETIRED.market ? { ...RETIRED } : null,
      issuedBy: () => ({ ...ISSUER }),
    },
    Report: {
      __resolveReference: ({ study }: { study: { number: string } }) =>
        ACME.reports.find((report) => report.study.number === study.number) ?? null,
    },
    Firm: {
      __resolveReference: (key: object) => ({ ...key }),
      name: () => 'the name of securities',
      issuesPerYear: ({ issues, years }: { issues: number; years: number }) => issues / years,
    },
    Vault: {
      __resolveReference: (key: object) => ({ ...key }),
      retired: () => [{ ...RETIRED }],
    },
  },
]);

const LINK = (imports: string) =>
  `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [${imports}])`;
const firms = buildSubgraph(
  parse(`${LINK('"@key", "@shareable"')}
    type Firm @key(fields: "lei") { lei: ID!, name: String, issues: Int @shareable, years: Int! }
    type Query { firm: Firm }`),
  [
    {
      Query: { firm: () => ({ lei: ISSUER.lei }) },
      Firm: {
        __resolveReference: ({ lei }: { lei: string }) => ({ lei }),
        name: () => 'the name of firms',
        issues: () => 30,
        years: () => 6,
      },
    },
  ],
);
const custody = buildSubgraph(
  parse(`${LINK('"@key", "@external", "@requires", "@shareable"')}
    type Security @key(fields: "id") { id: ID!, size: Size @external
      delivery: String @requires(fields: "size { lots weight }") }
    type Size @shareable { lots: String, weight: Float }
    interface Vault @key(fields: "id") { id: ID! }
    type ColdVault implements Vault @key(fields: "id") { id: ID!, depth: Int }
    type Query { vaults: [Vault!]! }`),
  [
    {
      Query: { vaults: () => [{ __typename: 'ColdVault', id: 'north', depth: 40 }] },
      Security: {
        __resolveReference: (key: object) => ({ ...key }),
        delivery: ({ size }: { size: { lots: string; weight: number } }) =>
          `${size.lots} lots of ${size.weight}`,
      },
      ColdVault: { __resolveReference: ({ id }: { id: string }) => ({ id, depth: 40 }) },
    },
  ],
);

const asked = async (source: string, of: readonly object[] = []) =>
  graphql({ schema: securities, source, variableValues: { of } });
const ENTITIES = `query ($of: [_Any!]!) { _entities(representations: $of) {
  ... on Security { id } ... on Retired { reason } ... on Report { outcome } } }`;

describe('a subgraph by itself', () => {
  it('_service: says its SDL, with @link and every directive, and without what federation adds', async () => {
    const { data, errors } = await asked('{ _service { sdl } }');
    expect(errors).toBeUndefined();
    const { sdl } = (data as { _service: { sdl: string } })._service;
    for (const part of [
      ...['@link', '@composeDirective(name: "@marked")', '@interfaceObject', '@shareable'],
      ...['@override(from: "firms")', '@inaccessible', '@tag(name: "internal")', '@external'],
      ...['@provides(fields: "issues")', '@requires(fields: "issues years")'],
      ...['@key(fields: "isin series { id }")', '@deprecated'],
    ]) {
      expect(sdl).toContain(part);
    }
    expect(sdl).not.toMatch(/_entities|_Any|_Service/);
  });

  it.each([
    ['a single key', { __typename: 'Security', id: 'acme' }, { id: 'acme' }],
    [
      'several fields',
      { __typename: 'Retired', isin: RETIRED.isin, market: 'beta' },
      { reason: 'matured' },
    ],
    ['a second key', { __typename: 'Security', isin: ACME.isin, market: 'alpha' }, { id: 'acme' }],
    [
      'a nested key',
      { __typename: 'Security', isin: ACME.isin, series: { id: 'A' } },
      { id: 'acme' },
    ],
    [
      'a key within a value',
      { __typename: 'Report', study: { number: '7' } },
      { outcome: 'sound' },
    ],
    ['a key of nobody', { __typename: 'Security', id: 'nobody' }, null],
  ])('@key: resolves an entity by %s', async (_what, representation, expected) => {
    const { data, errors } = await asked(ENTITIES, [representation]);
    expect(errors).toBeUndefined();
    expect(data).toEqual({ _entities: [expected] });
  });

  it('answers for each representation, whatever is wrong with another', async () => {
    const of = [{ __typename: 'Security', id: 'acme' }, { __typename: 'Nothing' }, { id: 'acme' }];
    const { data, errors } = await asked(ENTITIES, of);
    expect(data).toEqual({ _entities: [{ id: 'acme' }, null, null] });
    expect(errors?.map(({ path, extensions }) => [path, extensions['code']])).toEqual([
      [['_entities', 1], 'BAD_USER_INPUT'],
      [['_entities', 2], 'BAD_USER_INPUT'],
    ]);
  });
});

describe('a subgraph in a supergraph', () => {
  let runtime: SupergraphRuntime;
  beforeAll(async () => {
    runtime = runSupergraph([
      await localSubgraph('securities', securities),
      await localSubgraph('firms', firms),
      await localSubgraph('custody', custody),
    ]);
  });
  afterAll(() => runtime.stop());

  async function data(query: string) {
    runtime.asked.length = 0;
    const answer = await runtime.ask(query);
    expect(answer.errors).toBeUndefined();
    return answer.data;
  }

  it('@requires: is given what it needs of others', async () => {
    expect(await data('{ security(id: "acme") { delivery } }')).toEqual({
      security: { delivery: '10 lots of 1.5' },
    });
    expect(await data('{ firm { issuesPerYear } }')).toEqual({ firm: { issuesPerYear: 5 } });
    expect(runtime.asked).toEqual(['firms', 'securities']);
  });

  it('@provides: answers a field of another where it says that it can', async () => {
    expect(await data('{ security(id: "acme") { issuedBy { lei issues } } }')).toEqual({
      security: { issuedBy: ISSUER },
    });
    expect(runtime.asked).toEqual(['securities']);
    // Where it does not say so, the owner is asked.
    await data('{ retired(isin: "", market: "") { issuedBy { issues } } }');
    expect(runtime.asked).toEqual(['securities', 'firms']);
  });

  it('@override: takes a field over', async () => {
    expect(await data('{ firm { name } }')).toEqual({ firm: { name: 'the name of securities' } });
  });

  it('@shareable and @inaccessible: a value type of two, and a field of it that nobody sees', async () => {
    expect(await data('{ security(id: "acme") { size { lots weight } } }')).toEqual({
      security: { size: { lots: '10', weight: 1.5 } },
    });
    const hidden = await runtime.ask('{ security(id: "acme") { size { unit } } }');
    expect(hidden.errors?.[0]?.message).toContain('unit');
    expect(runtime.publicSdl).not.toContain('unit');
    expect(runtime.supergraphSdl).toContain('unit');
  });

  it('@interfaceObject: adds a field to all that another knows by an interface', async () => {
    expect(await data('{ vaults { id retired { isin reason } } }')).toEqual({
      vaults: [{ id: 'north', retired: [{ isin: RETIRED.isin, reason: 'matured' }] }],
    });
  });

  it('extended types: a key that another subgraph owns', async () => {
    expect(await data('{ retired(isin: "", market: "") { issuedBy { lei years } } }')).toEqual({
      retired: { issuedBy: { lei: ISSUER.lei, years: 6 } },
    });
  });

  it('@tag and @composeDirective: stay in the supergraph', () => {
    expect(runtime.supergraphSdl).toContain('@tag(name: "internal")');
    expect(runtime.supergraphSdl).toMatch(/type Security[^{]*@marked/);
  });
});
