import { EmbeddedVenue } from '@stoa/adapters';
import { isRefusal, type Refusal } from '@stoa/schema';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LinkNetwork } from '../orders/testing/link-network.ts';
import { TestMarket } from '../orders/testing/test-market.ts';
import {
  BROKER_WALLET,
  directoryOf,
  FLOW_WALLET,
  INSTRUMENT,
  OTHER_WALLET,
} from '../orders/testing/test-network.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { until } from '../testing/until.ts';
import { QuoteNode, type QuoteNodeOptions, taken } from './testing/quote-node.ts';

const VENUES = ['alpha', 'beta', 'gamma'];
const directory = directoryOf(VENUES);
let databases: TemporaryDatabases;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());

let network: LinkNetwork;
let market: TestMarket;
/** Home of the broker who asks. */
let home: QuoteNode;
/** Where the other broker answers. */
let venue: QuoteNode;
let book: EmbeddedVenue;

function newBook(name: string): EmbeddedVenue {
  return new EmbeddedVenue({
    ...{ venue: name, instruments: [INSTRUMENT], nowMs: () => Date.now() },
    flowOwner: { member: name, account: FLOW_WALLET },
  });
}

async function open(name: string, other: Partial<QuoteNodeOptions> = {}): Promise<QuoteNode> {
  const options = { venue: name, network, market, directory, ...other };
  return QuoteNode.open(await databases.empty(name), options, newBook(name));
}

async function start(ofVenue: Partial<QuoteNodeOptions> = {}): Promise<void> {
  network = new LinkNetwork();
  market = new TestMarket(INSTRUMENT.id, VENUES);
  home = await open('alpha');
  const options = { venue: 'beta', network, market, directory, ...ofVenue };
  book = newBook('beta');
  venue = await QuoteNode.open(await databases.empty('beta'), options, book);
  network.connect('alpha', 'beta');
}

beforeEach(() => start());
afterEach(async () => {
  await home.close();
  await venue.close();
});

const toBeta = [{ venue: 'beta' }];

/** A request of the broker that has reached beta, with a firm quote of the other broker. */
async function quoted(): Promise<{ requestId: string; quoteId: string }> {
  const { id: requestId } = await home.request({ venues: toBeta });
  await until(async () => (await venue.negotiation.toAnswer('other')).length > 0);
  const { id: quoteId } = await venue.submit(requestId);
  await until(async () => (await home.view(requestId)).quotes.length > 0);
  return { requestId, quoteId };
}

function codeOf(answer: unknown): string {
  return isRefusal(answer) ? answer.code : 'none';
}

async function ended(node: QuoteNode, orderId: string): Promise<string> {
  await until(async () => /filled|canceled|rejected/.test((await node.node.order(orderId)).status));
  return (await node.node.order(orderId)).status;
}

