import { type Directory, type Instrument, MARKET_PARTS } from '@stoa/schema';
import { graphql } from 'graphql';
import { describe, expect, it } from 'vitest';
import { createMarketResolvers } from './market-resolvers.ts';
import { buildStoaSchema } from './subgraph-schema.ts';
import { createSubscriptionStreams } from './subscription-streams.ts';
import { ACME, createSampleMarket, SAMPLE_DIRECTORY } from './testing/sample-market.ts';

const byte = (number: number) => (number + 16).toString(16);
function instrument(number: number, changes: Partial<Instrument>): Instrument {
  const token = `0x${byte(number).repeat(20)}` as const;
  return { ...ACME, id: `eip155:31337/erc20:${token}`, token, isin: '', ...changes };
}

const DUPLICATE = instrument(1, { symbol: 'DUP', isin: 'US0378331005' });
const MISTYPED = instrument(2, { symbol: 'MIS', isin: 'US0378331007' });
const GARBAGE = instrument(3, { symbol: 'GAR', isin: `see page 12 ${'x'.repeat(80)}` });
const BAYER = instrument(4, { symbol: 'BAY', name: 'Bayer AG', isin: 'DE000BAY0017' });
const SERIES = Array.from({ length: 30 }, (_each, index) =>
  instrument(10 + index, { symbol: `S${byte(index)}`, name: `Series ${index}`, issuer: 'fund' }),
);

const directory: Directory = {
  ...SAMPLE_DIRECTORY,
  instruments: new Map(
    [...SAMPLE_DIRECTORY.instruments.values(), DUPLICATE, MISTYPED, GARBAGE, BAYER, ...SERIES].map(
      (one) => [one.id, one],
    ),
  ),
};
const schema = buildStoaSchema(MARKET_PARTS, [
  createMarketResolvers({
    market: createSampleMarket(),
    directory: { current: () => directory, onChange: () => () => {} },
    streams: createSubscriptionStreams(10),
  }),
]);

interface Found {
  readonly edges: readonly { cursor: string; node: { symbol: string } }[];
  readonly pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; endCursor: string };
  readonly totalCount: number;
}

async function ask(args: string) {
  const source = `{ found: searchInstruments${args} {
    totalCount edges { cursor node { symbol } } pageInfo { hasNextPage hasPreviousPage endCursor } } }`;
  const { data, errors = [] } = await graphql({ schema, source });
  const found = data?.['found'] as Found | undefined;
  return { found, symbols: found?.edges.map(({ node }) => node.symbol), errors };
}

