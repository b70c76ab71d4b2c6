import { EmbeddedVenue, type VenueEvent } from '@stoa/adapters';
import {
  type Execution,
  encodeOrderMessage,
  encodeSigned,
  type OrderMessageBody,
} from '@stoa/schema';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { until } from '../testing/until.ts';
import { LinkNetwork } from './testing/link-network.ts';
import { ScriptedVenue } from './testing/scripted-venue.ts';
import { TestMarket } from './testing/test-market.ts';
import { directoryOf, FLOW_WALLET, INSTRUMENT, keyOf } from './testing/test-network.ts';
import { TestNode } from './testing/test-node.ts';

const VENUES = ['alpha', 'beta'];
const directory = directoryOf(VENUES);
let databases: TemporaryDatabases;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());

let network: LinkNetwork;
let market: TestMarket;
let home: TestNode;
let venue: TestNode;
/** Alpha's book, the home's own. */
let own: ScriptedVenue;
/** Beta's book, where the legs go. */
let book: ScriptedVenue;

beforeEach(async () => {
  network = new LinkNetwork();
  market = new TestMarket(INSTRUMENT.id, VENUES);
  own = new ScriptedVenue('alpha');
  book = new ScriptedVenue('beta');
  const options = { network, market, directory };
  home = await TestNode.open(await databases.empty('alpha'), { ...options, venue: 'alpha' }, own);
  venue = await TestNode.open(await databases.empty('beta'), { ...options, venue: 'beta' }, book);
  market.show('beta', { offers: [{ price: 1_000, quantity: 1_000 }] });
  network.connect('alpha', 'beta');
});

afterEach(async () => {
  await home.close();
  await venue.close();
});

/** An immediate order of 100 whose one leg has reached beta's book. */
async function inFlight(): Promise<{ id: string; order: ScriptedVenue['entered'][number] }> {
  const { id } = await home.place({ timeInForce: 'ioc' });
  await until(() => book.entered.length > 0);
  const order = book.entered.at(-1);
  if (!order) throw new Error('no order came');
  return { id, order };
}

const done = (orderId: string, filled: number): VenueEvent => ({
  kind: 'done',
  orderId,
  state: filled === 100 ? 'filled' : 'canceled',
  filled,
  reason: 'it is over',
});

async function status(id: string): Promise<string> {
  return (await home.order(id)).status;
}

describe('a leg whose venue does not answer', () => {
  it('is unknown after the deadline, goes nowhere else, and is resolved by the late answer', async () => {
    const { id, order } = await inFlight();
    market.show('alpha', { offers: [{ price: 1_000, quantity: 1_000 }] });
    await until(async () => (await status(id)) === 'unknown');
    // The venue is asked; while it says that the order lives, the answer is still awaited.
    await until(() => book.requests.some(({ kind }) => kind === 'status'));
    expect(own.requests).toEqual([]);
    expect(await home.legs(id)).toHaveLength(1);
    await book.say(book.trade(order, 1, 100), done(order.orderId, 100));
    await until(async () => (await status(id)) === 'filled');
    expect(await home.instructions()).toHaveLength(1);
    expect(own.requests).toEqual([]);
  });

  it('is unknown as soon as the link goes down, and executed once when it is back', async () => {
    await home.orders.stop();
    home.legDeadlineMs = 60_000;
    await home.start(own);
    network.connect('alpha', 'beta');
    const { id, order } = await inFlight();
    network.cut('alpha', 'beta');
    await until(async () => (await status(id)) === 'unknown');
    await book.say({ kind: 'accepted', orderId: order.orderId }, book.trade(order, 1, 60));
    await book.say(done(order.orderId, 60));
    expect(await status(id)).toBe('unknown');
    network.connect('alpha', 'beta');
    await until(async () => (await status(id)) === 'canceled');
    expect(await home.order(id)).toMatchObject({ filled: 60 });
    expect(book.entered).toHaveLength(1);
    expect(await home.instructions()).toHaveLength(1);
  });

  it('never reached the venue: it is sent again when the link is back, not elsewhere', async () => {
    network.fate = () => 'drop';
    const { id } = await home.place({ timeInForce: 'ioc' });
    await until(async () => (await status(id)) === 'unknown');
    network.cut('alpha', 'beta');
    network.fate = () => 'pass';
    network.connect('alpha', 'beta');
    await until(() => book.entered.length === 1);
    const [order] = book.entered;
    if (!order) throw new Error('no order came');
    await book.say(book.trade(order, 1, 100), done(order.orderId, 100));
    await until(async () => (await status(id)) === 'filled');
    expect(own.requests).toEqual([]);
  });

  it('is not routed to while there is no link', async () => {
    network.cut('alpha', 'beta');
    const order = await home.place({ timeInForce: 'ioc' });
    expect(order.status).toBe('canceled');
    expect(await home.legs(order.id)).toEqual([]);
  });
});