describe('a quote over the network', () => {
  it('is asked for, given, taken, executed at its venue and settled from the home that took it', async () => {
    const { requestId, quoteId } = await quoted();
    expect(await home.view(requestId)).toMatchObject({
      status: 'open',
      quotes: [{ venue: 'beta', status: 'firm', offerPrice: 1_000, offerQuantity: 100 }],
    });
    const order = await home.accept(quoteId, 'mine');
    expect(await ended(home, order.id)).toBe('filled');
    await until(async () => (await home.view(requestId)).status === 'accepted');
    expect((await home.view(requestId)).quotes[0]).toMatchObject({
      status: 'accepted',
      orderId: order.id,
    });

    const [own] = (await venue.negotiation.oneToAnswer('other', requestId))?.quotes ?? [];
    expect(own?.status).toBe('accepted');
    const maker = await venue.node.order(own?.makerOrderId ?? '');
    expect(maker).toMatchObject({
      member: 'other',
      side: 'sell',
      status: 'filled',
      filled: 100,
      quoteId,
    });
    const executed = { venue: 'beta', price: 1_000, quantity: 100 };
    expect(await home.node.executions(order.id)).toEqual([executed]);
    expect(await venue.node.executions(maker.id)).toEqual([executed]);
    expect(await home.node.instructions()).toMatchObject([{ venue: 'beta', order_id: order.id }]);
    expect(await venue.node.instructions()).toEqual([]);
  });

  it('is taken once: again with the same id it is the same order, with another it is refused', async () => {
    const { quoteId } = await quoted();
    const answers = await Promise.all([
      home.tryAccept(quoteId, 'one'),
      home.tryAccept(quoteId, 'two'),
      home.tryAccept(quoteId, 'one'),
    ]);
    const orders = answers.filter((one) => !isRefusal(one));
    expect(answers.filter(isRefusal).map(({ code }) => code)).toContain('QUOTE_REQUEST_ACCEPTED');
    const ids = new Set(orders.map((one) => (isRefusal(one) ? '' : one.order.id)));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    expect(await ended(home, id)).toBe('filled');
    const { clientOrderId } = await home.node.order(id);
    expect(await home.tryAccept(quoteId, clientOrderId)).toMatchObject({
      existed: true,
      order: { id },
    });
    expect(codeOf(await home.tryAccept(quoteId, 'late'))).toBe('QUOTE_REQUEST_ACCEPTED');
    expect(await home.node.instructions()).toHaveLength(1);
  });

  it('ends the other quotes of its request, at every venue, once it is executed', async () => {
    const { requestId, quoteId } = await quoted();
    const second = await venue.submit(requestId, { offer: { price: 1_005, quantity: 100 } });
    await until(async () => (await home.view(requestId)).quotes.length === 2);
    const order = await home.accept(quoteId);
    await ended(home, order.id);
    await until(async () =>
      (await home.view(requestId)).quotes.every((one) => one.status !== 'firm'),
    );
    expect((await home.view(requestId)).quotes.find(({ id }) => id === second.id)).toMatchObject({
      ...{ status: 'ended', code: 'QUOTE_NOT_CHOSEN' },
    });
    const shown = await venue.negotiation.oneToAnswer('other', requestId);
    expect(shown?.isOpen).toBe(false);
    expect(await venue.negotiation.toAnswer('other')).toEqual([]);
    expect(codeOf(await venue.trySubmit(requestId))).toBe('QUOTE_REQUEST_ENDED');
  });

  it('may be quoted on both sides, and nobody is told which one was wanted', async () => {
    const { id } = await home.request({ venues: toBeta, side: undefined, account: BROKER_WALLET });
    await until(async () => (await venue.negotiation.toAnswer('other')).length > 0);
    expect((await venue.negotiation.toAnswer('other'))[0]).toMatchObject({ id, side: undefined });
    const quote = await venue.submit(id, {
      ...{ bid: { price: 995, quantity: 50 }, offer: { price: 1_005, quantity: 100 } },
    });
    await until(async () => (await home.view(id)).quotes.length > 0);
    expect(codeOf(await home.tryAccept(quote.id))).toBe('QUOTE_SIDE_MISSING');
    const { order } = taken(await home.tryAccept(quote.id, 'sold', 'sell'));
    expect(await ended(home, order.id)).toBe('filled');
    expect(await home.node.order(order.id)).toMatchObject({
      side: 'sell',
      quantity: 50,
      limitPrice: 995,
    });
  });

  it('is given at home too, where both sides are members of one venue', async () => {
    const { id } = await home.request({ venues: [{ venue: 'alpha' }] });
    const quote = await home.submit(id);
    const order = await home.accept(quote.id);
    expect(await ended(home, order.id)).toBe('filled');
    expect(await home.node.instructions()).toMatchObject([{ venue: 'alpha' }]);
    await until(async () => (await home.view(id)).status === 'accepted');
  });

  it('comes from the venue’s own house as well, and is taken from it', async () => {
    const { id } = await home.request({ venues: toBeta });
    const offer = { price: 990, quantity: 100 };
    await until(
      () => typeof book.quote(id, { offer, validUntilMs: Date.now() + 30_000 }) === 'string',
    );
    await until(async () => (await home.view(id)).quotes.length > 0);
    const [quote] = (await home.view(id)).quotes;
    const order = await home.accept(quote?.id ?? '');
    expect(await ended(home, order.id)).toBe('filled');
    expect(await home.node.executions(order.id)).toEqual([
      { venue: 'beta', price: 990, quantity: 100 },
    ]);
  });
});

