import { encodeSettle, settleGasLimit, settlementAbi } from '@stoa/contracts';
import { maxUint256, parseTransaction } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { CallFate } from './rpc-proxy.ts';
import { cash, SettlementWorld, shares } from './settlement-world.ts';

const loseSending = (method: string): CallFate =>
  method === 'eth_sendRawTransaction' ? 'lose-request' : 'pass';

let world: SettlementWorld;
beforeAll(async () => {
  world = await SettlementWorld.start();
});
afterAll(() => world.stop());
afterEach(() => world.mend());

it('sends the same bytes again after a crash between keeping and sending them', async () => {
  const orderId = await world.order([await world.trade('beta'), await world.trade('gamma')]);
  const before = await world.balances();
  const nonce = await world.signerNonce();
  world.proxies.alpha.fate = loseSending;
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect
    .poll(async () => (await world.transactionOf(orderId))?.rawTransaction, { timeout: 5_000 })
    .toMatch(/^0x02/);
  const kept = await world.transactionOf(orderId);
  expect(await world.settlementOf(orderId)).toMatchObject({
    state: 'affirmed',
    transactionHash: undefined,
  });
  await world.nodes.alpha.stop();
  world.proxies.alpha.fate = () => 'pass';
  await world.restart('alpha');
  await world.untilState(orderId, 'settled');
  expect(await world.batchOf(orderId)).toMatchObject({
    transactionHash: kept?.hash,
    nonce,
  });
  expect(await world.signerNonce()).toBe(nonce + 1);
  expect((await world.moved(before))[0]).toBe(2n * shares);
});

it('finds its transaction again after a crash that followed the sending', async () => {
  const orderId = await world.order([await world.trade('beta')]);
  const before = await world.balances();
  const nonce = await world.signerNonce();
  world.proxies.alpha.fate = (method) =>
    method === 'eth_sendRawTransaction'
      ? 'lose-answer'
      : method === 'eth_getTransactionReceipt'
        ? 'lose-request'
        : 'pass';
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect.poll(() => world.signerNonce(), { timeout: 5_000 }).toBe(nonce + 1);
  await world.nodes.alpha.stop();
  world.proxies.alpha.fate = () => 'pass';
  await world.restart('alpha');
  await world.untilState(orderId, 'settled');
  expect(await world.signerNonce()).toBe(nonce + 1);
  expect((await world.moved(before))[0]).toBe(shares);
});

it('signs again when another transaction took the nonce', async () => {
  const { client, signers } = world.fixture;
  const signer = signers['alpha'];
  if (!signer) throw new Error('no signer');
  const orderId = await world.order([await world.trade('beta')]);
  const before = await world.balances();
  const nonce = await world.signerNonce();
  world.proxies.alpha.fate = loseSending;
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect
    .poll(async () => (await world.batchOf(orderId))?.nonce, { timeout: 5_000 })
    .toBe(nonce);
  const kept = await world.batchOf(orderId);
  const hash = await client.sendTransaction({
    account: signer,
    to: signer.address,
    value: 1n,
    nonce,
  });
  await client.waitForTransactionReceipt({ hash });
  world.proxies.alpha.fate = () => 'pass';
  await world.untilState(orderId, 'settled', 15_000);
  expect(await world.batchOf(orderId)).toMatchObject({
    nonce: nonce + 1,
    earlierHashes: [kept?.transactionHash],
  });
  expect((await world.moved(before))[0]).toBe(shares);
});