describe('what a venue says', () => {
  it('is rejected by it: the order ends with the venue’s reason', async () => {
    const { id, order } = await inFlight();
    const rejection = { code: 'HALTED', message: 'Trading is halted.' };
    await book.say({ kind: 'rejected', orderId: order.orderId, rejection });
    await until(async () => (await status(id)) === 'rejected');
    expect((await home.order(id)).reason).toBe('HALTED: Trading is halted.');
  });

  it('is refused before its wire: the same', async () => {
    const rejection = { code: 'VENUE_BUSY', message: 'Later.' };
    book.answer = () => ({ outcome: 'refused', rejection });
    const { id } = await home.place({ timeInForce: 'ioc' });
    await until(async () => (await status(id)) === 'rejected');
  });

  it('counts once, however often it is delivered', async () => {
    const { id, order } = await inFlight();
    const events = [
      { kind: 'accepted', orderId: order.orderId } as const,
      book.trade(order, 1, 100),
      done(order.orderId, 100),
    ];
    await book.say(...events);
    await book.say(...events);
    await until(async () => (await status(id)) === 'filled');
    expect(await home.executions(id)).toHaveLength(1);
    const [row] = await venue.store.sql`select filled from venue_orders`;
    expect(row?.['filled']).toBe('100');
  });

  it('is recorded once when the home crashes between receiving and committing it', async () => {
    home.crashAtInstruct = true;
    const { id, order } = await inFlight();
    await book.say(book.trade(order, 1, 100), done(order.orderId, 100));
    await until(async () => (await status(id)) === 'filled');
    expect(home.crashAtInstruct).toBe(false);
    expect(await home.executions(id)).toHaveLength(1);
    expect(await home.instructions()).toHaveLength(1);
  });

  it('shows a better venue only after the first round: the rest goes there, not home', async () => {
    market.show('beta', { offers: [] });
    market.show('alpha', { offers: [{ price: 1_000, quantity: 100 }] });
    const { id } = await home.place({});
    await until(() => own.entered.length === 1);
    market.show('beta', { offers: [{ price: 1_000, quantity: 1_000 }] });
    const [first] = own.entered;
    if (!first) throw new Error('no order came');
    await own.say(own.trade(first, 1, 40), done(first.orderId, 40));
    await until(() => book.entered.length === 1);
    const [second] = book.entered;
    expect(second).toMatchObject({ orderId: `${id}.2.2`, quantity: 60, timeInForce: 'ioc' });
    expect(home.closed).toEqual([]);
    await book.say(done(second?.orderId ?? '', 0));
    await until(() => own.entered.length === 2);
    expect(own.entered[1]).toMatchObject({ quantity: 60, timeInForce: 'day', limitPrice: 1_000 });
    await until(() => home.closed.length === 1);
  });

  it('counts once at home too, under whatever message it comes', async () => {
    const { id, order } = await inFlight();
    const trade = book.trade(order, 1, 60);
    if (trade.kind !== 'executed') throw new Error('not a trade');
    const { execution } = trade;
    const report = { kind: 'leg-executed', legId: order.orderId, execution } as const;
    await venue.store.db.transaction(async (tx) =>
      venue.sessions.send(tx, 'alpha', report, report),
    );
    await until(async () => (await home.order(id)).filled > 0);
    await venue.store.db.transaction(async (tx) => venue.sessions.send(tx, 'alpha', report));
    await book.say(trade, done(order.orderId, 60));
    await until(async () => (await status(id)) === 'canceled');
    expect(await home.order(id)).toMatchObject({ filled: 60 });
    expect(await home.executions(id)).toHaveLength(1);
  });

  const lies: [string, Partial<Execution>, string][] = [
    ['more than was asked for', { quantity: 200 }, 'LEG_OVERFILLED'],
    ['at a worse price than the limit', { price: 1_005 }, 'PRICE_WORSE_THAN_LIMIT'],
    ['for another buyer', { buyer: FLOW_WALLET }, 'EXECUTION_IMPLAUSIBLE'],
    ['in the name of another venue', { venue: 'alpha' }, 'EXECUTION_IMPLAUSIBLE'],
    ['for another home to settle', { homeVenue: 'beta' }, 'EXECUTION_IMPLAUSIBLE'],
  ];

  it.each(lies)('is not believed when it executes %s', async (_what, lie, code) => {
    const { id, order } = await inFlight();
    const event = book.trade(order, 1, 100);
    if (event.kind !== 'executed') throw new Error('not a trade');
    const execution = { ...event.execution, ...lie };
    await venue.store.db.transaction(async (tx) =>
      venue.sessions.send(tx, 'alpha', {
        kind: 'leg-executed',
        legId: order.orderId,
        execution,
      }),
    );
    const refused = async (): Promise<number> => home.count('stoa_leg_reports_refused_total');
    await until(async () => (await refused()) === 1);
    const values = await home.metrics.getSingleMetric('stoa_leg_reports_refused_total')?.get();
    expect(values?.values[0]?.labels['code']).toBe(code);
    expect(await home.order(id)).toMatchObject({ filled: 0 });
    expect(await home.instructions()).toEqual([]);
  });
});

