import { buildMarketSchema, createSubscriptionStreams } from '@stoa/node/market-api';
import {
  execute,
  type GraphQLObjectType,
  getNamedType,
  isObjectType,
  isRequiredArgument,
  parse,
  validate,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { createMarketExecution } from './compiled-market.ts';
import { createSampleView, SAMPLE_INSTRUMENT, sampleDirectory } from './testing/sample-view.ts';

const schema = buildMarketSchema({
  market: createSampleView(),
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
  ['{ equivocations(first: 65) { venue } equal: equivocations(first: 3) { venue kind frames } }'],
];

/** Everything that can be asked without an argument that has no default, three objects deep. */
function everything(type: GraphQLObjectType, depth: number): string {
  return Object.values(type.getFields())
    .filter(({ name, args }) => !name.startsWith('_') && !args.some(isRequiredArgument))
    .map(({ name, type: given }) => {
      const inner = getNamedType(given);
      if (!isObjectType(inner)) return name;
      return depth === 0 ? '' : `${name} { __typename ${everything(inner, depth - 1)} }`;
    })
    .join(' ');
}

describe('the compiled execution of the public market', () => {
  it.each(CORPUS)('answers %s as the reference does, every time', async (query, variables = {}) => {
    const document = parse(query);
    expect(validate(schema, document)).toEqual([]);
    const args = {
      schema,
      document,
      variableValues: variables as Record<string, unknown>,
      contextValue: {},
    };
    const told = (result: unknown): unknown => JSON.parse(JSON.stringify(result));
    const expected = told(await execute(args)) as { errors?: { message: string }[] };
    const run = createMarketExecution(schema);
    for (let time = 1; time <= 3; time += 1) {
      expect(told(await run(args)), `time ${time}`).toEqual(expected);
    }
  });

  it('answers all there is as the reference does', async () => {
    const query = schema.getQueryType();
    if (!query) throw new Error('no queries');
    const document = parse(
      `{ ${everything(query, 3)} acme: instrument(symbol: "ACME") { book { digest } } }`,
    );
    const args = { schema, document, contextValue: {} };
    const expected = JSON.stringify(await execute(args));
    expect(expected.length).toBeGreaterThan(2_000);
    const run = createMarketExecution(schema);
    for (let time = 1; time <= 3; time += 1) expect(JSON.stringify(await run(args))).toBe(expected);
  });

  it('keeps what is known of two operations of one document apart', async () => {
    const document = parse('query A { venues { id } } query B { instruments { symbol } }');
    const run = createMarketExecution(schema);
    for (let time = 1; time <= 3; time += 1) {
      const [a, b] = await Promise.all(
        ['A', 'B'].map((operationName) =>
          run({ schema, document, operationName, contextValue: {} }),
        ),
      );
      expect(a?.data).toHaveProperty('venues');
      expect(b?.data).toEqual({ instruments: [{ symbol: 'ACME' }] });
    }
  });
});
