import { drizzle } from 'drizzle-orm/postgres-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import { executionChanges } from '../../store/tables/execution-changes.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { storeExecution, storeLeg, storeOrder } from '../testing/stored-orders.ts';
import { OTHER_WALLET } from '../testing/test-network.ts';
import type { ExecutionFilter, LegFilter, OrderFilter } from './blotter-filter.ts';
import type { Page, PageRequest } from './keyset-page.ts';
import { createOrderBlotter, type OrderBlotter } from './order-blotter.ts';

let databases: TemporaryDatabases;
let store: OpenDatabase;
let blotter: OrderBlotter;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
}, 60_000);
afterAll(() => databases.stop());

const forward = (limit: number, after?: string): PageRequest => ({
  ...{ limit, backward: false },
  ...(after === undefined ? {} : { after }),
});
const backward = (limit: number, before?: string): PageRequest => ({
  ...{ limit, backward: true },
  ...(before === undefined ? {} : { before }),
});
const idsOf = (page: Page<{ readonly id: string }>) => page.edges.map(({ node }) => node.id);

async function flags(page: Page<unknown>): Promise<string> {
  return `${(await page.hasPrevious()) ? '<' : '|'}${(await page.hasNext()) ? '>' : '|'}`;
}

describe('the blotter of a member', () => {
  beforeAll(async () => {
    store = await openDatabase(await databases.empty('blotter'));
    blotter = createOrderBlotter('alpha', store.db);
    for (let number = 1; number <= 7; number += 1) await storeOrder(store.db, number);
    await storeOrder(store.db, 8, {
      member: 'other',
      clientOrderId: 'order-1',
      account: OTHER_WALLET,
    });
  }, 60_000);
  afterAll(() => store.close());

  it('is read forward and backward, and says at every page what lies around it', async () => {
    const pages: string[] = [];
    let after: string | undefined;
    for (let turn = 0; turn < 3; turn += 1) {
      const page = await blotter.orders('broker', forward(3, after), {});
      pages.push(`${idsOf(page).join(' ')} ${await flags(page)}`);
      after = page.edges.at(-1)?.cursor;
    }
    expect(pages).toEqual([
      'alpha-7 alpha-6 alpha-5 |>',
      'alpha-4 alpha-3 alpha-2 <>',
      'alpha-1 <|',
    ]);
    const end = await blotter.orders('broker', backward(3), {});
    expect(`${idsOf(end).join(' ')} ${await flags(end)}`).toBe('alpha-3 alpha-2 alpha-1 <|');
    const middle = await blotter.orders('broker', backward(3, 'alpha-3'), {});
    expect(`${idsOf(middle).join(' ')} ${await flags(middle)}`).toBe('alpha-6 alpha-5 alpha-4 <>');
    const beginning = await blotter.orders('broker', backward(3, 'alpha-6'), {});
    expect(`${idsOf(beginning).join(' ')} ${await flags(beginning)}`).toBe('alpha-7 |>');
    const beyond = await blotter.orders('broker', forward(3, 'alpha-1'), {});
    expect(`${idsOf(beyond).length} ${await flags(beyond)}`).toBe('0 <|');
    const between = { ...forward(9, 'alpha-6'), before: 'alpha-3' };
    const inner = await blotter.orders('broker', between, {});
    expect(`${idsOf(inner).join(' ')} ${await flags(inner)}`).toBe('alpha-5 alpha-4 <>');
  });

  it('keeps its cursors while orders are added', async () => {
    const first = await blotter.orders('broker', forward(2), {});
    await storeOrder(store.db, 9);
    const second = await blotter.orders('broker', forward(2, first.edges[1]?.cursor), {});
    expect([...idsOf(first), ...idsOf(second)]).toEqual([
      'alpha-7',
      'alpha-6',
      'alpha-5',
      'alpha-4',
    ]);
    expect(await second.hasPrevious()).toBe(true);
  });

  it.each(['alpha-X', 'alpha-3.x', 'beta-3', '', "3' or true --", '3.1', '1.2.3'])(
    'refuses "%s" as a cursor',
    async (cursor) => {
      const refused = expect.objectContaining({ code: 'CURSOR_INVALID' });
      await expect(blotter.orders('broker', forward(2, cursor), {})).rejects.toEqual(refused);
      await expect(blotter.executions('broker', forward(2, cursor), {})).rejects.toEqual(refused);
      await expect(blotter.legs('broker', backward(2, cursor), {})).rejects.toEqual(refused);
    },
  );

  it("asks the store alike for another member's order and for none", async () => {
    const statements: unknown[] = [];
    const watched = createOrderBlotter(
      'alpha',
      drizzle(store.sql, { logger: { logQuery: (statement) => statements.push(statement) } }),
    );
    expect(await watched.order('broker', { id: 'alpha-8' })).toBeUndefined();
    const ofAnother = statements.splice(0);
    expect(await watched.order('broker', { id: 'alpha-99' })).toBeUndefined();
    expect(statements).toEqual(ofAnother);
    expect(statements).toHaveLength(1);
    expect(await watched.order('other', { id: 'alpha-8' })).toMatchObject({ id: 'alpha-8' });
    expect(await watched.order('other', { clientOrderId: 'order-1' })).toMatchObject({
      id: 'alpha-8',
    });
    // The store would not even take it.
    expect(await watched.order('other', { id: 'alpha\u0000-8' })).toBeUndefined();
  });
});

