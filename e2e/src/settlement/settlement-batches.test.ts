import { listingRegistryAbi, settlementAbi, transactionGasCap } from '@stoa/contracts';
import type { SettlementMessage } from '@stoa/node/testing/settlement-node';
import { maxUint256, parseEventLogs } from 'viem';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { SettlementWorld, shares } from './settlement-world.ts';

const waitMs = 400;
/** Longer than a test: a batch goes because it is full, or not at all. */
const forEver = 60_000;

let world: SettlementWorld;
beforeAll(async () => {
  world = await SettlementWorld.start();
  await world.restart('alpha', { batchWaitMs: waitMs });
});
afterAll(() => world.stop());
afterEach(() => world.mend());

async function close(orderIds: readonly string[]): Promise<void> {
  for (const id of orderIds) await world.nodes.alpha.service.closeGroup(id);
}

/** In one statement: whoever asks one by one, again and again, holds up what it waits for. */
async function viewsOf(orderIds: readonly string[]) {
  const found = await world.nodes.alpha.service.forOrders(orderIds);
  return orderIds.map((id) => found.get(id)?.[0]);
}

function untilAll(orderIds: readonly string[], state: string): Promise<void> {
  return untilCount(orderIds, state, orderIds.length);
}

async function untilCount(
  orderIds: readonly string[],
  state: string,
  count: number,
): Promise<void> {
  const inState = async (): Promise<number> =>
    (await viewsOf(orderIds)).filter((view) => view?.state === state).length;
  await expect.poll(inState, { timeout: 15_000, interval: 20 }).toBe(count);
}

/** What the chain says of the orders' transactions. */
async function logsOf(orderIds: readonly string[]) {
  const hashes = new Set((await viewsOf(orderIds)).map((view) => view?.transactionHash));
  const receipts = await Promise.all(
    [...hashes].map((hash) =>
      world.fixture.client.getTransactionReceipt({ hash: hash as `0x${string}` }),
    ),
  );
  const logs = receipts.flatMap((receipt) => receipt.logs);
  return { hashes, events: parseEventLogs({ abi: settlementAbi, logs }) };
}

const byName = (one: string, other: string): number => (one < other ? -1 : 1);

const askedFor = (messages: readonly SettlementMessage[]) =>
  messages.flatMap((body) => (body.kind === 'settlement-request' ? [body] : []));

function listen(): SettlementMessage[] {
  const heard: SettlementMessage[] = [];
  world.tamper = (_, body) => {
    heard.push(body);
    return body;
  };
  return heard;
}

it('settles orders that come within the wait in one transaction, signed once by each venue', async () => {
  const heard = listen();
  const before = await world.balances();
  const orders = [
    await world.order([await world.trade('beta')]),
    await world.order([await world.trade('beta'), await world.trade('beta')]),
    await world.order([await world.trade('beta')]),
  ];
  const nonce = await world.signerNonce();
  await close(orders);
  expect(await world.settlementOf(orders[0] ?? '')).toMatchObject({ state: 'instructed' });
  await untilAll(orders, 'settled');
  expect(await world.signerNonce()).toBe(nonce + 1);
  expect((await world.moved(before))[0]).toBe(4n * shares);
  const [request, ...others] = askedFor(heard);
  expect(others).toEqual([]);
  expect(request).toMatchObject({ groups: [0, 1, 1, 2] });
  const { hashes, events } = await logsOf(orders);
  expect(hashes.size).toBe(1);
  expect(events.filter(({ eventName }) => eventName === 'LegSettled')).toHaveLength(4);
  // Each order sees its own trades, and none of the others'.
  expect((await viewsOf(orders)).map((view) => view?.legs.length)).toEqual([1, 2, 1]);
});

it('keeps apart what settles at different venues, so that a silent one holds up nobody else', async () => {
  world.tamper = (from, body) => (from === 'gamma' ? undefined : body);
  const atBeta = await world.order([await world.trade('beta')]);
  const atGamma = await world.order([await world.trade('gamma')]);
  await close([atGamma, atBeta]);
  await world.untilState(atBeta, 'settled');
  expect(await world.settlementOf(atGamma)).toMatchObject({ state: 'instructed' });
});

