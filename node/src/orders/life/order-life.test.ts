import { isRefusal, refuse, type TradingCalendar } from '@stoa/schema';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { until } from '../../testing/until.ts';
import { replayOrders } from '../order-replay.ts';
import { readOrder } from '../order-store.ts';
import { LinkNetwork } from '../testing/link-network.ts';
import { ScriptedVenue } from '../testing/scripted-venue.ts';
import { TestMarket } from '../testing/test-market.ts';
import { directoryOf, INSTRUMENT } from '../testing/test-network.ts';
import { orderRequest, TestNode, type TestNodeOptions } from '../testing/test-node.ts';
import { isComplete } from './order-state.ts';

const directory = directoryOf(['alpha']);
let databases: TemporaryDatabases;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());

let home: TestNode;
let own: ScriptedVenue;
let market: TestMarket;

async function open(other: Partial<TestNodeOptions> = {}): Promise<void> {
  own = new ScriptedVenue('alpha');
  market = new TestMarket(INSTRUMENT.id, ['alpha']);
  const options = { venue: 'alpha', network: new LinkNetwork(), market, directory, ...other };
  home = await TestNode.open(await databases.empty('alpha'), options, own);
  await restart();
}

/** The book answers only what the test has it say: its silence is not the subject here. */
async function restart(): Promise<void> {
  await home.orders.stop();
  home.legDeadlineMs = 60_000;
  own = new ScriptedVenue('alpha');
  await home.start(own);
}

beforeEach(() => open());
afterEach(() => home.close());

async function statuses(): Promise<string[]> {
  const rows = await home.store.sql<{ status: string }[]>`
    select status from orders order by number`;
  return rows.map(({ status }) => status);
}

describe('what a member may not ask', () => {
  it('is refused, says why, and is kept', async () => {
    const { caller, orders } = home;
    const { id } = await home.place({ clientOrderId: 'mine' });
    const [leg] = own.entered;
    if (!leg) throw new Error('no order came');
    await own.say({ kind: 'accepted', orderId: leg.orderId }, own.trade(leg, 1, 50));
    const answers = [
      await orders.replace(caller, id, { quantity: 40 }),
      await orders.replace(caller, id, { quantity: 105 }),
      await orders.replace(caller, id, { quantity: 100, limitPrice: 1_001 }),
      await orders.replace(caller, id, { quantity: 100 }),
      await orders.replace({ ...caller, member: 'other' }, id, { quantity: 200 }),
      await orders.cancel(caller, 'alpha-77'),
      await orders.place(caller, orderRequest({ clientOrderId: 'mine', quantity: 500 })),
      await orders.place(caller, orderRequest({ clientOrderId: 'x'.repeat(100) })),
    ];
    await own.say({
      kind: 'done',
      orderId: leg.orderId,
      state: 'canceled',
      filled: 50,
      reason: '',
    });
    answers.push(
      await orders.cancel(caller, id),
      await orders.replace(caller, id, { quantity: 90 }),
    );
    const codes = answers.map((answer) => (isRefusal(answer) ? answer.code : 'none'));
    expect(codes).toEqual([
      'REPLACE_BELOW_FILLED',
      'OFF_LOT',
      'OFF_TICK',
      'NOTHING_TO_REPLACE',
      'ORDER_UNKNOWN',
      'ORDER_UNKNOWN',
      'CLIENT_ORDER_ID_REUSED',
      'CLIENT_ORDER_ID_INVALID',
      'ORDER_DONE',
      'ORDER_DONE',
    ]);
    const kept = await home.store.sql`
      select code, member, action, client_order_id, order_id from order_refusals order by id`;
    expect(kept.map((row) => row['code'])).toEqual(codes);
    expect(kept[4]).toMatchObject({ member: 'other', action: 'replace', order_id: id });
    expect(kept[7]).toMatchObject({ client_order_id: 'x'.repeat(64), order_id: null });
  });

  it('keeps the first refusals of a flood, and counts all of them', async () => {
    const asked = 2_000;
    for (let round = 0; round < asked / 100; round += 1) {
      const wrong = Array.from({ length: 100 }, () => orderRequest({ quantity: 0 }));
      await Promise.all(wrong.map((request) => home.orders.place(home.caller, request)));
    }
    const [kept] = await home.store.sql`select count(*)::int from order_refusals`;
    expect(kept?.['count']).toBeGreaterThanOrEqual(500);
    expect(kept?.['count']).toBeLessThan(asked);
    expect(await home.count('stoa_orders_refused_total')).toBe(asked);
  });

  it('placed again after a replacement, is the same order still', async () => {
    const request = orderRequest();
    const placed = await home.orders.place(home.caller, request);
    if (isRefusal(placed)) throw new Error(placed.code);
    const [leg] = own.entered;
    await own.say({ kind: 'accepted', orderId: leg?.orderId ?? '' });
    await home.replace(placed.order.id, { quantity: 200 });
    const to = { quantity: 200, limitPrice: 1_000 };
    await own.say({ kind: 'replaced', orderId: leg?.orderId ?? '', ...to });
    const again = await home.orders.place(home.caller, request);
    expect(again).toMatchObject({ existed: true, order: { quantity: 200 } });
    const other = await home.orders.place(home.caller, { ...request, quantity: 200 });
    expect(other).toMatchObject({ code: 'CLIENT_ORDER_ID_REUSED' });
  });
});

