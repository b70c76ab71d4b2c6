import type { VenueCapabilities, VenueEvent, VenueOrder } from '@stoa/adapters';
import { isRefusal, type OrderRequest } from '@stoa/schema';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { until } from '../../testing/until.ts';
import { LinkNetwork } from '../testing/link-network.ts';
import { ScriptedVenue } from '../testing/scripted-venue.ts';
import { TestMarket } from '../testing/test-market.ts';
import { directoryOf, FLOW_WALLET, INSTRUMENT, OTHER_WALLET } from '../testing/test-network.ts';
import { TestNode } from '../testing/test-node.ts';

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
/** Beta's book. */
let book: ScriptedVenue;

/** Both books answer only what the test has them say; their silence is not the subject here. */
async function open(able: Partial<VenueCapabilities> = {}): Promise<void> {
  network = new LinkNetwork();
  market = new TestMarket(INSTRUMENT.id, VENUES);
  own = new ScriptedVenue('alpha', able);
  book = new ScriptedVenue('beta', able);
  const options = { network, market, directory };
  home = await TestNode.open(await databases.empty('alpha'), { ...options, venue: 'alpha' }, own);
  venue = await TestNode.open(await databases.empty('beta'), { ...options, venue: 'beta' }, book);
  for (const [node, adapter] of [
    [home, own],
    [venue, book],
  ] as const) {
    await node.orders.stop();
    node.legDeadlineMs = 60_000;
    await node.start(adapter);
  }
  network.connect('alpha', 'beta');
}

beforeEach(() => open());
afterEach(async () => {
  await home.close();
  await venue.close();
});

const accepted = (orderId: string): VenueEvent => ({ kind: 'accepted', orderId });
const replaced = (orderId: string, quantity: number, limitPrice = 1_000): VenueEvent => ({
  ...{ kind: 'replaced', orderId, quantity, limitPrice },
});
const canceled = (orderId: string, filled: number): VenueEvent => ({
  ...{ kind: 'done', orderId, state: 'canceled', filled, reason: 'asked' },
});

/** An order that waits in a book, and as which leg. */
async function resting(
  at: ScriptedVenue,
  other: Parameters<TestNode['place']>[0] = {},
): Promise<{ id: string; leg: VenueOrder }> {
  const before = at.entered.length;
  const { id } = await home.place(other);
  await until(() => at.entered.length > before);
  const leg = at.entered.at(-1);
  if (!leg) throw new Error('no order came');
  await at.say(accepted(leg.orderId));
  await until(async () => (await home.order(id)).status === 'new');
  return { id, leg };
}

/** The same in beta's book: where the order was sent, and where its rest waits. */
const elsewhere = { strategy: 'directed', directedTo: 'beta', remainder: 'rest-best' } as const;

function asked(at: ScriptedVenue, kind: 'replace' | 'cancel') {
  return at.requests.filter((request) => request.kind === kind);
}

