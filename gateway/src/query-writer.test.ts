import {
  buildMarketSchema,
  compileQueryWriter,
  createSubscriptionStreams,
} from '@stoa/node/market-api';
import type { ConsolidatedBook } from '@stoa/node/observer';
import {
  buildSchema,
  execute,
  type GraphQLObjectType,
  getNamedType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  parse,
  validate,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { createSampleView, SAMPLE_INSTRUMENT, sampleDirectory } from './testing/sample-view.ts';

const level = (price: number, quantity: number) => ({
  ...{ price, quantity },
  venues: [
    { venue: 'alpha', quantity: quantity - 500 },
    { venue: 'beta', quantity: 500 },
  ],
});

function bookAt(version: number): ConsolidatedBook {
  const venues = ['alpha', 'beta', 'gamma'].map((venue, at) => ({
    ...{
      venue,
      state: (['live', 'stale', 'silent'] as const)[at] ?? 'live',
      sinceMs: 1_700_000_000_000,
    },
    ...{
      halted: at === 1,
      haltReason: at === 1 ? 'news "pending" – é' : undefined,
      firm: at === 0,
    },
    ...{ validUntilMs: 0, bids: [level(9_990 + version, 1_000)], offers: [] },
  }));
  return {
    ...{ instrument: SAMPLE_INSTRUMENT.id, version, asOfMs: 1_700_000_000_000 + version },
    bids: [9_990, 9_980, 9_970].map((price) => level(price + version, 1_000 + version)),
    offers: [10_100, 10_110].map((price) => level(price + version, 2_000)),
    ...{ locked: false, crossed: false, venues },
  };
}

let book = bookAt(1);
const schema = buildMarketSchema({
  market: { ...createSampleView(), book: () => book },
  directory: sampleDirectory,
  streams: createSubscriptionStreams(1),
});
const id = SAMPLE_INSTRUMENT.id;
const BOOK = `version asOf digest instrument cbbo { bid { price } offer { price } locked crossed }
  bids { price quantity venues { venue quantity } } offers { price }
  venues { venue { id membership } state since halted haltReason firm bid { price } offer { price } }`;

const CORPUS: readonly [query: string, variables?: object][] = [
  ['{ __typename }'],
  [`{ instruments { id symbol name isin tokenStandard token currency tickSize lotSize issuer } }`],
  [`{ instrument(id: "${id}") { book(depth: 3) { ${BOOK} } } }`],
  [
    `{ one: instrument(symbol: "ACME") { ...f } two: instrument(symbol: "NONE") { ...f } }
    fragment f on Instrument { __typename symbol lastTrade { price } statistics { dayStart } }`,
  ],
  [
    `query ($i: InstrumentId!, $d: Int = 4) { book(instrument: $i, depth: $d) { ${BOOK} } }`,
    { i: id },
  ],
  [
    `query ($i: InstrumentId!, $d: Int) { book(instrument: $i, depth: $d) { version } }`,
    { i: id, d: 11 },
  ],
  [
    `query ($i: InstrumentId!, $d: Int) { book(instrument: $i, depth: $d) { version } }`,
    { i: id, d: null },
  ],
  [`query ($i: InstrumentId!) { book(instrument: $i) { version } }`, { i: 'ACME' }],
  [`query ($i: InstrumentId!) { book(instrument: $i) { version } }`, {}],
  [
    `query ($i: InstrumentId!) { book(instrument: $i) { version } }`,
    { i: id.toUpperCase().replace('EIP155', 'eip155').replace('ERC20:0X', 'erc20:0x') },
  ],
  [
    `query ($yes: Boolean!) { venues { id @skip(if: $yes) quotes @include(if: $yes) } }`,
    { yes: true },
  ],
  [
    `query ($yes: Boolean!) { venues { id @skip(if: $yes) quotes @include(if: $yes) } }`,
    { yes: false },
  ],
  [
    '{ venues { id membership quotes quotesSince lastSequence listings { status exemption evidenceHash instrument { symbol } } } }',
  ],
  ['{ venue(id: "beta") { id } nobody: venue(id: "nobody") { id } }'],
  [
    'query ($s: ListingStatus) { listings(status: $s, venue: "alpha") { instrument { id } venue { id } status } }',
    { s: 'LISTED' },
  ],
  ['query ($s: ListingStatus) { listings(status: $s) { status } }', { s: 'NONSENSE' }],
  ['{ instrument { symbol } }'],
  [
    `query ($yes: Boolean!, $no: Boolean = false) { instrument(symbol: "ACME") {
      ...book @include(if: $yes) ...book @skip(if: $yes) book { bids @skip(if: $no) { price venues { venue } } }
      ... on Instrument @include(if: $no) { name } other: book(depth: 1) { offers { price } } symbol symbol } }
    fragment book on Instrument { book { bids { quantity } ...more } }
    fragment more on ConsolidatedBook { cbbo { bid { price } } bids { price } }`,
    { yes: true },
  ],
  ['{ searchInstruments(first: 1) { totalCount edges { cursor node { symbol } } } }'],
  [
    'query ($d: Int!) { instrument(symbol: "ACME") { symbol book(depth: $d) { version } } }',
    { d: 99 },
  ],
  ['{ equivocations(first: 65) { venue } equal: equivocations(first: 3) { venue kind frames } }'],
];

/** Questions that take a text as it is, with what to give them. */
const GIVEN: Readonly<Record<string, string>> = {
  'Query.instrument': `(id: "${id}")`,
  'Query.book': `(instrument: "${id}")`,
  'Query.venue': '(id: "alpha")',
  'Query.member': '(id: "beta")',
};

/** Fields that can be asked with no argument, or with one of {@link GIVEN}. */
function askable(type: GraphQLObjectType) {
  return Object.values(type.getFields()).filter(
    ({ name, args }) =>
      !name.startsWith('_') && (!args.some(isRequiredArgument) || `${type.name}.${name}` in GIVEN),
  );
}

/** Some of it: fields with and without other names, in fragments, skipped and included. */
function anything(type: GraphQLObjectType, random: () => number, depth: number): string {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const picked = Array.from({ length: 1 + Math.floor(random() * 5) }, () => pick(askable(type)));
  const texts = picked.map(({ name, type: given }, at) => {
    const inner = getNamedType(given);
    if (!isLeafType(inner) && depth === 0) return '__typename';
    // Without another name the same field twice would have to agree on its arguments, and it does.
    const alias = random() < 0.3 ? `a${depth}${at}: ` : '';
    const condition = pick(['', '', ' @skip(if: $no)', ' @include(if: $yes)', ' @skip(if: $yes)']);
    const asked = `${alias}${name}${GIVEN[`${type.name}.${name}`] ?? ''}${condition}`;
    return isObjectType(inner) ? `${asked} { ${anything(inner, random, depth - 1)} }` : asked;
  });
  const own = texts.join(' ');
  return random() < 0.3 ? `__typename ... on ${type.name} { ${own} }` : own;
}

async function compared(query: string, variables: Record<string, unknown> = {}) {
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  const expected = await execute({ schema, document, variableValues: variables, contextValue: {} });
  const write = compileQueryWriter(schema, document);
  const written = [1, 2].map(async () => write?.({ variableValues: variables, contextValue: {} }));
  return { expected, written: await Promise.all(written) };
}

function queryType(): GraphQLObjectType {
  const query = schema.getQueryType();
  if (!query) throw new Error('no queries');
  return query;
}

describe('the writer of public queries', () => {
  it.each(CORPUS)('writes the answer to %s as the reference does, or nothing', async (...asked) => {
    const [query, variables = {}] = asked;
    const { expected, written } = await compared(query, variables as Record<string, unknown>);
    const text = JSON.stringify(expected);
    expect(written).toEqual(expected.errors ? [undefined, undefined] : [text, text]);
  });

  it('writes a thousand random selections as the reference does, while the book moves', async () => {
    const random = seeded(20_261_129);
    let compiled = 0;
    for (let count = 1; count <= 1_000; count += 1) {
      const document = parse(
        `query ($yes: Boolean!, $no: Boolean = false) { ${anything(queryType(), random, 4)} }`,
      );
      // The same field under one name with and without a condition merges; with other arguments it may not.
      if (validate(schema, document).length > 0) continue;
      const write = compileQueryWriter(schema, document);
      for (const yes of [true, false]) {
        for (let time = 1; time <= 2; time += 1) {
          const args = { schema, document, variableValues: { yes }, contextValue: {} };
          const expected = await execute(args);
          const text = await write?.(args);
          if (expected.errors || text === undefined) expect(text).toBeUndefined();
          else {
            compiled += 1;
            expect(text).toBe(JSON.stringify(expected));
          }
        }
      }
      book = bookAt(book.version + 1);
    }
    expect(compiled).toBeGreaterThan(1_500);
  });

  it('writes a book that moved anew, and one that did not as it was', async () => {
    const document = parse(`{ book(instrument: "${id}") { ${BOOK} } }`);
    const write = compileQueryWriter(schema, document);
    for (let moves = 0; moves < 3; moves += 1) {
      const args = { schema, document, contextValue: {} };
      const expected = JSON.stringify(await execute(args));
      expect([write?.(args), write?.(args)]).toEqual([expected, expected]);
      book = bookAt(book.version + 1);
    }
  });

  it("waits for nothing of an answer that failed at once: what fails later is nobody's", async () => {
    const failing = buildSchema('type Query { later: Int now: Int! }');
    const fields = failing.getQueryType()?.getFields() ?? {};
    if (fields['later']) fields['later'].resolve = () => Promise.reject(new Error('later'));
    const write = compileQueryWriter(failing, parse('{ later now }'));
    expect(write?.({ contextValue: {} })).toBeUndefined();
    expect(await write?.({ contextValue: {}, rootValue: { now: 1 } })).toBeUndefined();
    // A rejection that nobody heard would end the process.
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('has resolvers that take their time work once for an answer, and not twice each time', async () => {
    let searches = 0;
    const counting = buildSchema('type Query { now: Int later: Int odd: [Int] }');
    const fields = counting.getQueryType()?.getFields() ?? {};
    if (fields['later']) fields['later'].resolve = () => Promise.resolve((searches += 1));
    const rootValue = { now: 0, odd: [Promise.resolve(1)] };
    const ask = async (query: string) => {
      const write = compileQueryWriter(counting, parse(query));
      const texts = [1, 2, 3].map(async () => write?.({ contextValue: {}, rootValue }));
      return Promise.all(texts);
    };
    expect(await ask('{ now later }')).toEqual(
      [1, 2, 3].map((later) => `{"data":{"now":0,"later":${later}}}`),
    );
    // Promises within a list are the reference's; it is asked at once from then on.
    expect(await ask('{ later odd }')).toEqual([undefined, undefined, undefined]);
    expect(searches).toBe(4);
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
