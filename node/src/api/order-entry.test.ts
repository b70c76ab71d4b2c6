import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askApi } from './testing/ask-api.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME } from './testing/sample-market.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

let folder: string;
let issuer: TokenIssuer;
let api: SampleApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-api-'));
  issuer = await createTokenIssuer(folder);
  api = await startSampleApi('alpha', issuer.options);
});
afterAll(async () => {
  await api.stop();
  await rm(folder, { recursive: true });
});

const terms = {
  instrument: ACME.id,
  account: `0x${'11'.repeat(20)}`,
  side: 'BUY',
  quantity: '2',
  limitPrice: '100.1',
};

const PREVIEW = `query ($input: PreviewRouteInput!) {
  previewRoute(input: $input) {
    __typename
    ... on RoutePreview {
      routerVersion bookVersion quantity unrouted notional fees fixedCosts total averageAllIn
      legs { venue { id } price quantity notional fee fixedCost }
      exact settleableQuantity settlementRefusal { code } exclusions { venue { id } code message fromPrice }
    }
    ... on Refusal { code }
  }
}`;

const PLACE = `mutation ($input: PlaceOrderInput!, $wait: Int) {
  placeOrder(input: $input, answerWithinMs: $wait) {
    ... on OrderPlaced { existed order {
      id timeInForce expireAt minimumQuantity allOrNone strategy directedTo { id } remainder
      cancelOnDisconnect revision leaves
    } }
    ... on Refusal { code message action }
  }
}`;

async function ask(query: string, variables?: object, scope = 'orders:read orders:write') {
  const token = await issuer.token({ scope });
  return askApi(api.url, query, { token, ...(variables ? { variables } : {}) });
}

