import {
  encodeSettle,
  groupsHash,
  type SettlementGroup,
  settleGasLimit,
  settlementAbi,
  signVenueBatch,
  slugToBytes32,
  venuesOfBatch,
} from '@stoa/contracts';
import type { SettlementMessage } from '@stoa/node/testing/settlement-node';
import type { Execution } from '@stoa/schema';
import { type Abi, maxUint256, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type SettlementWorld, startSettlementWorld } from './settlement-world.ts';

const tokenAbi = parseAbi(['function approve(address spender, uint256 amount) returns (bool)']);
const shares = 25n * 10n ** 18n;
const cash = 14_633_250_000n;

let world: SettlementWorld;
beforeAll(async () => {
  world = await startSettlementWorld();
});
afterAll(() => world.stop());
afterEach(() => {
  world.tamper = (_, body) => body;
  for (const proxy of Object.values(world.proxies)) proxy.fate = () => 'pass';
});

/** The order's one settlement, as its broker sees it. */
async function settlementOf(orderId: string) {
  const views = await world.nodes.alpha.service.forOrder(orderId);
  return views[0];
}

const untilState = (orderId: string, state: string, timeout = 10_000) =>
  expect
    .poll(async () => (await settlementOf(orderId))?.state, { timeout, interval: 20 })
    .toBe(state);

async function batchOf(orderId: string) {
  return (await world.nodes.alpha.batches()).find((batch) => batch.orderId === orderId);
}

/** What became of the balances: alice and three sellers in tokens, then the same in cash. */
async function moved(before: bigint[]): Promise<bigint[]> {
  return (await world.balances()).map((after, index) => after - (before[index] ?? 0n));
}

function onChain(trades: readonly Execution[]): Promise<readonly boolean[]> {
  return world.fixture.client.readContract({
    address: world.fixture.network.settlement,
    abi: settlementAbi,
    functionName: 'areSettled',
    args: [
      trades.map(({ venue }) => slugToBytes32(venue)),
      trades.map(({ tradeNumber }) => BigInt(tradeNumber)),
    ],
  });
}

function signerNonce(): Promise<number> {
  const address = world.fixture.signers['alpha']?.address ?? '0x';
  return world.fixture.client.getTransactionCount({ address });
}

async function write(
  key: `0x${string}`,
  address: `0x${string}`,
  abi: Abi,
  functionName: string,
  args: unknown[] = [],
) {
  const { client } = world.fixture;
  const account = privateKeyToAccount(key);
  await client.setBalance({ address: account.address, value: 10n ** 20n });
  const hash = await client.writeContract({ account, address, abi, functionName, args });
  await client.waitForTransactionReceipt({ hash });
}

const approveTokens = (seller: 'beta' | 'gamma', amount: bigint) =>
  write(
    world.fixture.network.flowWallets[seller]?.privateKey ?? '0x',
    world.fixture.network.token,
    tokenAbi,
    'approve',
    [world.fixture.network.settlement, amount],
  );

async function signAll(batchId: `0x${string}`, groups: readonly SettlementGroup[]) {
  const { network, signers } = world.fixture;
  const domain = { chainId: network.chainId, settlement: network.settlement };
  const batch = { domain, batchId, legs: groups.flat(), groupsHash: groupsHash(groups) };
  return Promise.all(
    venuesOfBatch(groups).map(async (venue) => {
      const signer = signers[venue];
      if (!signer) throw new Error(`no signer for ${venue}`);
      return signVenueBatch(signer, { ...batch, venue });
    }),
  );
}

it('settles an order over two executing venues in one transaction, within two seconds', async () => {
  const before = await world.balances();
  const trades = [await world.trade('beta'), await world.trade('gamma')];
  const orderId = await world.order(trades);
  const startedAtMs = performance.now();
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'settled');
  expect(performance.now() - startedAtMs).toBeLessThan(2_000);

  expect(await moved(before)).toEqual([
    2n * shares,
    0n,
    -shares,
    -shares,
    -2n * cash,
    0n,
    cash,
    cash,
  ]);
  const view = await settlementOf(orderId);
  expect(view).toMatchObject({
    orderId,
    reason: undefined,
    legs: [
      { state: 'settled', venue: 'beta', quantity: shares, amount: cash },
      { state: 'settled', venue: 'gamma' },
    ],
  });
  const receipt = await world.fixture.client.getTransactionReceipt({
    hash: view?.transactionHash as `0x${string}`,
  });
  expect(Number(receipt.blockNumber)).toBe(view?.blockNumber);
  // Each executing venue saw its own trade only, and learns the end from the chain.
  for (const venue of ['beta', 'gamma'] as const) {
    await expect
      .poll(async () => (await world.nodes[venue].batches())[0])
      .toMatchObject({
        role: 'executing',
        state: 'settled',
        id: view?.batchId,
        legs: [{ executingVenue: venue }],
      });
    expect(await world.nodes[venue].legs()).toMatchObject([
      { state: 'settled', transactionHash: view?.transactionHash },
    ]);
  }
});