describe('an order that waits', () => {
  it('is replaced in the book of its home, and counts its replacements', async () => {
    const { id, leg } = await resting(own);
    expect(await home.replace(id, { quantity: 150, limitPrice: 995 })).toMatchObject({
      status: 'pending-replace',
      quantity: 100,
    });
    const { orderId, instrument } = leg;
    const to = { quantity: 150, limitPrice: 995 };
    expect(asked(own, 'replace')).toEqual([{ kind: 'replace', orderId, instrument, ...to }]);
    await own.say(replaced(orderId, 150, 995));
    expect(await home.order(id)).toMatchObject({ ...to, status: 'new', leaves: 150, revision: 1 });
    await own.say(own.trade({ ...leg, limitPrice: 995 }, 1, 150));
    expect(await home.order(id)).toMatchObject({ status: 'filled', notional: 150n * 995n });
  });

  it('in another venue’s book is replaced there, once', async () => {
    const { id, leg } = await resting(book, elsewhere);
    await home.replace(id, { quantity: 60 });
    await until(() => asked(book, 'replace').length === 1);
    await book.say(replaced(leg.orderId, 60));
    await book.say(replaced(leg.orderId, 60));
    await until(async () => (await home.order(id)).quantity === 60);
    expect(await home.order(id)).toMatchObject({ status: 'new', leaves: 60, revision: 1 });
    expect(own.requests).toEqual([]);
  });

  it('stands as it was when the venue refuses', async () => {
    const { id, leg } = await resting(book, elsewhere);
    await home.replace(id, { quantity: 60 });
    await until(() => asked(book, 'replace').length === 1);
    const rejection = { code: 'HALTED', message: 'Not now.' };
    await book.say({ kind: 'replace-rejected', orderId: leg.orderId, rejection });
    await until(async () => (await home.order(id)).status === 'new');
    expect(await home.order(id)).toMatchObject({ quantity: 100, reason: 'HALTED: Not now.' });
  });

  it('comes back first when a better limit meets another venue, and is never at risk twice', async () => {
    const { id, leg } = await resting(own, { limitPrice: 995 });
    market.show('beta', { offers: [{ price: 1_000, quantity: 1_000 }] });
    await home.replace(id, { quantity: 100, limitPrice: 1_000 });
    expect(asked(own, 'replace')).toEqual([]);
    await until(() => asked(own, 'cancel').length === 1);
    expect(book.entered).toEqual([]);
    await own.say(own.trade(leg, 1, 30), canceled(leg.orderId, 30));
    await until(() => book.entered.length === 1);
    expect(book.entered[0]).toMatchObject({ quantity: 70, limitPrice: 1_000, timeInForce: 'ioc' });
    expect((await home.legs(id)).map((each) => each.id)).toEqual([`${id}.1.1`, `${id}.2.2`]);
  });

  it('is asked for again by a venue that restarted before its book answered', async () => {
    const { id, leg } = await resting(book, elsewhere);
    await home.replace(id, { quantity: 60 });
    await until(() => asked(book, 'replace').length === 1);
    await home.orders.cancel(home.caller, id);
    await until(() => asked(book, 'cancel').length === 1);
    await venue.orders.stop();
    const again = new ScriptedVenue('beta');
    await venue.start(again);
    expect(again.restored).toMatchObject([{ order: leg, filled: 0 }]);
    await until(() => again.requests.length === 2);
    expect(again.requests.map(({ kind }) => kind)).toEqual(['replace', 'cancel']);
    network.connect('alpha', 'beta');
    await again.say(replaced(leg.orderId, 60), canceled(leg.orderId, 0));
    await until(async () => (await home.order(id)).status === 'canceled');
    expect(await home.order(id)).toMatchObject({ quantity: 60, filled: 0 });
  });

  it('at a venue that replaces nothing is canceled, and sent anew', async () => {
    await home.close();
    await venue.close();
    await open({ replace: false });
    const { id, leg } = await resting(book, elsewhere);
    await home.replace(id, { quantity: 150 });
    await until(() => asked(book, 'cancel').length === 1);
    expect(book.entered).toHaveLength(1);
    await book.say(canceled(leg.orderId, 0));
    await until(() => book.entered.length === 2);
    expect(book.entered[1]).toMatchObject({ orderId: `${id}.2.2`, quantity: 150 });
    expect(asked(book, 'replace')).toEqual([]);
  });

  it('elsewhere is settled from here when it meets the venue’s own flow', async () => {
    const { id, leg } = await resting(book, elsewhere);
    const trade = book.trade(leg, 1, 40);
    if (trade.kind !== 'executed') throw new Error('not a trade');
    // The venue names itself: nobody took liquidity that it would know.
    await book.say({ ...trade, execution: { ...trade.execution, homeVenue: 'beta' } });
    await until(async () => (await home.order(id)).filled === 40);
    expect(await home.instructions()).toHaveLength(1);
    expect(await venue.instructions()).toEqual([]);
  });

  it('elsewhere is settled by the home of whoever takes it', async () => {
    const { id, leg } = await resting(book, elsewhere);
    market.show('beta', { bids: [{ price: 1_000, quantity: 100 }] });
    const caller = { ...venue.caller, member: 'other' };
    const request = {
      side: 'sell',
      account: OTHER_WALLET,
      timeInForce: 'ioc',
      quantity: 40,
    } as const;
    const placed = await venue.orders.place(caller, { ...requestOf(request) });
    if (isRefusal(placed)) throw new Error(placed.code);
    await until(() => book.entered.length === 2);
    const taker = book.entered[1];
    const trade = book.trade(leg, 1, 40);
    if (trade.kind !== 'executed' || !taker) throw new Error('not a trade');
    const execution = { ...trade.execution, seller: OTHER_WALLET, homeVenue: 'beta' } as const;
    const parties = { buyOrderId: leg.orderId, sellOrderId: taker.orderId };
    await book.say({ kind: 'executed', execution, parties });
    await until(async () => (await home.order(id)).filled === 40);
    expect(await home.instructions()).toEqual([]);
    expect(await venue.instructions()).toEqual([
      { venue: 'beta', trade_number: 1, order_id: placed.order.id },
    ]);
  });
});

function requestOf(other: Partial<OrderRequest>): OrderRequest {
  return {
    clientOrderId: 'taker',
    instrument: INSTRUMENT.id,
    type: 'limit',
    limitPrice: 1_000,
    account: OTHER_WALLET,
    side: 'sell',
    timeInForce: 'ioc',
    quantity: 40,
    ...other,
  };
}

