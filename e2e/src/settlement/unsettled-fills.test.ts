import type { Execution } from '@stoa/schema';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cash, SettlementWorld, shares } from './settlement-world.ts';

let world: SettlementWorld;
beforeAll(async () => {
  world = await SettlementWorld.start();
});
afterAll(() => world.stop());

/** What alice owes in cash, and beta's seller in tokens, as this node knows. */
function owed(venue: 'alpha' | 'beta'): bigint[] {
  const { alice, token, cashToken, flowWallets } = world.fixture.network;
  const { unsettled } = world.nodes[venue].service;
  return [
    unsettled.owed(alice.address, cashToken),
    unsettled.owed(flowWallets['beta']?.address ?? '0x', token),
  ];
}

async function filled(venue: 'alpha' | 'beta', trade: Execution, side: 'buy' | 'sell') {
  await world.nodes[venue].filled(trade, side);
}

it('counts a fill of either side as spoken for until the chain has settled it', async () => {
  const trade = await world.trade('beta');
  await filled('alpha', trade, 'buy');
  // The order that rested is beta's, whom somebody else settles.
  await filled('beta', trade, 'sell');
  expect(owed('alpha')).toEqual([cash, 0n]);
  expect(owed('beta')).toEqual([0n, shares]);
  // Told again, as after a crash, it is no second debt.
  await filled('alpha', trade, 'buy');
  expect(owed('alpha')).toEqual([cash, 0n]);
  const orderId = await world.order([trade]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'settled');
  await expect.poll(() => [...owed('alpha'), ...owed('beta')]).toEqual([0n, 0n, 0n, 0n]);
});

it('is a part of positions: what is held, frozen, under way and free, of one block', async () => {
  const { fixture, nodes } = world;
  const { alice, cashToken, token } = fixture.network;
  const [account, cashKey, tokenKey] = [alice.address, cashToken, token].map(
    (address) => address.toLowerCase() as `0x${string}`,
  ) as [`0x${string}`, `0x${string}`, `0x${string}`];
  const positions = nodes.alpha.positions([account], 7n);
  const read = () =>
    positions.read('broker', [
      { account, token: cashKey },
      { account, token: tokenKey },
    ]);
  const [cashBefore, tokenBefore] = await read();
  const trade = await world.trade('beta');
  await filled('alpha', trade, 'buy');
  const keys = await positions.keys('broker');
  expect(keys.map((key) => key.token).sort()).toEqual([cashKey, tokenKey].sort());
  expect(await positions.keys('other')).toEqual([]);
  expect(await positions.keys('broker', '0x00000000000000000000000000000000000000ff')).toEqual([]);
  const [cashOpen, tokenOpen] = await read();
  const held = cashBefore?.balance ?? 0n;
  expect(cashOpen).toMatchObject({
    ...{ balance: held, openOrders: 7n, unsettledOut: cash, unsettledIn: 0n, frozen: undefined },
    ...{ available: held - cash - 7n, instrument: undefined, symbol: 'DUSD' },
  });
  expect(tokenOpen).toMatchObject({ frozen: 0n, unsettledOut: 0n, unsettledIn: shares });
  const orderId = await world.order([trade]);
  await nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'settled');
  await expect.poll(async () => (await read())[1]?.unsettledIn).toBe(0n);
  const [cashAfter, tokenAfter] = await read();
  expect(cashAfter).toMatchObject({ balance: held - cash, unsettledOut: 0n });
  expect(tokenAfter?.balance).toBe((tokenBefore?.balance ?? 0n) + shares);
});

it('counts what a venue corrected as it is now, and nothing of what it undid', async () => {
  const trade = await world.trade('beta');
  await filled('alpha', trade, 'buy');
  await filled('alpha', { ...trade, quantity: 50 }, 'buy');
  expect(owed('alpha')).toEqual([2n * cash, 0n]);
  await filled('alpha', { ...trade, quantity: 0, price: 0 }, 'buy');
  expect(owed('alpha')).toEqual([0n, 0n]);
});

it('knows after a restart what the store and the chain say is unsettled', async () => {
  const [settled, open] = [await world.trade('beta'), await world.trade('beta')];
  const orderId = await world.order([settled]);
  await world.order([open]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'settled');
  // As a trade that another home settled: this store has no word of it.
  await world.nodes.alpha.tamper(
    `delete from settlement_legs where trade_number = ${settled.tradeNumber}`,
  );
  await world.restart('alpha');
  expect(owed('alpha')).toEqual([0n, 0n]);
  await world.nodes.alpha.service.load();
  expect(owed('alpha')).toEqual([cash, 0n]);
});

it('asks the chain’s newest block where what is final is not enough to say', async () => {
  await world.restart('alpha', { finality: 50 });
  const trade = await world.trade('beta');
  await filled('alpha', trade, 'buy');
  const orderId = await world.order([trade]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect.poll(() => world.onChain([trade]), { timeout: 10_000 }).toEqual([true]);
  const { alice, cashToken } = world.fixture.network;
  const { unsettled } = world.nodes.alpha.service;
  expect(unsettled.owed(alice.address, cashToken)).toBe(cash);
  expect(await unsettled.owedNow(alice.address, cashToken)).toBe(0n);
});