describe('an immediate leg that was long on its way', () => {
  it('is not taken: the market it was meant for is gone', async () => {
    network.fate = () => 'drop';
    const { id } = await home.place({ timeInForce: 'ioc' });
    await until(async () => (await status(id)) === 'unknown');
    home.aheadMs += 11_000;
    venue.aheadMs += 11_000;
    network.cut('alpha', 'beta');
    network.fate = () => 'pass';
    network.connect('alpha', 'beta');
    await until(async () => (await status(id)) === 'rejected');
    expect((await home.order(id)).reason).toMatch(/^LEG_TOO_OLD/);
    expect(book.entered).toEqual([]);
  });

  it.each([-3_600_000, 3_600_000])(
    'is told by one clock: %i ms apart do not age it',
    async (ms) => {
      network.cut('alpha', 'beta');
      home.aheadMs = ms;
      network.connect('alpha', 'beta');
      const { id, order } = await inFlight();
      await book.say(book.trade(order, 1, 100), done(order.orderId, 100));
      await until(async () => (await status(id)) === 'filled');
    },
  );
});

describe('a message that the store could not keep as it is', () => {
  /** Signed by beta, and first of its session; no store of its own had to take it. */
  function say(body: OrderMessageBody, number: number): void {
    const payload = encodeOrderMessage({
      version: 1,
      from: 'beta',
      to: 'alpha',
      number,
      acknowledged: 0,
      sentAtMs: Date.now(),
      body,
    });
    const signature = keyOf('beta').sign('order', payload);
    network.inject('beta', 'alpha', encodeSigned({ payload, signature }));
  }

  it('does not stop its session: unprintable text is left out, a malformed id is told', async () => {
    const { id, order } = await inFlight();
    const legId = order.orderId;
    say({ kind: 'leg-cancel', legId: 'a\0b' }, 1);
    say({ kind: 'leg-accepted', legId: 'a\ud800' }, 2);
    const trade = book.trade(order, 1, 10);
    if (trade.kind !== 'executed') throw new Error('not a trade');
    const execution = { ...trade.execution, executionId: 'x\0' };
    say({ kind: 'leg-executed', legId, execution }, 3);
    say({ kind: 'leg-done', legId, state: 'canceled', filled: 0, reason: 'o\0ve\ud800r' }, 4);
    await until(async () => (await status(id)) === 'canceled');
    expect((await home.order(id)).reason).toBe('ove\ufffdr');
    expect(await home.count('stoa_leg_reports_refused_total')).toBe(3);
  });
});