it('asks nobody when all trades were at the home venue', async () => {
  const orderId = await world.order([await world.trade('alpha'), await world.trade('alpha')]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'settled');
  expect((await batchOf(orderId))?.signatures).toHaveLength(1);
});

it('shows a settlement to the member whose order it is, and to no other', async () => {
  const { service } = world.nodes.alpha;
  const orderId = await world.order([await world.trade('alpha')]);
  expect(await settlementOf(orderId)).toMatchObject({ batchId: '', state: 'instructed' });
  await service.closeGroup(orderId);
  const [newest] = await service.forMember('harbor', { first: 1 });
  expect(newest).toMatchObject({ orderId, legs: [{ venue: 'alpha' }] });
  const batchId = newest?.batchId ?? '';
  expect(await service.forMember('harbor', { batchId, first: 5 })).toHaveLength(1);
  expect(await service.forMember('harbor', { batchId: `0x${'0'.repeat(64)}`, first: 5 })).toEqual(
    [],
  );
  expect(await service.forMember('acme', { first: 5 })).toEqual([]);
  await untilState(orderId, 'settled');
});

it('shows the resting order’s member the settlement of a trade at its own venue', async () => {
  const trade = await world.trade('beta', { tradeNumber: 900, executionId: 'beta-900' });
  await world.nodes.beta.recordOrder({ id: 'beta-1', member: 'reef' });
  const other = { ...trade, tradeNumber: 901, executionId: 'beta-901' };
  await world.nodes.beta.recordTrade(other, { sellLegId: 'beta-1.1.1' });
  const orderId = await world.order([other]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect
    .poll(() => world.nodes.beta.service.forMember('reef', { first: 5 }), { timeout: 10_000 })
    .toMatchObject([{ orderId: 'beta-1', state: 'settled', legs: [{ tradeNumber: 901 }] }]);
});

it('instructs a trade once, and never on other terms', async () => {
  const trade = await world.trade('alpha');
  const orderId = await world.order([trade]);
  await world.nodes.alpha.instruct(orderId, [trade]);
  await expect(
    world.nodes.alpha.instruct(orderId, [{ ...trade, price: trade.price + 100 }]),
  ).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
  await expect(world.nodes.alpha.instruct('alpha-999', [trade])).rejects.toMatchObject({
    code: 'INVARIANT_BROKEN',
  });
  await Promise.all([1, 2, 3].map(() => world.nodes.alpha.service.closeGroup(orderId)));
  await untilState(orderId, 'settled');
  expect(
    (await world.nodes.alpha.batches()).filter((batch) => batch.orderId === orderId),
  ).toHaveLength(1);
});

it('settles nothing of an order when one leg cannot, and says why', async () => {
  const trades = [await world.trade('beta'), await world.trade('gamma')];
  const orderId = await world.order(trades);
  await approveTokens('gamma', 0n);
  const before = await world.balances();
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'failed');
  expect(await settlementOf(orderId)).toMatchObject({
    code: 'ALLOWANCE_TOO_LOW',
    reason: expect.stringContaining('not approved'),
    transactionHash: expect.stringMatching(/^0x/),
    legs: [{ state: 'failed' }, { state: 'failed' }],
  });
  expect(await moved(before)).toEqual(before.map(() => 0n));
  expect(await onChain(trades)).toEqual([false, false]);
  await expect.poll(async () => (await world.nodes.beta.batches()).at(-1)?.state).toBe('failed');
  await approveTokens('gamma', maxUint256);
});

it('does not sign a leg that was altered on the way', async () => {
  const orderId = await world.order([await world.trade('beta'), await world.trade('gamma')]);
  world.tamper = (_, body): SettlementMessage =>
    body.kind === 'settlement-request' && body.legs[0]?.executingVenue === 'beta'
      ? { ...body, legs: body.legs.map((leg) => ({ ...leg, amount: '1' })) }
      : body;
  const nonce = await signerNonce();
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'failed');
  expect(await settlementOf(orderId)).toMatchObject({
    code: 'TERMS_DIFFER',
    reason: expect.stringMatching(/^beta did not sign: .*amount/),
    transactionHash: undefined,
  });
  expect(await signerNonce()).toBe(nonce);
});

it('does not send what carries a signature over something else', async () => {
  const orderId = await world.order([await world.trade('beta')]);
  world.tamper = (_, body): SettlementMessage =>
    body.kind === 'settlement-request' ? { ...body, groupsHash: `0x${'12'.repeat(32)}` } : body;
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'failed');
  expect((await settlementOf(orderId))?.code).toBe('AFFIRMATION_INVALID');
});