it('sends a full batch at once, and keeps what does not fit for the next', async () => {
  await world.restart('alpha', { batchWaitMs: forEver, legsPerBatch: 3 });
  const orders = [
    await world.order([await world.trade('beta'), await world.trade('beta')]),
    await world.order([await world.trade('beta'), await world.trade('beta')]),
    await world.order([await world.trade('beta')]),
  ];
  await close(orders.slice(0, 2));
  // Two and two are more than three: the first goes alone, the second waits and is filled by the third.
  await untilAll(orders.slice(0, 1), 'settled');
  expect(await world.settlementOf(orders[1] ?? '')).toMatchObject({ batchId: '' });
  await close(orders.slice(2));
  await untilAll(orders.slice(1), 'settled');
  const [, second, third] = await viewsOf(orders);
  expect(third?.batchId).toBe(second?.batchId);
  await world.restart('alpha', { batchWaitMs: waitMs });
});

it('settles the others when one order’s trades cannot, and that one by itself later', async () => {
  const before = await world.balances();
  const orders = [
    await world.order([await world.trade('beta')]),
    await world.order([await world.trade('beta'), await world.trade('beta')]),
    await world.order([await world.trade('beta')]),
  ];
  await world.approveTokens('beta', 2n * shares);
  await close(orders);
  const [first = '', second = '', third = ''] = orders;
  await untilAll([first, third], 'settled');
  await world.untilState(second, 'failed');
  // All or none: its first trade could have settled, and did not.
  expect((await world.moved(before))[0]).toBe(2n * shares);
  const failed = await world.settlementOf(second);
  expect(failed).toMatchObject({ code: 'ALLOWANCE_TOO_LOW', legs: [{}, {}] });
  expect(failed?.batchId).not.toBe((await world.settlementOf(first))?.batchId);
  // Beta reads the chain for itself, a little later.
  await expect
    .poll(async () => (await world.nodes.beta.legs()).map(({ state }) => state), {
      timeout: 15_000,
    })
    .toContain('failed');
  await world.approveTokens('beta', maxUint256);
  const again = await world.nodes.alpha.service.retryByOperator(failed?.batchId as `0x${string}`);
  expect(again).toBe('instructed-anew');
  await world.untilState(second, 'settled', 15_000);
  expect((await world.moved(before))[0]).toBe(4n * shares);
  expect((await world.nodes.alpha.service.reconcile()).differences).toEqual([]);
});

it('divides a batch of which a venue does not sign one trade', async () => {
  const bad = await world.trade('beta');
  const orders = [await world.order([await world.trade('beta')]), await world.order([bad])];
  const heard: SettlementMessage[] = [];
  world.tamper = (_, body) => {
    heard.push(body);
    if (body.kind !== 'settlement-request') return body;
    const altered = body.legs.map((leg) =>
      leg.tradeNumber === bad.tradeNumber ? { ...leg, amount: '1' } : leg,
    );
    return { ...body, legs: altered };
  };
  const [good = '', other = ''] = orders;
  await close(orders);
  await world.untilState(good, 'settled', 15_000);
  await world.untilState(other, 'failed', 15_000);
  expect(await world.settlementOf(other)).toMatchObject({ code: 'TERMS_DIFFER' });
  const [together, ...alone] = askedFor(heard);
  expect(alone.map(({ replaces, legs }) => [replaces, legs.length])).toEqual([
    [together?.batchId, 1],
    [together?.batchId, 1],
  ]);
});

it('composes what waited when it ended, once', async () => {
  const before = await world.balances();
  await world.restart('alpha', { batchWaitMs: forEver });
  const orders = [
    await world.order([await world.trade('beta')]),
    await world.order([await world.trade('beta')]),
  ];
  await close(orders);
  await close(orders);
  await world.restart('alpha', { batchWaitMs: waitMs });
  await untilAll(orders, 'settled');
  expect((await logsOf(orders)).hashes.size).toBe(1);
  expect((await world.moved(before))[0]).toBe(2n * shares);
});

