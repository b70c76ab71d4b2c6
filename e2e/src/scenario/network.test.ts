import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatDecimal } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO_VENUES, shippedFlow } from '../harness/demo-venues.ts';
import { askGraphql } from '../harness/graphql-client.ts';
import { brokerToken, type Network, startNetwork } from '../harness/network.ts';
import { DEMO_STALE_AFTER_MS, type RunningProcess } from '../harness/network-processes.ts';
import { startTraceCollector, type TraceCollector } from '../harness/trace-collector.ts';
import { type BrokerDesk, openBrokerDesk } from './broker-desk.ts';
import { amountOf, readHoldings } from './holdings.ts';
import { HELD_TO_MANDATE, tradeUnderMandate } from './mandated-trade.ts';
import { awaitLiveMarket, awaitReplayedMarket } from './market-ready.ts';
import { NEGOTIATED_ONCE, negotiateThroughKill } from './negotiation.ts';
import { WATCH_ORDERS, watchOrders } from './order-watch.ts';
import { readmeQueries } from './readme-queries.ts';
import { refuseSecondSettlement, refuseUnverifiedInvestor, rejectForgedQuote } from './refusals.ts';
import { eventually } from './scenario-failure.ts';
import { integerOf, type SplitTrade, tradeAcrossVenues } from './split-trade.ts';
import { stoaVerify } from './stoa-verify.ts';
import { checkStoresAgree } from './stored-trades.ts';

const [HOME] = DEMO_VENUES;

const LEVELS = `query ($id: InstrumentId!) { book(instrument: $id) {
  bids { price quantity venues { venue quantity } } offers { price quantity venues { venue quantity } } } }`;