describe('what can be taken no more', () => {
  it('is refused by the venue’s clock, whatever the home’s says', async () => {
    const { id: requestId } = await home.request({ venues: toBeta });
    await until(async () => (await venue.negotiation.toAnswer('other')).length > 0);
    const { id } = await venue.submit(requestId, { validUntilMs: Date.now() + 400 });
    await until(async () => (await home.view(requestId)).quotes.length > 0);
    // Cut off, and with a clock that runs ten minutes late from now on, the home thinks that it stands.
    network.cut('alpha', 'beta');
    home.node.aheadMs = -600_000;
    await new Promise((resolve) => setTimeout(resolve, 450));
    const order = await home.accept(id);
    network.connect('alpha', 'beta');
    expect(await ended(home, order.id)).toBe('rejected');
    expect((await home.node.order(order.id)).reason).toMatch(/QUOTE_EXPIRED/);
    await until(async () => (await home.view(requestId)).status === 'open');
    expect((await home.view(requestId)).quotes[0]).toMatchObject({
      status: 'ended',
      code: 'QUOTE_EXPIRED',
    });
    expect(await home.node.instructions()).toEqual([]);
  });

  it('ends by itself at both sides when its time is over', async () => {
    const { id: requestId } = await home.request({ venues: toBeta, expireAtMs: Date.now() + 900 });
    await until(async () => (await venue.negotiation.toAnswer('other')).length > 0);
    const { id } = await venue.submit(requestId, { validUntilMs: Date.now() + 300 });
    await until(async () => (await home.view(requestId)).quotes[0]?.status === 'ended');
    expect(codeOf(await home.tryAccept(id))).toBe('QUOTE_EXPIRED');
    await until(async () => (await home.view(requestId)).status === 'expired');
    await until(
      async () => (await venue.negotiation.oneToAnswer('other', requestId))?.isOpen === false,
    );
    expect(codeOf(await venue.trySubmit(requestId))).toBe('QUOTE_REQUEST_ENDED');
  });

  it('was taken back by who gave it, or by who asked', async () => {
    const { requestId, quoteId } = await quoted();
    taken(await venue.negotiation.withdraw(venue.caller('other'), quoteId));
    await until(async () => (await home.view(requestId)).quotes[0]?.status === 'ended');
    expect(codeOf(await home.tryAccept(quoteId))).toBe('QUOTE_ENDED');
    const second = await venue.submit(requestId);
    await until(async () => (await home.view(requestId)).quotes.length === 2);
    taken(await home.negotiation.cancelRequest(home.caller(), requestId));
    expect(codeOf(await home.tryAccept(second.id))).toBe('QUOTE_REQUEST_ENDED');
    await until(async () => {
      const shown = await venue.negotiation.oneToAnswer('other', requestId);
      return shown?.quotes.every(({ status }) => status === 'ended') === true;
    });
    expect(codeOf(await venue.trySubmit(requestId))).toBe('QUOTE_REQUEST_ENDED');
  });
});