it('settles net where the token’s issuer allows it, and gross what does not settle so', async () => {
  const { admin, listingRegistry, token } = world.fixture.network;
  const setNetting = (allowed: boolean) =>
    world.write(admin.privateKey, listingRegistry, listingRegistryAbi, 'setNetting', [
      token,
      allowed,
    ]);
  await setNetting(true);
  await world.readDirectoryAnew();
  const before = await world.balances();
  const orders: string[] = [];
  for (let order = 0; order < 5; order += 1) {
    orders.push(await world.order([await world.trade('beta'), await world.trade('beta')]));
  }
  await close(orders);
  await untilAll(orders, 'settled');
  const { hashes, events } = await logsOf(orders);
  expect(hashes.size).toBe(1);
  const netted = events.find(({ eventName }) => eventName === 'BatchNetted');
  expect(netted?.args).toMatchObject({ legs: 10n, moves: 2n });
  expect((await world.moved(before))[0]).toBe(10n * shares);

  // One wallet cannot deliver all: net nothing of it settles, one by one what can.
  const more = [
    await world.order([await world.trade('beta')]),
    await world.order([await world.trade('beta')]),
  ];
  await world.approveTokens('beta', shares);
  await close(more);
  const states = async () =>
    (await viewsOf(more)).map((view) => view?.state ?? '').toSorted(byName);
  await expect.poll(states, { timeout: 15_000 }).toEqual(['failed', 'settled']);
  await world.approveTokens('beta', maxUint256);
  await setNetting(false);
  await world.readDirectoryAnew();
  expect((await world.moved(before))[0]).toBe(11n * shares);
});

it('settles fifty groups of one trade in one transaction, within its gas', async () => {
  await world.restart('alpha', { batchWaitMs: forEver });
  const orders = await Promise.all(
    Array.from({ length: 52 }, async () => world.order([await world.trade('alpha')])),
  );
  await close(orders);
  await untilCount(orders, 'settled', 50);
  const views = await viewsOf(orders);
  expect(views.filter((view) => view?.state === 'instructed')).toHaveLength(2);
  const hashes = new Set(views.flatMap((view) => view?.transactionHash ?? []));
  expect(hashes.size).toBe(1);
  const { client } = world.fixture;
  const hash = ([...hashes][0] ?? '0x') as `0x${string}`;
  const { gas } = await client.getTransaction({ hash });
  expect(gas).toBeLessThanOrEqual(transactionGasCap);
  // With compliance modules a trade costs about twice as much, and all of them would fit yet.
  const { gasUsed } = await client.getTransactionReceipt({ hash });
  expect(gasUsed).toBeLessThan(transactionGasCap / 2n);
  await world.restart('alpha', { batchWaitMs: 0 });
  await untilAll(orders, 'settled');
  expect((await logsOf(orders)).hashes.size).toBe(2);
});

it('sends each group by itself after a transaction that had too little gas to tell a bad one', async () => {
  await world.restart('alpha', { batchWaitMs: 200, gasPerLeg: 1n });
  const orders = [
    await world.order([await world.trade('alpha')]),
    await world.order([await world.trade('alpha')]),
  ];
  await close(orders);
  await untilAll(orders, 'failed');
  const inBatch = async () => new Set((await viewsOf(orders)).map((view) => view?.batchId)).size;
  await expect.poll(inBatch, { timeout: 15_000 }).toBe(2);
  await untilAll(orders, 'failed');
  const views = await viewsOf(orders);
  expect(views.map((view) => view?.code)).toEqual(['GAS_TOO_LOW', 'GAS_TOO_LOW']);

  await world.restart('alpha', { batchWaitMs: 0 });
  for (const view of views) {
    await world.nodes.alpha.service.retryByOperator(view?.batchId as `0x${string}`);
  }
  await untilAll(orders, 'settled');
});