describe('orders that several members name at once', () => {
  beforeAll(async () => {
    store = await openDatabase(await databases.empty('named'));
    blotter = createOrderBlotter('alpha', store.db);
    await storeOrder(store.db, 1, { clientOrderId: 'mine' });
    await storeOrder(store.db, 2, { clientOrderId: 'mine', member: 'other' });
    await storeOrder(store.db, 3, { clientOrderId: 'secret', member: 'other' });
  }, 60_000);
  afterAll(() => store.close());

  it.each([
    {
      by: 'clientOrderId' as const,
      asked: ['broker mine', 'other mine', 'broker secret', 'broker none', 'broker \u0000'],
      found: { 'broker mine': 'alpha-1', 'other mine': 'alpha-2' },
    },
    {
      by: 'id' as const,
      asked: ['broker alpha-1', 'broker alpha-2', 'other alpha-3', 'other alpha-1', 'broker '],
      found: { 'broker alpha-1': 'alpha-1', 'other alpha-3': 'alpha-3' },
    },
  ])('are found by $by in one statement, each for its own member alone', async (given) => {
    const statements: unknown[] = [];
    const logger = { logQuery: (statement: string) => void statements.push(statement) };
    const watched = createOrderBlotter('alpha', drizzle(store.sql, { logger }));
    const named = given.asked.map((one) => {
      const [member = '', name = ''] = one.split(' ');
      return { member, name };
    });
    const found = await watched.ordersNamed(given.by, named);
    expect(Object.fromEntries([...found].map(([key, { id }]) => [key, id]))).toEqual(given.found);
    expect(statements).toHaveLength(1);
    expect(await watched.ordersNamed(given.by, [{ member: 'broker', name: '\u0000' }])).toEqual(
      new Map(),
    );
  });
});