describe('who may do what', () => {
  it('tells a responder no more than the venue discloses, and others nothing', async () => {
    const { requestId, quoteId } = await quoted();
    expect(await venue.negotiation.oneToAnswer('other', requestId)).toMatchObject({
      ...{ home: undefined, member: undefined },
    });
    // The broker is a member of another venue's; the home of the request knows nothing of inquiries.
    expect(codeOf(await home.trySubmit(requestId))).toBe('QUOTE_REQUEST_UNKNOWN');
    expect(await venue.negotiation.find('other', { id: requestId })).toBeUndefined();
    expect(await home.negotiation.find('other', { id: requestId })).toBeUndefined();
    const answer = await home.negotiation.accept(home.caller('other'), {
      ...{ clientOrderId: 'theirs', quoteId, side: undefined },
    });
    expect(codeOf(answer)).toBe('QUOTE_UNKNOWN');
    expect(codeOf(await venue.negotiation.withdraw(venue.caller(), quoteId))).toBe('QUOTE_UNKNOWN');
  });

  it('reaches only the counterparties that it is directed to', async () => {
    const { id } = await home.request({ venues: [{ venue: 'beta', responders: ['broker'] }] });
    await until(async () => (await venue.negotiation.toAnswer('broker')).length > 0);
    expect(await venue.negotiation.toAnswer('other')).toEqual([]);
    expect(codeOf(await venue.trySubmit(id))).toBe('QUOTE_REQUEST_UNKNOWN');
  });

  it('is told what is wrong, before anything is asked or given', async () => {
    const { requestId } = await quoted();
    const asked = [
      await home.tryRequest({ clientRequestId: 'with blank' }),
      await home.tryRequest({ expireAtMs: Date.now() - 1 }),
      await home.tryRequest({ expireAtMs: Date.now() + 86_400_000 }),
      await home.tryRequest({ quantity: 5 }),
      await home.tryRequest({ account: OTHER_WALLET }),
      await home.tryRequest({ venues: [{ venue: 'nobody' }] }),
      await home.tryRequest({ venues: [...toBeta, ...toBeta] }),
      await home.tryRequest({ venues: [{ venue: 'beta', responders: ['no member'] }] }),
      await home.tryRequest({ clientRequestId: 'ask-1', quantity: 50 }),
    ];
    expect(asked.map(codeOf)).toEqual([
      ...['CLIENT_REQUEST_ID_INVALID', 'QUOTE_EXPIRY_INVALID', 'QUOTE_EXPIRY_INVALID', 'OFF_LOT'],
      ...['ACCOUNT_UNKNOWN', 'VENUE_UNKNOWN', 'QUOTE_VENUES_INVALID', 'QUOTE_VENUES_INVALID'],
      'CLIENT_REQUEST_ID_REUSED',
    ]);
    const given = [
      await venue.trySubmit(requestId, { offer: { price: 1_001, quantity: 100 } }),
      await venue.trySubmit(requestId, { offer: { price: 1_000, quantity: 110 } }),
      await venue.trySubmit(requestId, { bid: { price: 1_000, quantity: 100 } }),
      await venue.trySubmit(requestId, { offer: undefined }),
      await venue.trySubmit(requestId, { account: BROKER_WALLET }),
      await venue.trySubmit(requestId, { validUntilMs: Date.now() - 1 }),
      await venue.trySubmit('alpha-q99'),
    ];
    expect(given.map(codeOf)).toEqual([
      ...['OFF_TICK', 'QUOTE_TOO_LARGE', 'QUOTE_SIDE_NOT_GIVEN', 'QUOTE_SIDE_MISSING'],
      ...['ACCOUNT_UNKNOWN', 'QUOTE_EXPIRY_INVALID', 'QUOTE_REQUEST_UNKNOWN'],
    ]);
    const { sql } = home.node.store;
    const kept = await sql<{ code: string }[]>`select code from order_refusals order by id`;
    expect(kept).toHaveLength(asked.length);
  });

  it('has limits of requests and quotes, and of what its wallet could settle', async () => {
    await home.close();
    await venue.close();
    const refusal: Refusal = {
      refused: true,
      code: 'CLAIM_MISSING',
      message: 'No.',
      action: 'Get one.',
    };
    let checks = true;
    await start({ rules: { maxOpenQuotes: 1 } });
    await home.close();
    home = await open('alpha', {
      rules: { maxOpenRequests: 2 },
      checkOrder: async () => (checks ? undefined : (refusal as never)),
    });
    network.connect('alpha', 'beta');
    const { requestId, quoteId } = await quoted();
    expect(codeOf(await venue.trySubmit(requestId))).toBe('TOO_MANY_QUOTES');
    checks = false;
    expect(codeOf(await home.tryRequest({ venues: toBeta }))).toBe('CLAIM_MISSING');
    expect(codeOf(await home.tryAccept(quoteId))).toBe('CLAIM_MISSING');
    checks = true;
    await home.request({ venues: toBeta });
    expect(codeOf(await home.tryRequest({ venues: toBeta }))).toBe('TOO_MANY_QUOTE_REQUESTS');
  });

  it('hears why a venue will not be asked', async () => {
    await venue.close();
    venue = await QuoteNode.open(
      await databases.empty('beta'),
      { venue: 'beta', network, market, directory, rules: { offered: false } },
      newBook('beta'),
    );
    network.connect('alpha', 'beta');
    const { id } = await home.request({ venues: toBeta });
    await until(async () => (await home.view(id)).venues[0]?.rejection !== undefined);
    expect((await home.view(id)).venues[0]?.rejection?.code).toBe('RFQ_NOT_OFFERED');
  });
});