describe('the preview of a route', () => {
  it('gives every cost of a buy, leg by leg and in sum', async () => {
    expect(await ask(PREVIEW, { input: terms })).toEqual({
      data: {
        previewRoute: {
          __typename: 'RoutePreview',
          ...{ routerVersion: 'total-cost/1', bookVersion: 7, quantity: '1.5', unrouted: '0.5' },
          // (10,010,000 + 5,005,000) notional units of 10^-5, 24,000 of fees, 20,000 fixed.
          ...{ notional: '150.15', fees: '0.24', fixedCosts: '0.2', total: '150.59' },
          averageAllIn: '100.393333',
          legs: [
            {
              ...{ venue: { id: 'alpha' }, price: '100.1', quantity: '1', notional: '100.1' },
              ...{ fee: '0.25', fixedCost: '0.1' },
            },
            {
              ...{ venue: { id: 'beta' }, price: '100.1', quantity: '0.5', notional: '50.05' },
              ...{ fee: '-0.01', fixedCost: '0.1' },
            },
          ],
          exact: true,
          settleableQuantity: '1.5',
          settlementRefusal: { code: 'CASH_TOO_LOW' },
          exclusions: [
            {
              ...{ venue: { id: 'beta' }, code: 'SELF_TRADE', fromPrice: '100.2' },
              message: 'beta holds an order of the same account that this one could meet.',
            },
            {
              ...{ venue: { id: 'gamma' }, code: 'TERMS_UNKNOWN', fromPrice: null },
              message: 'gamma has not told what it charges and when it trades.',
            },
          ],
        },
      },
    });
  });

  it('takes costs off what a seller is paid', async () => {
    const { data } = await ask(PREVIEW, { input: { ...terms, side: 'SELL' } });
    expect(data?.previewRoute).toMatchObject({ total: '149.71', averageAllIn: '99.806667' });
  });

  it('needs no right to trade, and is refused as the order would be', async () => {
    const reading = await ask(PREVIEW, { input: terms }, 'orders:read');
    expect(reading.data?.previewRoute).toMatchObject({ __typename: 'RoutePreview' });
    const refused = await ask(PREVIEW, { input: { ...terms, quantity: '13' } });
    expect(refused.data?.previewRoute).toEqual({
      __typename: 'NotEligible',
      code: 'CLAIM_MISSING',
    });
    const malformed = await ask(PREVIEW, { input: { ...terms, account: '0x12' } });
    expect(malformed.data?.previewRoute).toMatchObject({ code: 'ACCOUNT_INVALID' });
    const writing = await ask(PREVIEW, { input: terms }, 'orders:write');
    expect(writing.errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
  });
});

describe('entering orders', () => {
  it('takes every term of an order, and shows it as it was taken', async () => {
    const input = {
      ...{ ...terms, clientOrderId: 'full', timeInForce: 'GTD', minimumQuantity: '0.5' },
      ...{ expireAt: '2031-02-28T12:00:00Z', allOrNone: true, cancelOnDisconnect: true },
      ...{ strategy: 'DIRECTED', directedTo: 'beta', remainder: 'REST_BEST' },
    };
    expect(await ask(PLACE, { input })).toMatchObject({
      data: {
        placeOrder: {
          existed: false,
          order: {
            ...{ timeInForce: 'GTD', expireAt: '2031-02-28T12:00:00.000Z', allOrNone: true },
            ...{ minimumQuantity: '0.5', strategy: 'DIRECTED', directedTo: { id: 'beta' } },
            ...{ remainder: 'REST_BEST', cancelOnDisconnect: true, revision: 0, leaves: '1' },
          },
        },
      },
    });
    expect(await ask(PLACE, { input: { ...terms, clientOrderId: 'plain' } })).toMatchObject({
      data: {
        placeOrder: {
          order: {
            ...{ timeInForce: 'DAY', expireAt: null, minimumQuantity: null, allOrNone: false },
            ...{ strategy: 'BEST', directedTo: null, remainder: 'REST_HOME' },
          },
        },
      },
    });
  });

  it('bounds how long an answer may wait for the venues', async () => {
    for (const wait of [-1, 5_001]) {
      const answer = await ask(PLACE, { input: { ...terms, clientOrderId: 'wait' }, wait });
      expect(answer.errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT');
    }
  });

  it('replaces, and cancels one or all', async () => {
    await ask(PLACE, { input: { ...terms, clientOrderId: 'changing' } });
    const answer = await ask(`mutation {
      replaceOrder(input: { id: "alpha-1", quantity: "3", limitPrice: "100.2" }) {
        ... on ReplaceRequested { order { status quantity limitPrice } } }
      cancelOrder(id: "alpha-1") { ... on CancelRequested { order { status } } }
      cancelAllOrders(side: BUY, instrument: "${ACME.id.toUpperCase()}") {
        ... on CancelAllRequested { count } ... on Refusal { code } }
    }`);
    expect(answer).toMatchObject({
      data: {
        replaceOrder: { order: { status: 'PENDING_REPLACE', quantity: '3', limitPrice: '100.2' } },
        cancelOrder: { order: { status: 'PENDING_CANCEL' } },
        cancelAllOrders: { count: expect.any(Number) },
      },
    });
    const reading = await ask(
      'mutation { cancelAllOrders { __typename } }',
      undefined,
      'orders:read',
    );
    expect(reading.errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
  });

  it('refuses what it cannot read, and has it recorded', async () => {
    const before = api.orders.refusals.length;
    const input = { ...terms, clientOrderId: 'bad', quantity: '1e3' };
    expect((await ask(PLACE, { input })).data?.placeOrder).toEqual({
      code: 'DECIMAL_INVALID',
      message: 'quantity: "1e3" is not a decimal number.',
      action: 'Send digits with at most one point, such as "100.25".',
    });
    await ask(`mutation {
      replaceOrder(input: { id: "alpha-1", quantity: "1", limitPrice: "1.001" }) { __typename }
      other: replaceOrder(input: { id: "alpha-77", quantity: "1" }) { __typename }
      cancelAllOrders(instrument: "ACME") { __typename }
    }`);
    expect(
      api.orders.refusals.slice(before).map(({ asked, refusal }) => [asked, refusal.code]),
    ).toEqual([
      [{ action: 'place', clientOrderId: 'bad' }, 'DECIMAL_INVALID'],
      [{ action: 'replace', orderId: 'alpha-1' }, 'TOO_MANY_DECIMALS'],
      [{ action: 'replace', orderId: 'alpha-77' }, 'ORDER_UNKNOWN'],
      [{ action: 'cancel-all' }, 'INSTRUMENT_UNKNOWN'],
    ]);
  });
});

describe('the lists of the blotter', () => {
  it('take first or last, up to 100, and cursors that they gave', async () => {
    const token = await issuer.token({ member: 'lister' });
    for (let number = 1; number <= 4; number += 1) {
      const variables = { input: { ...terms, clientOrderId: `list-${number}` } };
      await askApi(api.url, PLACE, { token, variables });
    }
    const list = async (args: string, field = 'orders') => {
      const query = `{ ${field}${args} { edges { cursor } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }`;
      const { data, errors } = await askApi(api.url, query, { token });
      return errors ? errors[0]?.extensions?.code : data?.[field];
    };
    const page = await list('(last: 2)');
    expect(page).toMatchObject({ pageInfo: { hasNextPage: false, hasPreviousPage: true } });
    const { startCursor } = (page as { pageInfo: { startCursor: string } }).pageInfo;
    expect(await list(`(last: 5, before: "${startCursor}")`)).toMatchObject({
      edges: [{}, {}],
      pageInfo: { hasNextPage: true, hasPreviousPage: false },
    });
    for (const field of ['orders', 'legs', 'executions', 'receipts']) {
      expect(await list('', field)).toMatchObject({ edges: [{}, {}, {}, {}] });
      expect(await list('(first: 1, last: 1)', field)).toBe('BAD_USER_INPUT');
      expect(await list('(first: 101)', field)).toBe('BAD_USER_INPUT');
      expect(await list('(last: 0)', field)).toBe('BAD_USER_INPUT');
      expect(await list('(after: "no cursor")', field)).toBe('CURSOR_INVALID');
    }
    expect(await list('(filter: { placedFrom: "2026-02-30T00:00:00Z" })')).toBe('BAD_USER_INPUT');
    expect(await list('(filter: { account: "0x12" })')).toBe('BAD_USER_INPUT');
  });

  it('answer a page with all that hangs on its orders', async () => {
    const token = await issuer.token({ member: 'lister' });
    const query = `{ orders(first: 2) { edges { node {
      id legs { id order { id } } executions { executionId state reason price order { id } }
      receipt { revisions document } fades { code proven document venue { id } }
    } } } }`;
    const answer = await askApi(api.url, query, { token });
    expect(answer.errors).toBeUndefined();
    const { edges } = (answer.data as { orders: { edges: { node: { id: string } }[] } }).orders;
    expect(edges.map(({ node }) => node)).toMatchObject(
      edges.map(({ node: { id } }) => ({
        id,
        legs: [{ id: `${id}.1.1`, order: { id } }],
        executions: [{ state: 'CORRECTED', price: '100.1', reason: 'typed wrong', order: { id } }],
        receipt: { revisions: 2, document: expect.stringContaining(id) },
        fades: [{ code: 'SHORT', proven: true, document: null, venue: { id: 'beta' } }],
      })),
    );
  });
});

describe('the documents of receipts', () => {
  it('are bounded in one operation, because each may be large', async () => {
    const token = await issuer.token({ member: 'prover' });
    for (let number = 1; number <= 6; number += 1) {
      const variables = { input: { ...terms, clientOrderId: `proof-${number}` } };
      await askApi(api.url, PLACE, { token, variables });
    }
    const few =
      '{ receipts(first: 5) { edges { node { document order { fades { document } } } } } }';
    expect((await askApi(api.url, few, { token })).errors).toBeUndefined();
    const many = await askApi(api.url, few.replace('first: 5', 'first: 6'), { token });
    expect(new Set(many.errors?.map(({ extensions }) => extensions?.code))).toEqual(
      new Set(['OPERATION_TOO_LARGE']),
    );
  });
});

describe("a venue's terms", () => {
  it('are public where they are known, and null where not', async () => {
    const { data, errors } = await askApi(
      api.url,
      `{ venues { id phase
        fees { minimum cap tiers { fromNotional makerPpm takerPpm } }
        hours { timeZone weekdays open close holidays earlyCloses { date close } nextChangeAt } } }`,
    );
    expect(errors).toBeUndefined();
    expect(data?.venues).toEqual([
      { id: 'alpha', phase: null, fees: null, hours: null },
      {
        id: 'beta',
        phase: 'OPEN',
        fees: {
          ...{ minimum: '0.5', cap: '75' },
          tiers: [{ fromNotional: '0', makerPpm: -200, takerPpm: 1_000 }],
        },
        hours: {
          ...{ timeZone: 'America/New_York', weekdays: [1, 2, 3, 4, 5, 6, 7] },
          ...{ open: '00:00', close: '24:00', holidays: ['2020-12-25'] },
          earlyCloses: [{ date: '2020-12-24', close: '13:00' }],
          nextChangeAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        },
      },
      { id: 'gamma', phase: null, fees: null, hours: null },
    ]);
  });
});
