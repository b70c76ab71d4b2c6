import type { SettlementMessage } from '@stoa/node/testing/settlement-node';
import { maxUint256 } from 'viem';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { cash, SettlementWorld, shares } from './settlement-world.ts';

let world: SettlementWorld;
beforeAll(async () => {
  world = await SettlementWorld.start();
});
afterAll(() => world.stop());
afterEach(() => world.mend());

it('settles an order over two executing venues in one transaction', async () => {
  const before = await world.balances();
  const trades = [await world.trade('beta'), await world.trade('gamma')];
  const orderId = await world.order(trades);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'settled');

  expect(await world.moved(before)).toEqual([
    2n * shares,
    0n,
    -shares,
    -shares,
    -2n * cash,
    0n,
    cash,
    cash,
  ]);
  const view = await world.settlementOf(orderId);
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
  await world.untilState(orderId, 'settled');
  expect((await world.batchOf(orderId))?.signatures).toHaveLength(1);
});

it('shows a settlement to the member whose order it is, and to no other', async () => {
  const { service } = world.nodes.alpha;
  const orderId = await world.order([await world.trade('alpha')]);
  expect(await world.settlementOf(orderId)).toMatchObject({ batchId: '', state: 'instructed' });
  await service.closeGroup(orderId);
  const [newest] = await service.forMember('harbor', { first: 1 });
  expect(newest).toMatchObject({ orderId, legs: [{ venue: 'alpha' }] });
  const batchId = newest?.batchId ?? '';
  expect(await service.forMember('harbor', { batchId, first: 5 })).toHaveLength(1);
  expect(await service.forMember('harbor', { batchId: `0x${'0'.repeat(64)}`, first: 5 })).toEqual(
    [],
  );
  expect(await service.forMember('acme', { first: 5 })).toEqual([]);
  await world.untilState(orderId, 'settled');
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
  await world.untilState(orderId, 'settled');
  expect(
    (await world.nodes.alpha.batches()).filter((batch) => batch.orderId === orderId),
  ).toHaveLength(1);
});

it('settles nothing of an order when one leg cannot, and says why', async () => {
  const trades = [await world.trade('beta'), await world.trade('gamma')];
  const orderId = await world.order(trades);
  await world.approveTokens('gamma', 0n);
  const before = await world.balances();
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'failed');
  expect(await world.settlementOf(orderId)).toMatchObject({
    code: 'ALLOWANCE_TOO_LOW',
    reason: expect.stringContaining('not approved'),
    transactionHash: expect.stringMatching(/^0x/),
    legs: [{ state: 'failed' }, { state: 'failed' }],
  });
  expect(await world.moved(before)).toEqual(before.map(() => 0n));
  expect(await world.onChain(trades)).toEqual([false, false]);
  await expect.poll(async () => (await world.nodes.beta.batches()).at(-1)?.state).toBe('failed');
  await world.approveTokens('gamma', maxUint256);
});

it('names what failed to the order whose batch it was, and to the others of it only the code', async () => {
  const [seen, other] = [await world.trade('beta'), await world.trade('gamma')];
  await world.nodes.beta.recordOrder({ id: 'beta-2', member: 'reef' });
  const resting = { ...seen, executionId: 'beta-902', tradeNumber: 902 };
  await world.nodes.beta.recordTrade(resting, { sellLegId: 'beta-2.1.1' });
  const orderId = await world.order([resting, other]);
  await world.approveTokens('gamma', 0n);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'failed');
  expect((await world.settlementOf(orderId))?.reason).toContain('not approved');
  const others = (): Promise<unknown> => world.settlementsOf('beta', 'beta-2');
  await expect.poll(others, { timeout: 10_000 }).toMatchObject([
    {
      state: 'failed',
      code: 'ALLOWANCE_TOO_LOW',
      reason: 'The batch that this trade was in did not settle: ALLOWANCE_TOO_LOW.',
    },
  ]);
  await world.approveTokens('gamma', maxUint256);
});

it('shows a trade that can never settle apart from those that wait for their batch', async () => {
  const good = await world.trade('alpha');
  const self = await world.trade('alpha', { seller: good.buyer });
  const orderId = await world.order([good, self]);
  const states = (await world.settlementsOf('alpha', orderId)).map((one) => ({
    state: one.state,
    code: one.code,
    legs: one.legs.length,
  }));
  expect(states).toHaveLength(2);
  expect(states).toEqual(
    expect.arrayContaining([
      { state: 'instructed', code: undefined, legs: 1 },
      { state: 'failed', code: 'SELF_TRADE', legs: 1 },
    ]),
  );
});

it('does not sign a leg that was altered on the way', async () => {
  const orderId = await world.order([await world.trade('beta'), await world.trade('gamma')]);
  world.tamper = (_, body): SettlementMessage =>
    body.kind === 'settlement-request' && body.legs[0]?.executingVenue === 'beta'
      ? { ...body, legs: body.legs.map((leg) => ({ ...leg, amount: '1' })) }
      : body;
  const nonce = await world.signerNonce();
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'failed');
  expect(await world.settlementOf(orderId)).toMatchObject({
    code: 'TERMS_DIFFER',
    reason: expect.stringMatching(/^beta did not sign: .*amount/),
    transactionHash: undefined,
  });
  expect(await world.signerNonce()).toBe(nonce);
});

it('does not send what carries a signature over something else', async () => {
  const orderId = await world.order([await world.trade('beta')]);
  world.tamper = (_, body): SettlementMessage =>
    body.kind === 'settlement-request' ? { ...body, groupsHash: `0x${'12'.repeat(32)}` } : body;
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'failed');
  expect((await world.settlementOf(orderId))?.code).toBe('AFFIRMATION_INVALID');
});

it('refuses words that are not 32 bytes instead of failing over them', async () => {
  const orderId = await world.order([await world.trade('beta')]);
  world.tamper = (_, body): SettlementMessage =>
    body.kind === 'settlement-request' ? { ...body, groupsHash: '0x12' } : body;
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'failed');
  expect((await world.settlementOf(orderId))?.code).toBe('BATCH_MALFORMED');
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
  await world.untilState(orderId, 'settled');
});

it('counts what it does', async () => {
  const text = await world.nodes.beta.metrics.metrics();
  expect(text).toMatch(
    /stoa_settlement_batch_transitions_total\{role="executing",state="settled"\} [1-9]/,
  );
  expect(text).toMatch(/stoa_settlement_discrepancies_total 0/);
});