describe('a network of three venues, a chain and a gateway', () => {
  let network: Network;
  let desk: BrokerDesk;
  let traces: TraceCollector;
  const crashes: string[] = [];

  beforeAll(async () => {
    traces = await startTraceCollector();
    network = await startNetwork({
      tracesUrl: traces.url,
      baseFolder: `${tmpdir()}/stoa-e2e`,
      flows: new Map(DEMO_VENUES.map((venue) => [venue, shippedFlow(venue)])),
      flowSpeed: 'max',
      onCrash: (name, how) => crashes.push(`${name}: ${how}`),
    });
    desk = await openBrokerDesk(network);
    await awaitReplayedMarket(network, desk, () => undefined);
  }, 120_000);
  afterAll(async () => {
    await network?.stop();
    await traces?.stop();
  });

  const venueNode = (venue: string): RunningProcess => {
    const node = network.venues.get(venue);
    if (!node) throw new Error(`${venue} does not run`);
    return node;
  };

  const endpoints = () => [...network.venues.values(), network.gateway].map((one) => one.graphql);

  it('shows the same consolidated book on every node and the gateway', async () => {
    const books = await Promise.all(
      endpoints().map((url) =>
        askGraphql<{ book: { bids: unknown[]; offers: unknown[] } }>(url, {
          query: LEVELS,
          variables: { id: network.chain.instrument },
        }),
      ),
    );
    for (const { data } of books) expect(data).toEqual(books[0]?.data);
    expect(books[0]?.data?.book.offers.length).toBeGreaterThan(0);
    const venues = new Set(
      (await desk.book()).offers.flatMap((level) => level.venues.map((v) => v.venue)),
    );
    expect([...venues].sort()).toEqual([...DEMO_VENUES]);
  });

  it('has one digest of the book at a past moment on every node, and one set of figures', async () => {
    const instrument = network.chain.instrument;
    const at = new Date(Date.now() - 100).toISOString();
    const query = `{
      bookAt(instrument: "${instrument}", at: "${at}") { digest complete }
      book(instrument: "${instrument}") { digest }
      instrument(id: "${instrument}") { statistics { dayStart exact consolidated {
        trades volume notional open high low last vwap } } }
    }`;
    const token = await brokerToken(network);
    const ask = (url: string) =>
      askGraphql<{ bookAt: { digest: string }; book: { digest: string } }>(url, { query, token });
    // The last prints of the flow reach one node sooner than another.
    const first = await eventually('One answer of all', async () => {
      const answers = await Promise.all(endpoints().map(ask));
      expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
      const different = new Set(answers.map(({ data }) => JSON.stringify(data)));
      return different.size === 1 ? answers[0] : undefined;
    });
    // The flow has ended, so the book of then is the book of now.
    expect(first?.data?.bookAt).toEqual({ digest: first?.data?.book.digest, complete: true });
  });

  let trade: SplitTrade;

  it('fills one order over two venues and settles all legs in one transaction', async () => {
    trade = await tradeAcrossVenues(network, desk, {
      book: await desk.book(),
      clientOrderId: 'split-1',
    });
    await checkStoresAgree(network, HOME, trade.order);
    expect(amountOf(trade.after, 'alice', 'ACME')).toBe(integerOf(trade.order.filled, 18));
  });

  it('tells the trace of an order from the gateway over the venues to the chain', async () => {
    const venues = [...new Set(trade.order.legs.map(({ venue }) => venue.id))].sort();
    const of = (name: string) => traces.spans.filter((span) => span.name === name);
    const root = await eventually('the trace of the order', async () =>
      of('order').find(({ attributes }) => attributes.get('stoa.order') === trade.order.id),
    );
    const within = (name: string) => of(name).filter(({ traceId }) => traceId === root.traceId);
    const settled = await eventually(
      'the span of its settlement',
      async () => within('settlement')[0],
    );
    await eventually('spans of every venue', async () =>
      within('venue new').length === venues.length ? true : undefined,
    );
    // Each venue's own node tells what the venue was asked, in the trace that the order names.
    expect(
      within('venue new')
        .map(({ member }) => member)
        .sort(),
    ).toEqual(venues);
    expect(within('leg').map(({ member }) => member)).toEqual(venues.map(() => HOME));
    for (const span of [...within('leg'), ...within('venue new'), settled]) {
      expect(span.parentSpanId).toBe(root.spanId);
    }
    expect(settled.attributes.get('stoa.state')).toBe('settled');
    const [placing] = traces.spans.filter(({ links }) => links.includes(root.traceId));
    expect(placing?.member).toBe(HOME);
    const [asked] = traces.spans.filter(({ spanId }) => spanId === placing?.parentSpanId);
    expect(asked).toMatchObject({ service: 'stoa-gateway', traceId: placing?.traceId });
  });

  it('proves by a receipt why the order went where it went, to whoever has the file', async () => {
    const { data } = await askGraphql<{ order: { receipt: { document: string } } }>(
      network.gateway.graphql,
      {
        query: `query ($id: String!) { order(clientOrderId: $id) { receipt { document } } }`,
        variables: { id: 'split-1' },
        token: await brokerToken(network),
      },
    );
    const document = data?.order.receipt.document ?? '';
    const { memberRegistry, listingRegistry } = network.chain;
    const registry = [
      '--rpc',
      network.rpcUrl,
      '--registry',
      `${memberRegistry},${listingRegistry}`,
    ];
    const file = join(network.folder, 'receipt.json');
    await writeFile(file, document);
    expect(await stoaVerify(file, ...registry)).toMatchObject({ code: 0, outcome: 'proven' });

    // One price in the route, and nothing is proven any more.
    const forged = document.replace(
      /("limitPrice":)(\d+)/,
      (_all, name, price) => `${name}${Number(price) + 1}`,
    );
    expect(forged).not.toBe(document);
    await writeFile(file, forged);
    expect((await stoaVerify(file)).code).not.toBe(0);
  });

  it('answers the same order to the same client order id, and refuses other content under it', async () => {
    const input = {
      clientOrderId: 'again-1',
      instrument: network.chain.instrument,
      account: network.chain.alice.address,
      side: 'BUY',
      type: 'LIMIT',
      timeInForce: 'DAY',
      quantity: '5',
      limitPrice: '50',
    } as const;
    const first = await desk.place(input);
    if (!('order' in first)) throw new Error(first.refusal.message);
    const { id } = first.order;
    expect(await desk.place(input)).toMatchObject({ order: { id } });
    expect(await desk.place({ ...input, quantity: '6' })).toMatchObject({
      refusal: { code: 'CLIENT_ORDER_ID_REUSED' },
    });
    // What is open counts against the mandate that the investor signs below.
    await desk.cancel(id);
  });

  it('rests what cannot trade at home, shows it in the book of all, and cancels it', async () => {
    const resting = async () =>
      (await desk.book()).venues.find(({ venue }) => venue.id === HOME)?.bid?.price;
    // A tick above what home shows, and still below every offer.
    const better = formatDecimal(integerOf((await resting()) ?? '0', 4) + 100n, 4);
    expect(Number(better)).toBeLessThan(Number((await desk.book()).cbbo.offer?.price));
    const placed = await desk.place({
      clientOrderId: 'rest-1',
      instrument: network.chain.instrument,
      account: network.chain.alice.address,
      side: 'BUY',
      type: 'LIMIT',
      timeInForce: 'DAY',
      quantity: '7',
      limitPrice: better,
    });
    if (!('order' in placed)) throw new Error(placed.refusal.message);
    await eventually('The resting order in the book', async () =>
      (await resting()) === better ? true : undefined,
    );
    expect(await desk.cancel(placed.order.id)).toHaveProperty('order');
    await eventually('The end of the order', async () =>
      (await desk.order('rest-1'))?.status === 'CANCELED' ? true : undefined,
    );
    await eventually('The order gone from the book', async () =>
      (await resting()) === better ? undefined : true,
    );
  });

  it('refuses an investor without a valid claim before anything is routed', async () => {
    expect(await refuseUnverifiedInvestor(network, desk, '100')).toMatchObject({
      code: 'CLAIM_MISSING',
    });
  });

  it('rejects a quote signed by a stranger on every node', async () => {
    expect(await rejectForgedQuote(network)).toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('settles a trade once, however often it is submitted', async () => {
    const fresh = { ...trade, after: await readHoldings(network) };
    expect(await refuseSecondSettlement(network, fresh)).toMatchObject({
      code: 'TRADE_ALREADY_SETTLED',
    });
  });

  it('holds a broker to what its investor signed, settles under it, and lets go once it is revoked', async () => {
    expect(await tradeUnderMandate(network, desk)).toMatchObject(HELD_TO_MANDATE);
  });

  it('serves every metric that the dashboard and the alerts name', async () => {
    const files = ['grafana-dashboard.json', 'alerts.yaml'].map((file) =>
      fileURLToPath(new URL(`../../../node/deploy/${file}`, import.meta.url)),
    );
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    const named = texts.flatMap((text) =>
      [...text.matchAll(/\b(?:stoa|nodejs|process)_[a-z0-9_]+/g)].map(([name]) =>
        name.replace(/_bucket$/, ''),
      ),
    );
    const pages = await Promise.all(
      [venueNode(HOME), network.gateway].map(async ({ http }) =>
        (await fetch(`${http}/metrics`)).text(),
      ),
    );
    const served = new Set(
      pages.flatMap((page) => [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)),
    );
    expect([...new Set(named)].filter((name) => !served.has(name))).toEqual([]);
  });

  it('answers the queries of the README as they stand there', async () => {
    const queries = await readmeQueries(network.chain);
    expect(queries.length).toBeGreaterThanOrEqual(3);
    const token = await brokerToken(network);
    for (const query of queries) {
      if (query.startsWith('subscription')) {
        const watch = await watchOrders(network.gateway.graphql, { query, token });
        await eventually('An event', async () => (watch.updates.length > 0 ? true : undefined));
        expect(watch.errors).toEqual([]);
        watch.close();
        continue;
      }
      const answer = await askGraphql<object>(network.gateway.graphql, { query, token });
      expect(answer.errors).toEqual([]);
      if (query.includes('requestQuotes')) {
        // Null is why a venue would not quote: this one does.
        const venues = [{ venue: { id: 'beta' }, rejection: null }];
        const request = { id: expect.any(String), status: 'OPEN', venues };
        expect(answer.data).toEqual({ requestQuotes: { request } });
        continue;
      }
      expect(JSON.stringify(answer.data)).not.toContain('null');
      if (query.startsWith('mutation')) await desk.settledOrder('my-first');
    }
  });

  it('keeps an order exactly once when a venue dies in the middle of it', async () => {
    const gamma = venueNode('gamma');
    const book = await desk.book();
    const offers = book.offers.find((level) => level.venues.some(({ venue }) => venue === 'gamma'));
    // Stopped, gamma looks alive for a moment: its leg goes out and no answer comes.
    gamma.process.kill('SIGSTOP');
    const placed = await desk.place({
      clientOrderId: 'killed-1',
      instrument: network.chain.instrument,
      account: network.chain.alice.address,
      side: 'BUY',
      type: 'LIMIT',
      timeInForce: 'IOC',
      quantity: '4000',
      limitPrice: offers?.price ?? '0',
    });
    expect(placed).toHaveProperty('order');
    await eventually('The leg at gamma to be unknown', async () => {
      const legs = (await desk.order('killed-1'))?.legs ?? [];
      return legs.some((leg) => leg.venue.id === 'gamma' && leg.status === 'UNKNOWN')
        ? true
        : undefined;
    });
    gamma.process.kill('SIGKILL');
    await gamma.process.exited;
    await network.restartVenue('gamma');
    const order = await desk.settledOrder('killed-1');
    const filled = order.executions.reduce((sum, one) => sum + Number(one.quantity), 0);
    expect(filled).toBe(Number(order.filled));
    expect(order.legs.reduce((sum, leg) => sum + Number(leg.filled), 0)).toBe(filled);
    expect(order.settlements.every(({ state }) => state === 'SETTLED')).toBe(true);
    await checkStoresAgree(network, HOME, order);
  });

  it('trades on a quote once though its venue dies as it is taken, and then only indicates', async () => {
    expect(await negotiateThroughKill(network, desk, 'beta')).toEqual(NEGOTIATED_ONCE);
  });

  it('goes on without a venue that was killed, says which one is missing, and takes it back', async () => {
    await awaitLiveMarket(desk);
    const beta = venueNode('beta');
    beta.process.kill('SIGKILL');
    await beta.process.exited;
    const killedAt = performance.now();
    await eventually(
      'beta out of the book',
      async () => {
        const book = await desk.book();
        const shown = book.offers.some((level) => level.venues.some((v) => v.venue === 'beta'));
        const state = book.venues.find(({ venue }) => venue.id === 'beta')?.state;
        return !shown && state === 'STALE' ? true : undefined;
      },
      DEMO_STALE_AFTER_MS + 2_000,
    );
    expect(performance.now() - killedAt).toBeLessThan(DEMO_STALE_AFTER_MS + 1_000);

    const answer = await askGraphql<{ venues: { id: string; node: object | null }[] }>(
      network.gateway.graphql,
      { query: '{ venues { id quotes node { version } } }', token: await brokerToken(network) },
    );
    expect(answer.data?.venues.map(({ id, node }) => [id, node !== null])).toEqual([
      ['alpha', true],
      ['beta', false],
      ['gamma', true],
    ]);
    expect(answer.errors).toEqual([
      expect.objectContaining({
        extensions: expect.objectContaining({ code: 'NODE_UNAVAILABLE', venue: 'beta' }),
      }),
    ]);
    const without = await tradeAcrossVenues(network, desk, {
      book: await desk.book(),
      clientOrderId: 'without-beta',
    });
    expect(without.order.legs.map((leg) => leg.venue.id).sort()).toEqual(['alpha', 'gamma']);

    await network.restartVenue('beta');
    await awaitLiveMarket(desk);
  });

  it('tells a broker all that happens to its orders, also when its home node dies over it', async () => {
    const token = await brokerToken(network);
    const url = network.gateway.graphql;
    const before = await watchOrders(url, { query: WATCH_ORDERS, token, after: 0 });
    await eventually('The heartbeat behind all events', async () =>
      before.updates.some(({ event }) => event === null) ? true : undefined,
    );
    const home = venueNode(HOME);
    home.process.kill('SIGKILL');
    await home.process.exited;
    await eventually('The end of the stream', async () => (before.ended ? true : undefined));
    expect(before.errors).toEqual(['NODE_UNAVAILABLE']);

    await network.restartVenue(HOME);
    await awaitLiveMarket(desk);
    const last = before.updates.findLast(({ event }) => event !== null)?.sequence ?? 0;
    const after = await watchOrders(url, { query: WATCH_ORDERS, token, after: last });
    const wanted = {
      instrument: network.chain.instrument,
      account: network.chain.alice.address,
      side: 'BUY',
      type: 'LIMIT',
      timeInForce: 'IOC',
      quantity: '500',
      limitPrice: (await desk.book()).offers.at(-1)?.price ?? '0',
    } as const;
    // The home node has to find its peers again, and on a busy machine loses sight of their quotes: an
    // immediate order that finds none has ended, and the next one is another.
    let tries = 0;
    const order = await eventually('An order that is executed', async () => {
      tries += 1;
      const placed = await desk.place({ clientOrderId: `watched-${tries}`, ...wanted });
      expect(placed).toHaveProperty('order');
      const settled = await desk.settledOrder(`watched-${tries}`);
      return settled.executions.length > 0 ? settled : undefined;
    });
    const ofOrder = () =>
      after.updates.flatMap(({ event }) => (event?.orderId === order.id ? event : []));
    await eventually('The end of the order in the stream', async () =>
      ofOrder().at(-1)?.status === order.status ? true : undefined,
    );
    const fills = ofOrder().filter(({ kind }) => kind === 'LEG_EXECUTED');
    expect(fills.map(({ executionId, quantity }) => `${executionId} ${quantity}`).sort()).toEqual(
      order.executions.map((one) => `${one.executionId} ${one.quantity}`).sort(),
    );
    const numbers = [...before.updates, ...after.updates].flatMap(({ sequence, event }) =>
      event ? [sequence] : [],
    );
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    after.close();
  });

  it('lost no process but those that were killed', () => {
    expect(crashes).toEqual([]);
  });

  it('ends every process cleanly when it is told to', async () => {
    const exits = await Promise.all(
      [...network.venues.values(), network.gateway].map((node) => node.process.stop()),
    );
    for (const exit of exits) expect(exit).toMatchObject({ code: 0, signal: null });
  });
});