describe('a crash around the acceptance', () => {
  it('of the home, once the acceptance is recorded, loses and doubles nothing', async () => {
    const { requestId, quoteId } = await quoted();
    network.cut('alpha', 'beta');
    const order = await home.accept(quoteId, 'mine');
    await until(async () => (await home.node.order(order.id)).status === 'unknown');
    expect((await home.view(requestId)).status).toBe('accepting');
    await home.restart(newBook('alpha'));
    expect(codeOf(await home.tryAccept(quoteId, 'another'))).toBe('QUOTE_REQUEST_ACCEPTED');
    network.connect('alpha', 'beta');
    expect(await ended(home, order.id)).toBe('filled');
    await until(async () => (await home.view(requestId)).status === 'accepted');
    expect(await home.node.instructions()).toHaveLength(1);
    expect(await home.node.executions(order.id)).toHaveLength(1);
  });

  it('of the venue, with the acceptance recorded and not executed, is executed after it', async () => {
    const { requestId, quoteId } = await quoted();
    // The venue records the acceptance, and its book never hears of it.
    const submit = book.submit.bind(book);
    book.submit = async (request) =>
      request.kind === 'quote-accept' ? { outcome: 'taken' } : submit(request);
    const order = await home.accept(quoteId);
    await until(async () => (await venue.node.store.sql`select 1 from venue_orders`).length === 2);
    await venue.restart(newBook('beta'));
    network.connect('alpha', 'beta');
    expect(await ended(home, order.id)).toBe('filled');
    await until(async () => (await home.view(requestId)).status === 'accepted');
    expect(await home.node.executions(order.id)).toHaveLength(1);
    const rows = await venue.node.store.sql`select 1 from executions`;
    expect(rows).toHaveLength(1);
  });

  it('of the home before it heard the outcome, has it afterwards', async () => {
    const { requestId, quoteId } = await quoted();
    const order = await home.accept(quoteId);
    await until(async () => (await venue.node.store.sql`select 1 from executions`).length > 0);
    await home.restart(newBook('alpha'));
    network.connect('alpha', 'beta');
    expect(await ended(home, order.id)).toBe('filled');
    await until(async () => (await home.view(requestId)).status === 'accepted');
  });
});

describe('who watches', () => {
  it('sees each request as it stands, a responder what it may answer', async () => {
    const ending = new AbortController();
    const seen: string[] = [];
    const asked: string[] = [];
    const watching = (async () => {
      for await (const { status, quotes } of home.negotiation.follow('broker', ending.signal)) {
        seen.push(`${status} ${quotes.map((quote) => quote.status).join(' ')}`.trim());
      }
    })();
    const answering = (async () => {
      for await (const { isOpen } of venue.negotiation.followToAnswer('other', ending.signal)) {
        asked.push(isOpen ? 'open' : 'over');
      }
    })();
    const { quoteId } = await quoted();
    await until(() => seen.includes('open firm'));
    await home.accept(quoteId);
    await until(() => seen.at(-1) === 'accepted accepted' && asked.at(-1) === 'over');
    expect(seen[0]).toBe('open');
    expect(asked[0]).toBe('open');
    ending.abort();
    await Promise.all([watching, answering]);
  });
});