it.each([
  ['from another account, so that ours fails on chain', 'mallory'],
  ['with our next nonce, so that ours cannot be sent', 'alpha'],
])('settles a trade once that stands in two batches, the first sent %s', async (_, sender) => {
  const { fixture } = world;
  const { client, network } = fixture;
  const trades = [await world.trade('beta'), await world.trade('gamma')];
  const orderId = await world.order(trades);
  const before = await world.balances();
  world.proxies.alpha.fate = loseSending;
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect
    .poll(async () => (await world.batchOf(orderId))?.nonce ?? -1, { timeout: 5_000 })
    .toBeGreaterThan(-1);
  const tradeNumber = BigInt(trades[0]?.tradeNumber ?? 0);
  const groups = [[fixture.leg({ executingVenue: 'beta', tradeNumber })]];
  const batchId = `0x${sender === 'alpha' ? 'a1' : 'a2'}${'00'.repeat(31)}` as const;
  const account =
    sender === 'alpha' ? fixture.signers['alpha'] : privateKeyToAccount(network.mallory.privateKey);
  if (!account) throw new Error('no sender');
  await client.setBalance({ address: account.address, value: 10n ** 20n });
  const data = encodeSettle({
    domain: network,
    ...{ batchId, groups, signatures: await world.signAll(batchId, groups) },
  });
  const hash = await client.sendTransaction({
    account,
    to: network.settlement,
    data,
    gas: settleGasLimit(groups),
  });
  await client.waitForTransactionReceipt({ hash });
  world.proxies.alpha.fate = () => 'pass';
  await world.untilState(orderId, 'failed', 15_000);

  const view = await world.settlementOf(orderId);
  expect(view).toMatchObject({
    code: 'TRADE_ALREADY_SETTLED',
    reason: expect.stringContaining('has already settled'),
    legs: [
      { venue: 'beta', state: 'settled' },
      { venue: 'gamma', state: 'failed' },
    ],
  });
  if (sender !== 'alpha') expect(view?.blockNumber).toBeGreaterThan(0);
  expect(await world.moved(before)).toEqual([shares, 0n, -shares, 0n, -cash, 0n, cash, 0n]);
  expect(await world.onChain(trades)).toEqual([true, false]);
});

it('is not held up by a batch that somebody else settled before its transaction was sent', async () => {
  const { client, network } = world.fixture;
  const overtaken = await world.order([await world.trade('beta')]);
  const before = await world.balances();
  world.proxies.alpha.fate = loseSending;
  await world.nodes.alpha.service.closeGroup(overtaken);
  const nonce = await world.signerNonce();
  await expect.poll(async () => (await world.batchOf(overtaken))?.nonce).toBe(nonce);
  const kept = await world.transactionOf(overtaken);
  const { to, data } = parseTransaction(kept?.rawTransaction ?? '0x');
  const stranger = privateKeyToAccount(network.mallory.privateKey);
  await client.setBalance({ address: stranger.address, value: 10n ** 20n });
  await client.sendTransaction({
    account: stranger,
    to: to ?? null,
    data: data ?? '0x',
    gas: 3_000_000n,
  });
  await world.untilState(overtaken, 'settled');
  world.proxies.alpha.fate = () => 'pass';
  const next = await world.order([await world.trade('beta')]);
  await world.nodes.alpha.service.closeGroup(next);
  await world.untilState(next, 'settled', 15_000);
  expect(await world.signerNonce()).toBe(nonce + 2);
  expect((await world.moved(before))[0]).toBe(2n * shares);
});

it('stays settled when somebody submits the same batch again', async () => {
  const { client, network } = world.fixture;
  const orderId = await world.order([await world.trade('beta')]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'settled');
  const view = await world.settlementOf(orderId);
  const before = await world.balances();
  const { input } = await client.getTransaction({ hash: view?.transactionHash as `0x${string}` });
  const stranger = privateKeyToAccount(network.mallory.privateKey);
  await client.setBalance({ address: stranger.address, value: 10n ** 20n });
  const hash = await client.sendTransaction({
    account: stranger,
    to: network.settlement,
    data: input,
    gas: 3_000_000n,
  });
  const receipt = await client.waitForTransactionReceipt({ hash });
  // That the group failed, and that the batch is through.
  expect(receipt.logs).toHaveLength(2);
  const next = await world.order([await world.trade('beta')]);
  await world.nodes.alpha.service.closeGroup(next);
  await world.untilState(next, 'settled');
  expect(await world.settlementOf(orderId)).toEqual(view);
  expect((await world.moved(before))[0]).toBe(shares);
});

it('is not failed by a stranger who submits the batch when it cannot settle', async () => {
  const { client, network } = world.fixture;
  const orderId = await world.order([await world.trade('beta')]);
  world.proxies.alpha.fate = loseSending;
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect
    .poll(async () => (await world.transactionOf(orderId))?.rawTransaction)
    .toMatch(/^0x02/);
  await world.approveTokens('beta', 0n);
  const kept = parseTransaction((await world.transactionOf(orderId))?.rawTransaction ?? '0x');
  const stranger = privateKeyToAccount(network.mallory.privateKey);
  await client.setBalance({ address: stranger.address, value: 10n ** 20n });
  await client.sendTransaction({
    account: stranger,
    to: network.settlement,
    data: kept.data ?? '0x',
    gas: 3_000_000n,
  });
  // The executing venue believes the event until a settlement corrects it.
  const atBeta = async () => (await world.nodes.beta.batches()).at(-1);
  await expect.poll(atBeta, { timeout: 5_000 }).toMatchObject({ state: 'failed' });
  expect((await world.settlementOf(orderId))?.state).toBe('affirmed');
  await world.approveTokens('beta', maxUint256);
  world.mend();
  await world.untilState(orderId, 'settled', 15_000);
  await expect.poll(atBeta, { timeout: 5_000 }).toMatchObject({ state: 'settled', code: null });
  expect((await world.nodes.beta.legs()).at(-1)).toMatchObject({ state: 'settled', reason: null });
});

