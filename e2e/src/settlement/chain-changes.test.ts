import { parseTransaction } from 'viem';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { SettlementWorld, shares } from './settlement-world.ts';

let world: SettlementWorld;
beforeAll(async () => {
  world = await SettlementWorld.start();
});
afterAll(() => world.stop());
afterEach(async () => {
  world.mend();
  await world.fixture.client.setAutomine(true);
});

async function settledOrder(): Promise<string> {
  const orderId = await world.order([await world.trade('beta')]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'settled', 15_000);
  return orderId;
}

it('takes back what a reorganized chain no longer has, and settles it again once', async () => {
  const { client } = world.fixture;
  await client.mine({ blocks: 3 });
  const before = await world.balances();
  const orderId = await settledOrder();
  const first = await world.settlementOf(orderId);
  const atBeta = async () => (await world.nodes.beta.batches()).at(-1)?.state;
  await expect.poll(atBeta, { timeout: 5_000 }).toBe('settled');
  // Nothing can be sent meanwhile: what is seen is what was taken back.
  world.proxies.alpha.fate = (method) =>
    method === 'eth_sendRawTransaction' ? 'lose-request' : 'pass';
  await client.request({ method: 'anvil_reorg' as never, params: [2, []] as never });
  await client.mine({ blocks: 2 });
  await world.untilState(orderId, 'submitted', 15_000);
  await expect.poll(atBeta, { timeout: 15_000 }).toBe('affirmed');
  expect((await world.moved(before)).every((change) => change === 0n)).toBe(true);
  world.mend();
  await world.untilState(orderId, 'settled', 15_000);
  await expect.poll(atBeta, { timeout: 15_000 }).toBe('settled');
  const second = await world.settlementOf(orderId);
  expect(second?.transactionHash).toBe(first?.transactionHash);
  expect(second?.blockNumber).not.toBe(first?.blockNumber);
  expect((await world.moved(before))[0]).toBe(shares);
  expect((await world.nodes.alpha.service.reconcile()).differences).toEqual([]);
  expect(await world.nodes.alpha.metrics.metrics()).toMatch(
    /stoa_chain_reorganizations_total [1-9]/,
  );
});

it('notices a chain that was reset and then grew longer than it was', async () => {
  const { client } = world.fixture;
  const before = await world.balances();
  const id = await client.snapshot();
  const orderId = await settledOrder();
  for (const proxy of Object.values(world.proxies)) proxy.fate = () => 'lose-request';
  await client.revert({ id });
  await client.mine({ blocks: 10 });
  expect((await world.moved(before)).every((change) => change === 0n)).toBe(true);
  world.mend();
  await expect.poll(async () => (await world.moved(before))[0], { timeout: 15_000 }).toBe(shares);
  await world.untilState(orderId, 'settled', 15_000);
  expect((await world.nodes.alpha.service.reconcile()).differences).toEqual([]);
});

it('raises the fees of a transaction that is stuck, and keeps every version', async () => {
  const { client } = world.fixture;
  await world.restart('alpha', { stuckAfterMs: 400 });
  const before = await world.balances();
  await client.setAutomine(false);
  const nonce = await world.signerNonce();
  const orderId = await world.order([await world.trade('beta'), await world.trade('gamma')]);
  await world.nodes.alpha.service.closeGroup(orderId);
  const versions = async () =>
    (await world.nodes.alpha.transactions()).filter((one) => one.nonce === nonce);
  await expect.poll(async () => (await versions()).length, { timeout: 20_000 }).toBeGreaterThan(2);
  await client.setAutomine(true);
  await client.mine({ blocks: 1 });
  await world.untilState(orderId, 'settled', 15_000);
  const kept = await versions();
  kept.slice(1).forEach((one, index) => {
    for (const fee of ['maxFeePerGas', 'maxPriorityFeePerGas'] as const) {
      expect(one[fee] * 8n).toBeGreaterThanOrEqual((kept[index]?.[fee] ?? 0n) * 9n);
    }
    expect(parseTransaction(one.rawTransaction)).toMatchObject({ nonce, gas: expect.anything() });
  });
  expect(kept.map(({ hash }) => hash)).toContain(
    (await world.settlementOf(orderId))?.transactionHash,
  );
  expect(await world.signerNonce()).toBe(nonce + 1);
  expect((await world.moved(before))[0]).toBe(2n * shares);
});

it('counts whichever version of a transaction is mined', async () => {
  const { client } = world.fixture;
  await world.restart('alpha', { stuckAfterMs: 400 });
  await client.setAutomine(false);
  const nonce = await world.signerNonce();
  const orderId = await world.order([await world.trade('beta')]);
  let sent = 0;
  world.proxies.alpha.fate = (method) => {
    if (method !== 'eth_sendRawTransaction') return 'pass';
    sent += 1;
    return sent === 1 ? 'pass' : 'lose-request';
  };
  await world.nodes.alpha.service.closeGroup(orderId);
  const versions = async () =>
    (await world.nodes.alpha.transactions()).filter((one) => one.nonce === nonce);
  await expect.poll(async () => (await versions()).length, { timeout: 20_000 }).toBeGreaterThan(1);
  await client.setAutomine(true);
  await client.mine({ blocks: 1 });
  await world.untilState(orderId, 'settled', 15_000);
  const [first] = await versions();
  expect((await world.settlementOf(orderId))?.transactionHash).toBe(first?.hash);
  expect(await world.signerNonce()).toBe(nonce + 1);
});