it('refuses words that are not 32 bytes instead of failing over them', async () => {
  const orderId = await world.order([await world.trade('beta')]);
  world.tamper = (_, body): SettlementMessage =>
    body.kind === 'settlement-request' ? { ...body, groupsHash: '0x12' } : body;
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'failed');
  expect((await settlementOf(orderId))?.code).toBe('BATCH_MALFORMED');
});

it('answers a request that comes twice the same, and signs a trade for one batch only', async () => {
  const trade = await world.trade('beta');
  const orderId = await world.order([trade]);
  const answers: SettlementMessage[] = [];
  let request: SettlementMessage | undefined;
  world.tamper = (_, body) => {
    if (body.kind === 'settlement-request') request = body;
    else answers.push(body);
    return body.kind === 'settlement-request' ? body : undefined;
  };
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect.poll(() => answers.length).toBe(1);
  if (request?.kind !== 'settlement-request') throw new Error('no request');
  await world.nodes.beta.receive('alpha', request);
  await expect.poll(() => answers.length).toBe(2);
  expect(answers[1]).toEqual(answers[0]);
  await world.nodes.beta.receive('alpha', { ...request, batchId: `0x${'34'.repeat(32)}` });
  await expect.poll(() => answers[2]).toMatchObject({ code: 'TRADE_IN_ANOTHER_BATCH' });
  await world.nodes.beta.receive('gamma', request);
  await expect.poll(() => answers[3]).toMatchObject({ code: 'BATCH_ID_TAKEN' });
  for (const answer of answers.slice(0, 2)) await world.nodes.alpha.receive('beta', answer);
  await untilState(orderId, 'settled');
});

it('sends the same bytes again after a crash between keeping and sending them', async () => {
  const orderId = await world.order([await world.trade('beta'), await world.trade('gamma')]);
  const before = await world.balances();
  const nonce = await signerNonce();
  world.proxies.alpha.fate = (method) =>
    method === 'eth_sendRawTransaction' ? 'lose-request' : 'pass';
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect
    .poll(async () => (await batchOf(orderId))?.rawTransaction, { timeout: 5_000 })
    .toMatch(/^0x02/);
  const kept = await batchOf(orderId);
  expect(await settlementOf(orderId)).toMatchObject({
    state: 'affirmed',
    transactionHash: undefined,
  });
  await world.nodes.alpha.stop();
  world.proxies.alpha.fate = () => 'pass';
  await world.restart('alpha');
  await untilState(orderId, 'settled');
  expect(await batchOf(orderId)).toMatchObject({
    transactionHash: kept?.transactionHash,
    rawTransaction: kept?.rawTransaction,
    nonce,
  });
  expect(await signerNonce()).toBe(nonce + 1);
  expect((await moved(before))[0]).toBe(2n * shares);
});

it('finds its transaction again after a crash that followed the sending', async () => {
  const orderId = await world.order([await world.trade('beta')]);
  const before = await world.balances();
  const nonce = await signerNonce();
  world.proxies.alpha.fate = (method) =>
    method === 'eth_sendRawTransaction'
      ? 'lose-answer'
      : method === 'eth_getTransactionReceipt'
        ? 'lose-request'
        : 'pass';
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect.poll(signerNonce, { timeout: 5_000 }).toBe(nonce + 1);
  await world.nodes.alpha.stop();
  world.proxies.alpha.fate = () => 'pass';
  await world.restart('alpha');
  await untilState(orderId, 'settled');
  expect(await signerNonce()).toBe(nonce + 1);
  expect((await moved(before))[0]).toBe(shares);
});

