import { isRefusal } from '@stoa/schema';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import type { AnswerOn } from './answer-on.ts';
import type { OrderView } from './blotter/order-view.ts';
import { LinkNetwork } from './testing/link-network.ts';
import { ScriptedVenue } from './testing/scripted-venue.ts';
import { TestMarket } from './testing/test-market.ts';
import { directoryOf, INSTRUMENT, until } from './testing/test-network.ts';
import { orderRequest, TestNode } from './testing/test-node.ts';

const VENUES = ['alpha', 'beta'];
let databases: TemporaryDatabases;
let home: TestNode;
let venue: TestNode;
let book: ScriptedVenue;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
beforeEach(async () => {
  const network = new LinkNetwork();
  const market = new TestMarket(INSTRUMENT.id, VENUES);
  const options = { network, market, directory: directoryOf(VENUES) };
  book = new ScriptedVenue('beta');
  home = await TestNode.open(
    await databases.empty('alpha'),
    { ...options, venue: 'alpha' },
    new ScriptedVenue('alpha'),
  );
  venue = await TestNode.open(await databases.empty('beta'), { ...options, venue: 'beta' }, book);
  market.show('beta', { offers: [{ price: 1_000, quantity: 1_000 }] });
  network.connect('alpha', 'beta');
});
afterEach(async () => {
  await home.close();
  await venue.close();
});

/** An immediate order whose leg is at beta's book, and the answer that is waited for. */
async function asked(answerOn: AnswerOn) {
  const request = orderRequest({ timeInForce: 'ioc' });
  const answer = home.orders
    .place(home.caller, request, { answerOn, answerWithinMs: 60_000 })
    .then((placed): OrderView => {
      if (isRefusal(placed)) throw new Error(placed.code);
      return placed.order;
    });
  await until(() => book.entered.length > 0);
  const orderId = book.entered[0]?.orderId ?? '';
  return { answer, orderId };
}

/** In how many transactions the home recorded what the venue said. */
async function transactionsOfReports(): Promise<number> {
  const rows = await home.store.sql`select distinct xmin::text from order_events
    where kind in ('leg-accepted', 'leg-done')`;
  return rows.length;
}

const statusAtHome = async (): Promise<string> => (await home.order('alpha-1')).status;

it('tells an acknowledgement when it has come, though its recording waits', async () => {
  const { answer, orderId } = await asked('acknowledged');
  await home.store.sql.begin(async (held) => {
    await held`select 1 from orders for update`;
    await book.say({ kind: 'accepted', orderId });
    expect((await answer).status).toBe('new');
    expect(await statusAtHome()).toBe('pending-new');
  });
  await until(async () => (await statusAtHome()) === 'new');
});

it('has what it told, though the recording came to nothing at first', async () => {
  const { answer, orderId } = await asked('acknowledged');
  await home.store.sql.begin(async (held) => {
    await held`select 1 from orders for update`;
    await book.say({ kind: 'accepted', orderId });
    await answer;
    // The recording is cut off, and nothing of it stays: the venue says it again until it is recorded.
    await until(async () => {
      const ended = await home.store.sql`select pg_terminate_backend(pid) from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database()`;
      return ended.length > 0;
    });
  });
  await until(async () => (await statusAtHome()) === 'new');
  await book.say({ kind: 'done', orderId, state: 'canceled', filled: 0, reason: 'nothing there' });
  await until(async () => (await statusAtHome()) === 'canceled');
});

it('tells nothing else before it is recorded', async () => {
  const { answer, orderId } = await asked('done');
  await home.store.sql.begin(async (held) => {
    await held`select 1 from orders for update`;
    await book.say({ kind: 'accepted', orderId });
    await book.say({ kind: 'done', orderId, state: 'canceled', filled: 0, reason: 'nothing' });
    // Both reports have come, and wait for what is held.
    await until(async () => {
      const waiting = await home.store.sql`select 1 from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database()`;
      return waiting.length > 0;
    });
    expect(await Promise.race([answer, Promise.resolve('not yet')])).toBe('not yet');
  });
  expect((await answer).status).toBe('canceled');
});

it('records an immediate order’s acceptance with its end for whoever waits for that', async () => {
  const { answer, orderId } = await asked('done');
  const ended = { state: 'canceled', filled: 0, reason: 'nothing there' } as const;
  await book.say({ kind: 'accepted', orderId }, { kind: 'done', orderId, ...ended });
  expect((await answer).status).toBe('canceled');
  expect(await transactionsOfReports()).toBe(1);
});

it('records what came with an acknowledgement together with it, though that is told first', async () => {
  const { answer, orderId } = await asked('acknowledged');
  const ended = { state: 'canceled', filled: 0, reason: 'nothing there' } as const;
  await book.say({ kind: 'accepted', orderId }, { kind: 'done', orderId, ...ended });
  expect((await answer).status).toBe('new');
  await until(async () => (await statusAtHome()) === 'canceled');
  expect(await transactionsOfReports()).toBe(1);
});