describe('the search for instruments', () => {
  it.each([
    ['symbol: "ac"', ['ACME']],
    ['text: "bayer"', ['BAY']],
    ['text: "CLASS acme"', ['ACME', 'DUP', 'GAR', 'MIS']],
    ['text: "nothing of the kind"', []],
    ['identifier: "us0378331005"', ['ACME', 'DUP']],
    ['identifier: "037833100"', ['ACME', 'DUP']],
    [`identifier: "${BAYER.token.toUpperCase().replace('X', 'x')}"`, ['BAY']],
    [`identifier: "${BAYER.id}"`, ['BAY']],
    ['identifier: "BBG000BLNNH6"', []],
    ['identifier: "HWUPKR0MPOU8FGXBT394"', []],
    ['venue: "alpha"', ['ACME', 'BOND']],
    ['venue: "alpha", listingStatus: HALTED', ['BOND']],
    ['issuer: "acme", venue: "beta"', ['ACME']],
  ])('by {%s} finds %j', async (filter, symbols) => {
    expect(await ask(`(filter: { ${filter} })`)).toMatchObject({ symbols, errors: [] });
  });

  it.each([
    ['identifier: "US0378331006"', 'made as a ISIN, and its check digit is wrong'],
    ['identifier: "BBG000BLNNH9"', 'made as a FIGI, and its check digit is wrong'],
    ['identifier: "Acme"', 'none of these'],
    [`text: "${'x'.repeat(129)}"`, 'more than 128 characters'],
    ['text: "a b c d e f g h i"', 'more than 8 words'],
  ])('by {%s} is refused: %s', async (filter, message) => {
    const { errors } = await ask(`(filter: { ${filter} })`);
    expect(errors[0]?.message).toContain(message);
    expect(errors[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });

  it('gives every instrument once over its pages, forward and backward', async () => {
    const all: string[] = [];
    let after = '';
    for (let pages = 0; pages < 10; pages += 1) {
      const { found, symbols } = await ask(
        `(filter: { issuer: "fund" }, first: 7${after === '' ? '' : `, after: "${after}"`})`,
      );
      all.push(...(symbols ?? []));
      expect(found).toMatchObject({
        totalCount: 30,
        pageInfo: { hasPreviousPage: pages > 0, hasNextPage: pages < 4 },
      });
      after = found?.pageInfo.endCursor ?? '';
      if (!found?.pageInfo.hasNextPage) break;
    }
    expect(all).toEqual(SERIES.map(({ symbol }) => symbol).sort());
    const back = await ask(`(filter: { issuer: "fund" }, last: 2, before: "${after}")`);
    expect(back.symbols).toEqual(all.slice(-3, -1));
    expect(back.found?.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: true });
  });

  it('takes no page beyond bounds, and no cursor that it did not give', async () => {
    const codes = async (args: string) =>
      (await ask(args)).errors.map(({ extensions }) => extensions['code']);
    expect(await codes('(first: 101)')).toEqual(['BAD_USER_INPUT']);
    expect(await codes('(first: 1, last: 1)')).toEqual(['BAD_USER_INPUT']);
    expect(await codes('(after: "a+b")')).toEqual(['CURSOR_INVALID']);
  });
});

describe('an instrument whose entry in the registry is wrong', () => {
  it('is shown with what is wrong, and its ISIN is not given out', async () => {
    const source = `{ instruments { symbol isin cusip dataQuality { code field value message } } }`;
    const { data, errors } = await graphql({ schema, source });
    expect(errors).toBeUndefined();
    const told = new Map(
      ((data?.['instruments'] ?? []) as { symbol: string }[]).map((one) => [one.symbol, one]),
    );
    expect(told.get('BAY')).toMatchObject({ isin: 'DE000BAY0017', cusip: null, dataQuality: [] });
    expect(told.get('ACME')).toMatchObject({
      ...{ isin: 'US0378331005', cusip: '037833100' },
      dataQuality: [{ code: 'ISIN_SHARED', field: 'isin', value: 'US0378331005' }],
    });
    expect(told.get('MIS')).toMatchObject({
      ...{ isin: null, cusip: null },
      dataQuality: [{ code: 'ISIN_CHECK_DIGIT', field: 'isin', value: 'US0378331007' }],
    });
    expect(told.get('GAR')).toMatchObject({
      isin: null,
      dataQuality: [{ code: 'ISIN_MALFORMED', value: GARBAGE.isin.slice(0, 64) }],
    });
  });
});

describe('an address in mixed case', () => {
  const CHECKED = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';
  it.each([
    [CHECKED, true],
    [CHECKED.toLowerCase(), true],
    // One letter in the other case: the checksum of EIP-55 fails.
    [CHECKED.replace('aAeb', 'aaeb'), false],
  ])('%s is taken by its checksum: %s', async (address, isTaken) => {
    const source = `{ instrument(id: "eip155:1/erc20:${address}") { id } }`;
    const { errors = [] } = await graphql({ schema, source });
    expect(errors.length === 0).toBe(isTaken);
  });
});

describe('listings', () => {
  const many = Array.from({ length: 1_200 }, (_each, index) => ({
    ...{ instrument: ACME.id, venue: `v${String(index).padStart(4, '0')}`, exemption: 'reg-s' },
    status: index % 400 === 0 ? 'halted' : 'listed',
    evidenceHash: '0x00',
  })) as unknown as Directory['listings'];
  const listed = buildStoaSchema(MARKET_PARTS, [
    createMarketResolvers({
      market: createSampleMarket(),
      directory: {
        current: () => ({ ...directory, listings: many.toReversed() }),
        onChange: () => () => {},
      },
      streams: createSubscriptionStreams(10),
    }),
  ]);
  const find = async (source: string) => {
    const { data, errors } = await graphql({ schema: listed, source });
    return { data: data as Record<string, never> | null, errors };
  };

  it('come in pages, in their order, by venue and status', async () => {
    const query = (
      more: string,
    ) => `{ searchListings(filter: { status: [HALTED] }, first: 2${more}) {
      totalCount edges { cursor node { venue { id } } } pageInfo { hasNextPage endCursor } } }`;
    const pageOf = async (more: string) => {
      const { data } = await find(query(more));
      const page = data?.['searchListings'] as unknown as {
        edges: { cursor: string; node: { venue: { id: string } } }[];
        pageInfo: { endCursor: string };
      };
      return { ...page, venues: page.edges.map(({ node }) => node.venue.id) };
    };
    const first = await pageOf('');
    expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true } });
    expect(first.venues).toEqual(['v0000', 'v0400']);
    const next = await pageOf(`, after: "${first.pageInfo.endCursor}"`);
    expect(next.venues).toEqual(['v0800']);
  });

  it('are bounded where they come without pages', async () => {
    const { data } = await find('{ all: listings { status } two: listings(first: 2) { status } }');
    expect([data?.['all'], data?.['two']]).toMatchObject([{ length: 1_000 }, { length: 2 }]);
    const { errors } = await find('{ listings(first: 1001) { status } }');
    expect(errors?.[0]?.message).toContain('from 1 to 1000');
  });
});