describe('all of a member’s orders', () => {
  it('are canceled at once, or those of one side', async () => {
    for (const side of ['buy', 'sell', 'sell'] as const) {
      await home.place({ side, limitPrice: side === 'buy' ? 900 : 1_100 });
    }
    const { caller, orders } = home;
    expect(await orders.cancelAll({ ...caller, member: 'other' }, {})).toEqual({ count: 0 });
    expect(await orders.cancelAll(caller, { side: 'sell' })).toEqual({ count: 2 });
    await until(() => own.requests.filter(({ kind }) => kind === 'cancel').length === 2);
    expect(await orders.cancelAll(caller, { instrument: INSTRUMENT.id })).toEqual({ count: 1 });
    expect(await statuses()).toEqual(['pending-cancel', 'pending-cancel', 'pending-cancel']);
  });

  it('leave the venue’s book when its operator has all leave', async () => {
    await home.place({});
    await home.orders.massCancel();
    expect(own.requests.map(({ kind }) => kind)).toEqual(['new', 'cancel']);
  });
});

describe('an order that ends with its member’s last stream', () => {
  /** Long enough for a busy machine not to take a breath that counts as going away. */
  const disconnectGraceMs = 1_000;

  beforeEach(async () => {
    await home.close();
    await open({ disconnectGraceMs });
  });

  it('ends some time after it, and no other order does', async () => {
    home.orders.streamOpened('broker');
    home.orders.streamOpened('broker');
    await home.place({ cancelOnDisconnect: true });
    await home.place({});
    home.orders.streamClosed('broker');
    await new Promise((resolve) => setTimeout(resolve, 1.5 * disconnectGraceMs));
    expect(await statuses()).toEqual(['pending-new', 'pending-new']);
    home.orders.streamClosed('broker');
    home.orders.streamOpened('broker');
    await new Promise((resolve) => setTimeout(resolve, 1.5 * disconnectGraceMs));
    expect(await statuses()).toEqual(['pending-new', 'pending-new']);
    home.orders.streamClosed('broker');
    await until(async () => (await statuses())[0] === 'pending-cancel');
    expect((await statuses())[1]).toBe('pending-new');
  });

  it('ends when no stream comes back after a restart of the node', async () => {
    home.orders.streamOpened('broker');
    await home.place({ cancelOnDisconnect: true });
    await restart();
    await until(async () => (await statuses())[0] === 'pending-cancel');
  });

  it('stays when a stream does', async () => {
    home.orders.streamOpened('broker');
    await home.place({ cancelOnDisconnect: true });
    await restart();
    home.orders.streamOpened('broker');
    await new Promise((resolve) => setTimeout(resolve, 1.5 * disconnectGraceMs));
    expect(await statuses()).toEqual(['pending-new']);
  });
});

