import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bookDigest } from '../market/book-digest.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME, BOND } from './testing/sample-market.ts';
import { SAMPLE_SENT_AT_MS } from './testing/sample-services.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

let folder: string;
let issuer: TokenIssuer;
let api: SampleApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-figures-'));
  issuer = await createTokenIssuer(folder);
  api = await startSampleApi('alpha', issuer.options);
});
afterAll(async () => {
  await api.stop();
  await rm(folder, { recursive: true });
});

interface Answer {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly extensions?: Readonly<Record<string, unknown>> }[];
}

async function ask(query: string, token?: string): Promise<Answer> {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query }),
  });
  return (await response.json()) as Answer;
}

const codes = ({ errors }: Answer) => errors?.map(({ extensions }) => extensions?.['code']);
const iso = (ms: number) => new Date(ms).toISOString();

describe('the figures of a day over the API', () => {
  it('are decimals, exact but for the average price, which is rounded half up', async () => {
    const answer = await ask(`{ instrument(id: "${ACME.id}") { statistics {
      dayStart knownSince exact
      consolidated { trades volume notional open high low last vwap }
      venues { venue { id } statistics { trades vwap } }
    } } }`);
    // 450.55 over 4.5 is 100.122…: 100.12.
    expect(answer.data?.['instrument']).toEqual({
      statistics: {
        dayStart: '2026-01-02T00:00:00.000Z',
        knownSince: '2026-01-02T01:00:00.000Z',
        exact: true,
        consolidated: {
          ...{ trades: 3, volume: '4.5', notional: '450.55', vwap: '100.12' },
          ...{ open: '100.1', high: '100.15', low: '100.1', last: '100.1' },
        },
        venues: [{ venue: { id: 'beta' }, statistics: { trades: 3, vwap: '100.12' } }],
      },
    });
  });
});

describe('evidence over the API', () => {
  it('is both frames in base64, of all venues or of one', async () => {
    const answer = await ask(`{
      equivocations { venue kind epoch sequence foundAt frames }
      others: equivocations(venue: "alpha") { venue }
    }`);
    expect(codes(await ask('{ equivocations(first: 65) { venue } }'))).toEqual(['BAD_USER_INPUT']);
    expect(answer.data).toEqual({
      equivocations: [
        {
          ...{ venue: 'beta', kind: 'EQUIVOCATION', epoch: 1_700_000_000_000, sequence: 7 },
          ...{ foundAt: iso(1_700_000_000_123), frames: ['AQI=', 'Aw=='] },
        },
      ],
      others: [],
    });
  });
});

describe('the past over the API', () => {
  const bookAt = (ms: number, instrument: string = ACME.id) =>
    ask(`{ bookAt(instrument: "${instrument}", at: "${iso(ms)}") {
      at digest complete frames bids { price quantity venues { venue quantity } } offers { price }
      venues { venue live halted firm validUntil }
    } }`);

  it('is the book of then, with the digest of its levels', async () => {
    const answer = await bookAt(SAMPLE_SENT_AT_MS + 1_000);
    const share = { venue: 'beta', quantity: 500 };
    const digest = bookDigest({
      instrument: ACME.id,
      bids: [{ price: 10_005, quantity: 500, venues: [share] }],
      offers: [],
    });
    expect(answer.data?.['bookAt']).toEqual({
      ...{ at: iso(SAMPLE_SENT_AT_MS + 1_000), digest, complete: true, frames: 1, offers: [] },
      bids: [{ price: '100.05', quantity: '0.5', venues: [{ venue: 'beta', quantity: '0.5' }] }],
      venues: [
        {
          ...{ venue: 'beta', live: true, halted: false, firm: true },
          validUntil: iso(SAMPLE_SENT_AT_MS + 60_000),
        },
      ],
    });
  });

  it('is null where nothing was said, and refused where it is not past', async () => {
    expect(await bookAt(SAMPLE_SENT_AT_MS - 1)).toEqual({ data: { bookAt: null } });
    expect(await bookAt(SAMPLE_SENT_AT_MS, BOND.id)).toEqual({ data: { bookAt: null } });
    expect(codes(await bookAt(Date.now() + 60_000))).toEqual(['BAD_USER_INPUT']);
    const nonsense = `{ bookAt(instrument: "${ACME.id}", at: "2026-13-01T00:00:00Z") { at } }`;
    expect(codes(await ask(nonsense))).toEqual(['BAD_USER_INPUT']);
  });

  it('is made for few at a time', async () => {
    const many = Array.from({ length: 4 }, (_, index) => {
      const at = iso(SAMPLE_SENT_AT_MS);
      return `b${index}: bookAt(instrument: "${ACME.id}", at: "${at}") { frames }`;
    });
    const answer = await ask(`{ ${many.join(' ')} }`);
    expect(codes(answer)).toEqual(['HISTORY_BUSY', 'HISTORY_BUSY']);
    expect((await bookAt(SAMPLE_SENT_AT_MS)).errors).toBeUndefined();
  });

  it('has a digest beside it in the present, of all levels whatever the depth', async () => {
    const answer = await ask(`{
      one: book(instrument: "${ACME.id}", depth: 1) { digest venues { since } }
      all: book(instrument: "${ACME.id}") { digest venues { since } }
    }`);
    const digest = bookDigest(api.market.book(ACME.id));
    const venues = [1, 2].map(() => ({ since: iso(1_700_000_000_000) }));
    expect(answer.data).toEqual({ one: { digest, venues }, all: { digest, venues } });
  });
});

describe('what an account could settle', () => {
  const settleable = (account: string, token?: string) =>
    ask(
      `{ settleableBook(instrument: "${ACME.id}", account: "0x${account.repeat(20)}") {
      version bid { price quantity settleableQuantity venues } offer { price settleableQuantity }
      offers { price quantity settleableQuantity refusal { code }
        venues { venue quantity settleableQuantity } }
      sellRefusal { code } buyRefusal { code message action }
    } }`,
      token,
    );

  it('stands beside what is displayed, with the reason where it differs', async () => {
    const token = await issuer.token();
    const bid = {
      ...{ price: '100.1', quantity: '1.5', settleableQuantity: '1.5', venues: ['alpha'] },
    };
    expect((await settleable('11', token)).data?.['settleableBook']).toEqual({
      ...{ version: 1, bid, offer: { price: '100.1', settleableQuantity: '0.5' } },
      offers: [
        {
          ...{ price: '100.1', quantity: '3', settleableQuantity: '0.5' },
          refusal: { code: 'HOLDER_CAP' },
          venues: [
            { venue: 'alpha', quantity: '1', settleableQuantity: '0.5' },
            { venue: 'beta', quantity: '2', settleableQuantity: '0.5' },
          ],
        },
      ],
      sellRefusal: null,
      buyRefusal: { code: 'HOLDER_CAP', message: 'It is full.', action: 'Wait.' },
    });
    expect((await settleable('22', token)).data?.['settleableBook']).toMatchObject({
      ...{ bid, offer: null, sellRefusal: null },
      buyRefusal: { code: 'CLAIM_MISSING', action: 'Have it attested.' },
    });
  });

  it("is for the node's own callers", async () => {
    expect(codes(await settleable('11'))).toEqual(['UNAUTHENTICATED']);
    const elsewhere = await issuer.token({ home: 'beta' });
    expect(codes(await settleable('11', elsewhere))).toEqual(['WRONG_HOME']);
  });
});