describe('the filters of the blotter', () => {
  beforeAll(async () => {
    store = await openDatabase(await databases.empty('filters'));
    blotter = createOrderBlotter('alpha', store.db);
    const { db } = store;
    await storeOrder(db, 1, { clientOrderId: 'a%1', status: 'filled', filled: 100 });
    await storeOrder(db, 2, { clientOrderId: 'a_2', side: 'sell', status: 'unknown' });
    await storeOrder(db, 3, { clientOrderId: 'A-3', account: OTHER_WALLET, status: 'expired' });
    await storeOrder(db, 4, {
      clientOrderId: 'a%4',
      instrument: `eip155:1/erc20:0x${'00'.repeat(20)}`,
    });
    await storeOrder(db, 5, { member: 'other', clientOrderId: 'a%5' });
    await storeLeg(db, 'alpha-1', 1, { status: 'filled', filled: 50 });
    await storeLeg(db, 'alpha-1', 2, {
      venue: 'alpha',
      purpose: 'rest',
      status: 'filled',
      filled: 50,
    });
    await storeLeg(db, 'alpha-2', 1, { venue: 'gamma', status: 'unknown' });
    await storeLeg(db, 'alpha-5', 1);
    await storeExecution(db, 1, { buyLegId: 'alpha-1.1.1' });
    await storeExecution(db, 2, { buyLegId: 'alpha-1.2.1', quantity: 20 });
    // Both sides are this node's: each member sees its own, once.
    await storeExecution(db, 3, { buyLegId: 'alpha-5.1.1', sellLegId: 'alpha-2.1.1' });
    await storeExecution(db, 4, { buyLegId: 'alpha-5.1.1' });
    await db.insert(executionChanges).values([
      { ...changed(1, 1), kind: 'corrected', price: 995, quantity: 12, reason: 'typed wrong' },
      { ...changed(2, 1), kind: 'corrected', price: 990, quantity: 5, reason: null },
      { ...changed(2, 2), kind: 'busted', price: 0, quantity: 0, reason: 'erroneous' },
    ]);
  }, 60_000);
  afterAll(() => store.close());

  const changed = (trade: number, revision: number) => ({
    ...{ venue: 'beta', executionId: `beta-${trade}`, revision, recordedAtMs: 0 },
  });
  const A_LOT = forward(100);

  it.each<[OrderFilter, string]>([
    [{}, '4 3 2 1'],
    [{ side: 'sell' }, '2'],
    [{ statuses: ['filled', 'unknown'] }, '2 1'],
    [{ statuses: [] }, ''],
    [{ openOnly: true }, '4 2'],
    [{ openOnly: true, statuses: ['filled'] }, ''],
    [{ placedFromMs: 2_000, placedToMs: 4_000 }, '3 2'],
    [{ venue: 'gamma' }, '2'],
    [{ venue: 'no such venue' }, ''],
    [{ account: OTHER_WALLET }, '3'],
    [{ instrument: `eip155:1/erc20:0x${'00'.repeat(20)}` }, '4'],
    [{ clientOrderIdPrefix: 'a' }, '4 2 1'],
    [{ clientOrderIdPrefix: 'a%' }, '4 1'],
    [{ clientOrderIdPrefix: 'a\u0000' }, ''],
    [{ clientOrderIdPrefix: '' }, '4 3 2 1'],
  ])('of orders: %j', async (filter, numbers) => {
    const page = await blotter.orders('broker', A_LOT, filter);
    expect(page.edges.map(({ node }) => node.id.slice(6)).join(' ')).toBe(numbers);
  });

  it.each<[LegFilter, string]>([
    [{}, 'alpha-2.1.1 alpha-1.2.1 alpha-1.1.1'],
    [{ orderId: 'alpha-1' }, 'alpha-1.2.1 alpha-1.1.1'],
    [{ orderId: 'alpha-5' }, ''],
    [{ orderId: '\u0000' }, ''],
    [{ venue: 'gamma' }, 'alpha-2.1.1'],
    [{ statuses: ['filled'], side: 'buy' }, 'alpha-1.2.1 alpha-1.1.1'],
    [{ openOnly: true }, 'alpha-2.1.1'],
  ])('of legs: %j', async (filter, ids) => {
    expect(idsOf(await blotter.legs('broker', A_LOT, filter)).join(' ')).toBe(ids);
  });

  it.each<[ExecutionFilter, string]>([
    [{}, 'beta-3 beta-2 beta-1'],
    [{ orderId: 'alpha-1' }, 'beta-2 beta-1'],
    [{ orderId: 'alpha-5' }, ''],
    [{ states: ['busted', 'stands'] }, 'beta-3 beta-2'],
    [{ states: ['corrected'] }, 'beta-1'],
    [{ side: 'sell' }, 'beta-3'],
    [{ venue: 'alpha' }, ''],
    [{ executedFromMs: 2_000, executedToMs: 3_000 }, 'beta-2'],
  ])('of executions: %j', async (filter, ids) => {
    const page = await blotter.executions('broker', A_LOT, filter);
    expect(page.edges.map(({ node }) => node.executionId).join(' ')).toBe(ids);
  });

  it('shows trades as they stand, and undone ones as they stood', async () => {
    const [first] = (await blotter.executionsOf(['alpha-1', 'alpha-2'])).get('alpha-1') ?? [];
    expect(first).toMatchObject({
      state: 'corrected',
      price: 995,
      quantity: 12,
      reason: 'typed wrong',
    });
    const busted = await blotter.executions('broker', A_LOT, { states: ['busted'] });
    expect(busted.edges[0]?.node).toMatchObject({
      ...{ executionId: 'beta-2', price: 1_000, quantity: 20, reason: 'erroneous' },
      ...{ orderId: 'alpha-1', legId: 'alpha-1.2.1' },
    });
    expect((await blotter.executionsOf(['alpha-5'])).get('alpha-5')).toHaveLength(2);
    expect((await blotter.executionsOf([])).size).toBe(0);
  });

  it('go along with pages of legs and executions in both directions', async () => {
    for (const list of ['legs', 'executions'] as const) {
      const all = (await blotter[list]('broker', A_LOT, {})).edges.map(({ cursor }) => cursor);
      expect(new Set(all).size).toBe(3);
      const [first, second, third] = all;
      const after = await blotter[list]('broker', forward(1, first), {});
      expect(after.edges.map(({ cursor }) => cursor)).toEqual([second]);
      expect(await flags(after)).toBe('<>');
      const before = await blotter[list]('broker', backward(1, third), {});
      expect(before.edges.map(({ cursor }) => cursor)).toEqual([second]);
      expect(await flags(before)).toBe('<>');
      const last = await blotter[list]('broker', forward(5, second), {});
      expect(last.edges.map(({ cursor }) => cursor)).toEqual([third]);
      expect(await flags(last)).toBe('<|');
    }
  });
});

describe('what hangs on an order', () => {
  beforeEach(async () => {
    store = await openDatabase(await databases.empty('orders'));
    blotter = createOrderBlotter('alpha', store.db);
  }, 60_000);

  it('is read for a page of orders at once, and bounded for each', async () => {
    for (const number of [1, 2]) {
      await storeOrder(store.db, number);
      await storeLeg(store.db, `alpha-${number}`, 1);
    }
    for (let trade = 1; trade <= 130; trade += 1) {
      await storeExecution(store.db, trade, { buyLegId: `alpha-${trade > 120 ? 2 : 1}.1.1` });
    }
    const found = await blotter.executionsOf(['alpha-1', 'alpha-2']);
    expect(found.get('alpha-1')?.map(({ tradeNumber }) => tradeNumber)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
    expect(found.get('alpha-2')).toHaveLength(10);
    const legs = await blotter.legsOf(['alpha-1', 'alpha-2']);
    expect([...legs.values()].flat().map(({ id }) => id)).toEqual(['alpha-1.1.1', 'alpha-2.1.1']);
    expect([...(await blotter.ordersOf(['alpha-2', 'alpha-1'])).keys()].sort()).toEqual([
      'alpha-1',
      'alpha-2',
    ]);
    await store.close();
  });
});