describe('an order that comes before its venue opens', () => {
  const calendar: TradingCalendar = {
    timeZone: 'UTC',
    weekdays: [1, 2, 3, 4, 5, 6, 7],
    ...{ entryOpen: '08:00', open: '09:00', close: '17:00', holidays: [], earlyCloses: [] },
  };
  const DAY_MS = 86_400_000;

  /** Sets the clock of the node to a time of tomorrow, or of the days after it. */
  function at(hours: number, days = 1): void {
    const midnight = Math.floor(Date.now() / DAY_MS + days) * DAY_MS;
    home.aheadMs = midnight + hours * 3_600_000 - Date.now();
  }

  beforeEach(async () => {
    await home.close();
    await open({ calendars: { alpha: calendar } });
    at(8.5);
  });

  it('waits, and is sent when it does', async () => {
    const { id, status } = await home.place({});
    expect(status).toBe('new');
    expect(own.entered).toEqual([]);
    await restart();
    expect(own.entered).toEqual([]);
    at(9);
    await until(() => own.entered.length === 1);
    expect(own.entered[0]).toMatchObject({ orderId: `${id}.1.1`, quantity: 100 });
  });

  it('goes on for as much as its wallet could settle by then, and not before the chain says', async () => {
    const codes = ['CHECK_UNAVAILABLE', 'BALANCE_TOO_LOW'];
    const asked: number[] = [];
    await home.close();
    await open({
      calendars: { alpha: calendar },
      settleable: async ({ quantity }) => {
        asked.push(quantity);
        const code = (codes.length > 1 ? codes.shift() : codes[0]) as 'BALANCE_TOO_LOW';
        return { quantity: 40, reasons: [], refusal: refuse(code, 'Too few.', 'Bring more.') };
      },
    });
    at(8.5);
    const { id } = await home.place({ remainder: 'rest-home' });
    market.show('alpha', { offers: [{ price: 1_000, quantity: 100 }] });
    at(9);
    await until(() => asked.length === 1);
    expect(own.entered).toEqual([]);
    home.aheadMs += 5_000;
    await until(() => own.entered.length === 1);
    expect(own.entered[0]).toMatchObject({ orderId: `${id}.1.1`, quantity: 40 });
    const [sent] = own.entered;
    if (!sent) throw new Error('nothing was sent');
    await own.say({ kind: 'accepted', orderId: sent.orderId }, own.trade(sent, 1, 40));
    await own.say({
      ...{ kind: 'done', orderId: sent.orderId, state: 'filled', filled: 40, reason: 'filled' },
    });
    await until(async () => (await statuses())[0] === 'canceled');
    expect(asked).toEqual([100, 100]);
  });

  it('is held to that as well when its node restarts over the part that was sent', async () => {
    await home.close();
    await open({
      calendars: { alpha: calendar },
      settleable: async () => {
        const refusal = refuse('BALANCE_TOO_LOW', 'Too few.', 'Bring more.');
        return { quantity: 40, reasons: [], refusal };
      },
    });
    at(8.5);
    const { id } = await home.place({ remainder: 'rest-home' });
    market.show('alpha', { offers: [{ price: 1_000, quantity: 100 }] });
    at(9);
    await until(() => own.entered.length === 1);
    // What was sent has no outcome, so it did not happen: the order goes on, or ends.
    await restart();
    await until(async () => (await statuses())[0] !== 'pending-new');
    expect(await home.order(id)).toMatchObject({ status: 'canceled', leaves: 0 });
    expect((await home.order(id)).reason).toMatch(/^BALANCE_TOO_LOW/);
    expect(own.entered).toEqual([]);
  });

  it('is canceled and replaced without anybody being asked', async () => {
    const { id } = await home.place({});
    expect(await home.replace(id, { quantity: 200 })).toMatchObject({
      ...{ status: 'new', quantity: 200, revision: 1 },
    });
    const canceled = await home.orders.cancel(home.caller, id);
    expect(canceled).toMatchObject({ status: 'canceled', leaves: 0 });
    expect(own.requests).toEqual([]);
  });

  it('expires unsent when its time is over before that', async () => {
    const expireAtMs = Date.now() + home.aheadMs + 60_000;
    await home.place({ timeInForce: 'gtd', expireAtMs });
    at(8.6);
    await until(async () => (await statuses())[0] === 'expired');
    expect(own.entered).toEqual([]);
  });

  it('of a day is over with that day, though the node was not there at its open', async () => {
    await home.place({});
    await home.place({ timeInForce: 'gtc' });
    await home.orders.stop();
    at(9.5, 2);
    await restart();
    await until(() => own.entered.length === 1);
    expect(await statuses()).toEqual(['expired', 'pending-new']);
  });
});