describe('after a restart', () => {
  it('of the home, open legs are asked about and answered', async () => {
    const { id, order } = await inFlight();
    await home.orders.stop();
    network.cut('alpha', 'beta');
    await book.say(book.trade(order, 1, 100), done(order.orderId, 100));
    await home.start(new ScriptedVenue('alpha'));
    expect(await status(id)).toBe('unknown');
    network.connect('alpha', 'beta');
    await until(async () => (await status(id)) === 'filled');
    expect(await home.instructions()).toHaveLength(1);
    expect(book.entered).toHaveLength(1);
  });

  it('of the venue, an immediate order has the outcome that was recorded', async () => {
    const { id, order } = await inFlight();
    await book.say({ kind: 'accepted', orderId: order.orderId }, book.trade(order, 1, 30));
    await venue.orders.stop();
    const again = new ScriptedVenue('beta');
    await venue.start(again);
    network.connect('alpha', 'beta');
    await until(async () => (await status(id)) === 'canceled');
    expect(await home.order(id)).toMatchObject({ filled: 30 });
    expect(again.nextTradeNumber).toBe(2);
    expect(again.requests).toEqual([]);
    expect(again.restored).toEqual([]);
  });

  it('of a venue outside of the node, an immediate order is in doubt like any other', async () => {
    await venue.orders.stop();
    book = new ScriptedVenue('beta', { external: true });
    await venue.start(book);
    network.connect('alpha', 'beta');
    const { id, order } = await inFlight();
    await book.say({ kind: 'accepted', orderId: order.orderId }, book.trade(order, 1, 30));
    await venue.orders.stop();
    const again = new ScriptedVenue('beta', { external: true });
    await venue.start(again);
    network.connect('alpha', 'beta');
    expect(again.restored).toMatchObject([{ order, filled: 30 }]);
    // What it traded while the node was down still counts.
    await again.say(again.trade(order, 2, 70), done(order.orderId, 100));
    await until(async () => (await status(id)) === 'filled');
    expect(await home.instructions()).toHaveLength(2);
  });

  it('of the venue, what waits in its book is entered again, in order, with what was filled', async () => {
    // This book answers only what the test has it say: its silence is not the subject here.
    home.legDeadlineMs = 60_000;
    market.show('beta', { offers: [] });
    const first = await home.place({});
    const second = await home.place({});
    await until(() => own.entered.length === 2);
    const [one] = own.entered;
    if (!one) throw new Error('no order came');
    await own.say({ kind: 'accepted', orderId: one.orderId }, own.trade(one, 1, 40));
    await home.orders.stop();
    const again = new ScriptedVenue('alpha');
    await home.start(again);
    expect(again.restored).toMatchObject([{ order: one, filled: 40 }]);
    // The second was recorded and never accepted: it is asked for again, under the same id.
    await until(() => again.entered.length === 1);
    expect(again.entered[0]?.orderId).toBe(`${second.id}.1.1`);
    expect(await status(first.id)).toBe('partially-filled');
  });

  it('of the home, a cancel that was recorded reaches the book', async () => {
    market.show('beta', { offers: [] });
    const { id } = await home.place({});
    await until(() => own.entered.length === 1);
    const [order] = own.entered;
    await own.say({ kind: 'accepted', orderId: order?.orderId ?? '' });
    await home.orders.cancel(home.caller, id);
    await home.orders.stop();
    const again = new ScriptedVenue('alpha');
    await home.start(again);
    await until(() => again.requests.some(({ kind }) => kind === 'cancel'));
    await again.say(done(order?.orderId ?? '', 0));
    await until(async () => (await status(id)) === 'canceled');
  });
});

describe('over a link that loses, repeats, reorders and breaks', () => {
  it('no execution is lost, none is doubled, and all three views agree', async () => {
    await venue.orders.stop();
    const engine = new EmbeddedVenue({
      venue: 'beta',
      instruments: [INSTRUMENT],
      flowOwner: { member: 'beta', account: FLOW_WALLET },
      nowMs: Date.now,
    });
    await venue.start(engine);
    const liquidity = engine.flowTarget(INSTRUMENT.id);
    liquidity.submit({ orderId: 1, side: 'sell', price: 100_000, size: 1_230 });
    network.connect('alpha', 'beta');
    let seed = 11;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor(seed / 65_536) % below;
    };
    network.fate = () => {
      const roll = random(20);
      return roll < 2 ? 'drop' : roll < 4 ? 'twice' : roll < 6 ? 'late' : 'pass';
    };
    // A quote that is always there, so that the last orders find less than they were shown.
    const breaking = setInterval(() => {
      network.cut('alpha', 'beta');
      network.connect('alpha', 'beta');
      market.show('beta', { offers: [{ price: 1_000, quantity: 1_000 }] });
    }, 150);
    const ids: string[] = [];
    for (let count = 0; count < 40; count += 1) {
      market.show('beta', { offers: [{ price: 1_000, quantity: 1_000 }] });
      const quantity = 10 * (1 + random(6));
      ids.push((await home.place({ timeInForce: 'ioc', quantity })).id);
    }
    clearInterval(breaking);
    network.connect('alpha', 'beta');
    await until(async () => (await home.orders.openOrderCount()) === 0, 40_000);

    const total = async (node: TestNode, query: string): Promise<number> =>
      Number((await node.store.sql.unsafe(query))[0]?.['total'] ?? 0);
    const filled = await total(home, 'select sum(filled) as total from orders');
    expect(filled).toBeGreaterThan(0);
    expect(await total(home, 'select sum(filled) as total from legs')).toBe(filled);
    expect(await total(home, 'select sum(quantity) as total from executions')).toBe(filled);
    expect(await total(venue, 'select sum(quantity) as total from executions')).toBe(filled);
    expect(await total(venue, 'select sum(filled) as total from venue_orders')).toBe(filled);
    const trades = await total(venue, 'select count(*) as total from executions');
    expect(await home.instructions()).toHaveLength(trades);
    expect(await total(home, 'select count(*) as total from orders where filled > quantity')).toBe(
      0,
    );
  });
});