it('signs again when another transaction took the nonce', async () => {
  const { client, signers } = world.fixture;
  const signer = signers['alpha'];
  if (!signer) throw new Error('no signer');
  const orderId = await world.order([await world.trade('beta')]);
  const before = await world.balances();
  const nonce = await signerNonce();
  world.proxies.alpha.fate = (method) =>
    method === 'eth_sendRawTransaction' ? 'lose-request' : 'pass';
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect.poll(async () => (await batchOf(orderId))?.nonce, { timeout: 5_000 }).toBe(nonce);
  const kept = await batchOf(orderId);
  const hash = await client.sendTransaction({
    account: signer,
    to: signer.address,
    value: 1n,
    nonce,
  });
  await client.waitForTransactionReceipt({ hash });
  world.proxies.alpha.fate = () => 'pass';
  await untilState(orderId, 'settled', 15_000);
  expect(await batchOf(orderId)).toMatchObject({
    nonce: nonce + 1,
    earlierHashes: [kept?.transactionHash],
  });
  expect((await moved(before))[0]).toBe(shares);
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
  world.proxies.alpha.fate = (method) =>
    method === 'eth_sendRawTransaction' ? 'lose-request' : 'pass';
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect
    .poll(async () => (await batchOf(orderId))?.nonce ?? -1, { timeout: 5_000 })
    .toBeGreaterThan(-1);
  const tradeNumber = BigInt(trades[0]?.tradeNumber ?? 0);
  const groups = [[fixture.leg({ executingVenue: 'beta', tradeNumber })]];
  const batchId = `0x${sender === 'alpha' ? 'a1' : 'a2'}${'00'.repeat(31)}` as const;
  const account =
    sender === 'alpha' ? fixture.signers['alpha'] : privateKeyToAccount(network.mallory.privateKey);
  if (!account) throw new Error('no sender');
  await client.setBalance({ address: account.address, value: 10n ** 20n });
  const data = encodeSettle({ batchId, groups, signatures: await signAll(batchId, groups) });
  const hash = await client.sendTransaction({
    account,
    to: network.settlement,
    data,
    gas: settleGasLimit(groups),
  });
  await client.waitForTransactionReceipt({ hash });
  world.proxies.alpha.fate = () => 'pass';
  await untilState(orderId, 'failed', 15_000);

  const view = await settlementOf(orderId);
  expect(view).toMatchObject({
    code: 'TRADE_ALREADY_SETTLED',
    reason: expect.stringContaining('has already settled'),
    legs: [
      { venue: 'beta', state: 'settled' },
      { venue: 'gamma', state: 'failed' },
    ],
  });
  if (sender !== 'alpha') expect(view?.blockNumber).toBeGreaterThan(0);
  expect(await moved(before)).toEqual([shares, 0n, -shares, 0n, -cash, 0n, cash, 0n]);
  expect(await onChain(trades)).toEqual([true, false]);
});

it('stays settled when somebody submits the same batch again', async () => {
  const { client, network } = world.fixture;
  const orderId = await world.order([await world.trade('beta')]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'settled');
  const view = await settlementOf(orderId);
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
  expect(receipt.logs).toHaveLength(1);
  const next = await world.order([await world.trade('beta')]);
  await world.nodes.alpha.service.closeGroup(next);
  await untilState(next, 'settled');
  expect(await settlementOf(orderId)).toEqual(view);
  expect((await moved(before))[0]).toBe(shares);
});

it('names why a whole transaction reverted', async () => {
  const { network } = world.fixture;
  const orderId = await world.order([await world.trade('alpha')]);
  await write(network.admin.privateKey, network.settlement, settlementAbi, 'pause');
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'failed');
  expect(await settlementOf(orderId)).toMatchObject({ code: 'SETTLEMENT_PAUSED' });
  await write(network.admin.privateKey, network.settlement, settlementAbi, 'unpause');
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
  await expect.poll(async () => (await batchOf(orderId))?.state).toBe('affirmed');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect((await batchOf(orderId))?.nonce).toBeNull();
  for (const proxy of Object.values(world.proxies)) proxy.fate = () => 'pass';
  await untilState(orderId, 'settled', 15_000);
  expect(service.readiness()).toEqual({ ready: true });
});

it('settles only what has the confirmations it was told to wait for', async () => {
  await world.restart('alpha', { finality: 3 });
  const orderId = await world.order([await world.trade('alpha')]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'submitted');
  await world.fixture.client.mine({ blocks: 1 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await settlementOf(orderId))?.state).toBe('submitted');
  await world.fixture.client.mine({ blocks: 1 });
  await untilState(orderId, 'settled');
  await world.restart('alpha');
});

it('gives a batch up at its deadline when a venue never answers', async () => {
  await world.restart('alpha', { settleWithinS: 2 });
  const orderId = await world.order([await world.trade('beta')]);
  world.tamper = () => undefined;
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'failed');
  expect((await settlementOf(orderId))?.code).toBe('AFFIRMATION_MISSING');
  await world.restart('alpha');
});

it('frees a trade at the executing venue when the batch it signed passed its deadline unsettled', async () => {
  await world.restart('alpha', { settleWithinS: 2 });
  const orderId = await world.order([await world.trade('beta')]);
  world.tamper = (from, body) => (from === 'beta' ? undefined : body);
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilState(orderId, 'failed');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await world.fixture.client.mine({ blocks: 1 });
  await expect
    .poll(async () => (await world.nodes.beta.batches()).at(-1), { timeout: 5_000 })
    .toMatchObject({ state: 'failed', code: 'DEADLINE_PASSED' });
  await world.restart('alpha');
});

it('counts what it does', async () => {
  const text = await world.nodes.beta.metrics.metrics();
  expect(text).toMatch(
    /stoa_settlement_batch_transitions_total\{role="executing",state="settled"\} [1-9]/,
  );
  expect(text).toMatch(/stoa_settlement_discrepancies_total 0/);
});