describe('a trade that its venue', () => {
  /** An order of 100 that has taken 60 at beta, and what was told of it. */
  async function traded() {
    market.show('beta', { offers: [{ price: 1_000, quantity: 1_000 }] });
    const { id } = await home.place({ timeInForce: 'ioc' });
    await until(() => book.entered.length === 1);
    const [leg] = book.entered;
    if (!leg) throw new Error('no order came');
    const trade = book.trade(leg, 1, 60);
    if (trade.kind !== 'executed') throw new Error('not a trade');
    await book.say(trade, canceled(leg.orderId, 60));
    await until(async () => (await home.order(id)).status === 'canceled');
    return { id, leg, execution: trade.execution };
  }

  it('busts is none: not for the order, not for settlement, not for the market', async () => {
    const { id, execution } = await traded();
    const { executionId, instrument } = execution;
    const bust = { kind: 'busted', executionId, instrument, reason: 'An error.' } as const;
    await book.say(bust);
    await book.say(bust);
    await until(async () => (await home.order(id)).filled === 0);
    expect(await home.order(id)).toMatchObject({ status: 'canceled', notional: 0n, leaves: 0 });
    expect(home.withdrawn).toEqual(['beta 1 TRADE_BUSTED']);
    // What the wallet owes: the fill, and then nothing of it.
    expect(home.filled).toEqual([`buy 60 ${executionId}`, `buy 0 ${executionId}`]);
    expect(await home.instructions()).toEqual([]);
    expect(venue.tradeChanges).toContain('busted');
    for (const { store } of [home, venue]) {
      const changes = await store.sql`select kind, quantity from execution_changes`;
      expect(changes).toEqual([{ kind: 'busted', quantity: '0' }]);
      expect(await store.sql`select quantity from executions`).toEqual([{ quantity: '60' }]);
    }
    const [row] = await venue.store.sql`select filled from venue_orders`;
    expect(row?.['filled']).toBe('0');
  });

  it('corrects counts as it should have been, and is settled so', async () => {
    const { id, execution } = await traded();
    await book.say({ kind: 'corrected', execution: { ...execution, price: 990, quantity: 50 } });
    await until(async () => (await home.order(id)).filled === 50);
    expect(await home.order(id)).toMatchObject({ notional: 50n * 990n });
    expect(home.withdrawn).toEqual(['beta 1 TRADE_CORRECTED']);
    expect(await home.instructions()).toHaveLength(1);
    expect(venue.tradeChanges).toContain('corrected');
    await book.say({ kind: 'corrected', execution });
    await until(async () => (await home.order(id)).filled === 60);
    const kinds = await home.store.sql`
      select revision, quantity from execution_changes order by revision`;
    expect(kinds).toEqual([
      { revision: 1, quantity: '50' },
      { revision: 2, quantity: '60' },
    ]);
  });

  it('corrects when it is in settlement is not instructed again', async () => {
    const { id, execution } = await traded();
    home.inSettlement = true;
    await book.say({ kind: 'corrected', execution: { ...execution, quantity: 50 } });
    await until(async () => (await home.order(id)).filled === 50);
    expect(await home.instructions()).toHaveLength(1);
  });

  it('is not believed about a trade that was another’s, or never was', async () => {
    const { id, leg, execution } = await traded();
    const { orderId: legId } = leg;
    const lie = { ...execution, buyer: FLOW_WALLET } as const;
    await venue.store.db.transaction(async (tx) =>
      venue.sessions.send(
        tx,
        'alpha',
        { kind: 'leg-trade-corrected', legId, execution: lie },
        { kind: 'leg-trade-busted', legId, executionId: 'never', reason: '' },
      ),
    );
    await until(async () => (await home.count('stoa_leg_reports_refused_total')) === 2);
    expect(await home.order(id)).toMatchObject({ filled: 60 });
    expect(home.withdrawn).toEqual([]);
  });

  it('busts of an order that waits is open there again', async () => {
    const { id, leg } = await resting(own);
    const trade = own.trade(leg, 1, 100);
    if (trade.kind !== 'executed') throw new Error('not a trade');
    const { executionId, instrument } = trade.execution;
    await own.say(trade, { ...canceled(leg.orderId, 100), state: 'filled' } as VenueEvent);
    expect(await home.order(id)).toMatchObject({ status: 'filled' });
    await own.say({ kind: 'busted', executionId, instrument, reason: 'An error.' });
    await until(() => own.entered.length === 2);
    expect(await home.order(id)).toMatchObject({ filled: 0, leaves: 100 });
    expect(own.entered[1]).toMatchObject({ orderId: `${id}.2.2`, quantity: 100 });
  });
});