it('names why a whole transaction reverted', async () => {
  const { network } = world.fixture;
  const orderId = await world.order([await world.trade('alpha')]);
  await world.write(network.admin.privateKey, network.settlement, settlementAbi, 'pause');
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'failed');
  expect(await world.settlementOf(orderId)).toMatchObject({ code: 'SETTLEMENT_PAUSED' });
  await world.write(network.admin.privateKey, network.settlement, settlementAbi, 'unpause');
});

it('waits out a chain that cannot be reached, says so, and loses nothing', async () => {
  const { service } = world.nodes.alpha;
  await expect.poll(() => service.readiness().ready).toBe(true);
  for (const proxy of Object.values(world.proxies)) proxy.fate = () => 'lose-request';
  const orderId = await world.order([await world.trade('beta'), await world.trade('gamma')]);
  await service.closeGroup(orderId);
  await expect
    .poll(() => service.readiness())
    .toMatchObject({ ready: false, reason: expect.any(String) });
  await expect.poll(async () => (await world.batchOf(orderId))?.state).toBe('affirmed');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect((await world.batchOf(orderId))?.nonce).toBeNull();
  for (const proxy of Object.values(world.proxies)) proxy.fate = () => 'pass';
  await world.untilState(orderId, 'settled', 15_000);
  expect(service.readiness()).toEqual({ ready: true });
});

it('settles only what has the confirmations it was told to wait for', async () => {
  await world.restart('alpha', { finality: 3 });
  const orderId = await world.order([await world.trade('alpha')]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'submitted');
  await world.fixture.client.mine({ blocks: 1 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await world.settlementOf(orderId))?.state).toBe('submitted');
  await world.fixture.client.mine({ blocks: 1 });
  await world.untilState(orderId, 'settled');
  await world.restart('alpha');
});

it('gives a batch up at its deadline when a venue never answers', async () => {
  await world.restart('alpha', { settleWithinS: 2 });
  const orderId = await world.order([await world.trade('beta')]);
  world.tamper = () => undefined;
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'failed');
  expect((await world.settlementOf(orderId))?.code).toBe('AFFIRMATION_MISSING');
  await world.restart('alpha');
});

it('frees a trade at the executing venue when the batch it signed passed its deadline unsettled', async () => {
  await world.restart('alpha', { settleWithinS: 2 });
  const orderId = await world.order([await world.trade('beta')]);
  world.tamper = (from, body) => (from === 'beta' ? undefined : body);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'failed');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await world.fixture.client.mine({ blocks: 1 });
  await expect
    .poll(async () => (await world.nodes.beta.batches()).at(-1), { timeout: 5_000 })
    .toMatchObject({ state: 'failed', code: 'DEADLINE_PASSED' });
  await world.restart('alpha');
});

it('settles what is signed although many batches wait for a venue that does not answer', async () => {
  world.tamper = (_, body) => {
    const asksBeta = body.kind === 'settlement-request' && body.legs[0]?.executingVenue === 'beta';
    return asksBeta ? undefined : body;
  };
  for (let count = 0; count < 55; count += 1) {
    const waiting = await world.order([await world.trade('beta')]);
    await world.nodes.alpha.service.closeGroup(waiting);
  }
  const orderId = await world.order([await world.trade('gamma')]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'settled');
});

it('says that it is not ready on a chain that began anew', async () => {
  const { client } = world.fixture;
  const { service } = world.nodes.gamma;
  const id = await client.snapshot();
  await client.mine({ blocks: 20 });
  await expect.poll(() => service.readiness().ready).toBe(true);
  const newest = Number(await client.getBlockNumber({ cacheTime: 0 }));
  await expect.poll(() => world.nodes.gamma.position(), { timeout: 10_000 }).toBe(newest);
  await client.revert({ id });
  await expect
    .poll(() => service.readiness(), { timeout: 5_000 })
    .toMatchObject({ ready: false, reason: expect.stringMatching(/^The chain ends at block/) });
  await client.mine({ blocks: 21 });
  await expect.poll(() => service.readiness().ready, { timeout: 10_000 }).toBe(true);
});