describe('what is kept of an order', () => {
  it('follows from its events, whatever happened to it', async () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor(seed / 65_536) % below;
    };
    let trades = 0;
    const ids: string[] = [];
    for (let count = 0; count < 25; count += 1) {
      const timeInForce = (['day', 'gtc', 'ioc'] as const)[random(3)] ?? 'day';
      ids.push((await home.place({ timeInForce, quantity: 10 * (1 + random(20)) })).id);
    }
    for (let step = 0; step < 250; step += 1) {
      const id = ids[random(ids.length)] ?? '';
      const state = (await readOrder(home.store.db, { id }))?.state;
      const leg = state?.legs.find((each) => !isComplete(each));
      const order = own.entered.find(({ orderId }) => orderId === leg?.id);
      if (!state || !leg || !order) continue;
      const left = leg.quantity - leg.filled;
      const choice = random(8);
      if (choice < 3 && left > 0 && leg.pending === undefined) {
        trades += 1;
        await own.say(own.trade(order, trades, Math.min(left, 10 * (1 + random(3)))));
      } else if (choice === 3) await own.say({ kind: 'accepted', orderId: leg.id });
      else if (choice === 4) {
        await home.orders.replace(home.caller, id, { quantity: 10 * (1 + random(30)) });
      } else if (choice === 5 && leg.pending) {
        const quantity = Math.max(leg.pending.quantity, leg.filled);
        await own.say({ kind: 'replaced', orderId: leg.id, ...leg.pending, quantity });
      } else if (choice === 6 && random(2) === 0) {
        await own.say({
          ...{ kind: 'done', orderId: leg.id, state: 'canceled', filled: leg.filled, reason: 'no' },
        });
      } else if (choice === 7 && trades > 0) {
        const executionId = `alpha-${1 + random(trades)}`;
        await own.say({ kind: 'busted', executionId, instrument: INSTRUMENT.id, reason: 'no' });
      }
    }
    const replayed = await replayOrders(home.store.db, ids);
    for (const id of ids) {
      expect(replayed.get(id)).toEqual((await readOrder(home.store.db, { id }))?.state);
    }
    expect(new Set(await statuses()).size).toBeGreaterThan(2);

    const numbers = await home.store.sql<{ number: string }[]>`
      select member_sequence as number from order_events order by member_sequence`;
    expect(numbers.map(({ number }) => Number(number))).toEqual(
      numbers.map((_, index) => index + 1),
    );
  });

  it('is conserved by the store itself, and events only ever added', async () => {
    const { id } = await home.place({});
    const { sql } = home.store;
    await expect(sql`update order_events set kind = 'other'`).rejects.toThrow('only ever added');
    await expect(sql`delete from order_events`).rejects.toThrow('only ever added');
    await expect(sql`update orders set filled = 10`).rejects.toThrow('orders_conserved');
    await expect(sql`update orders set filled = 200`).rejects.toThrow('orders_');
    await expect(sql`update orders set leaves = 0 where id = ${id}`).rejects.toThrow();
    await expect(sql`update legs set filled = 110`).rejects.toThrow('legs_filled_within');
    await expect(sql`update venue_orders set filled = -10`).rejects.toThrow('venue_orders_');
    expect((await home.order(id)).leaves).toBe(100);
  });

  it('is numbered without gaps, however many are placed at once', async () => {
    await Promise.all(Array.from({ length: 40 }, () => home.place({})));
    const [row] = await home.store.sql`
      select count(*) as events, max(member_sequence) as last, min(member_sequence) as first,
        count(distinct member_sequence) as different from order_events`;
    const events = row?.['events'];
    expect(row).toEqual({ events, last: events, first: '1', different: events });
    const [commits] = await home.store.sql`
      select count(distinct xmin::text) as commits from orders`;
    expect(Number(commits?.['commits'])).toBeLessThan(20);
  });
});
