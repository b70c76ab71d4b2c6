import { listingRegistryAbi, memberRegistryAbi, slugToBytes32 } from '@stoa/contracts';
import type { SettlementMessage } from '@stoa/node/testing/settlement-node';
import type { Execution } from '@stoa/schema';
import { encodeAbiParameters, keccak256, parseAbi } from 'viem';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { SettlementWorld, shares } from './settlement-world.ts';

const tokenAbi = parseAbi(['function pause()', 'function unpause()']);
const issuersAbi = parseAbi([
  'function removeTrustedIssuer(address issuer)',
  'function addTrustedIssuer(address issuer, uint256[] topics)',
]);
const quick = { retryAfterMs: 300 };

let world: SettlementWorld;
beforeAll(async () => {
  world = await SettlementWorld.start();
  await world.restart('alpha', quick);
});
afterAll(() => world.stop());
afterEach(() => world.mend());

async function asAdmin(
  address: `0x${string}`,
  abi: typeof tokenAbi | typeof issuersAbi,
  name: string,
  args: readonly unknown[] = [],
) {
  await world.write(world.fixture.network.admin.privateKey, address, abi, name, args);
}

/** The failures that alpha's batches of the order went through, as they come. */
async function untilFailed(orderId: string, code: string): Promise<void> {
  await expect
    .poll(async () => (await world.batchOf(orderId))?.code, { timeout: 20_000, interval: 10 })
    .toBe(code);
}

async function closed(trades: readonly Execution[]): Promise<string> {
  const orderId = await world.order(trades);
  await world.nodes.alpha.service.closeGroup(orderId);
  return orderId;
}

const queued = () => world.nodes.alpha.service.operatorQueue(100);
const unmoved = async (before: readonly bigint[]) =>
  (await world.moved(before)).every((change) => change === 0n);

it('settles by itself what failed because the token was paused, once it is not any more', async () => {
  const { token } = world.fixture.network;
  const before = await world.balances();
  await asAdmin(token, tokenAbi, 'pause');
  const orderId = await closed([await world.trade('beta'), await world.trade('gamma')]);
  await untilFailed(orderId, 'TOKEN_PAUSED');
  expect(await unmoved(before)).toBe(true);
  await asAdmin(token, tokenAbi, 'unpause');
  await world.untilState(orderId, 'settled', 20_000);
  const batch = await world.batchOf(orderId);
  expect(batch).toMatchObject({ code: null, afterFailure: null, groupNumber: 1 });
  expect(batch?.attempts).toBeGreaterThan(0);
  expect((await world.moved(before))[0]).toBe(2n * shares);
});

it('settles when the issuer of a claim is trusted again that was not at settlement', async () => {
  const { trex } = world.fixture.network;
  const before = await world.balances();
  const trade = await world.trade('beta');
  await asAdmin(trex.issuersRegistry, issuersAbi, 'removeTrustedIssuer', [trex.claimIssuer]);
  const orderId = await closed([trade]);
  await untilFailed(orderId, 'COMPLIANCE_REFUSED');
  expect(await unmoved(before)).toBe(true);
  const trusted = [trex.claimIssuer, [1n]];
  await asAdmin(trex.issuersRegistry, issuersAbi, 'addTrustedIssuer', trusted);
  await world.untilState(orderId, 'settled', 20_000);
  expect((await world.moved(before))[0]).toBe(shares);
});

it('names a venue that was suspended and a listing that was halted, and settles when they are not', async () => {
  const { memberRegistry, listingRegistry, token } = world.fixture.network;
  const beta = slugToBytes32('beta');
  const members = async (name: string, args: readonly unknown[]) =>
    world.write(
      world.fixture.network.admin.privateKey,
      memberRegistry,
      memberRegistryAbi,
      name,
      args,
    );
  const listings = async (name: string, args: readonly unknown[]) =>
    world.write(
      world.fixture.network.admin.privateKey,
      listingRegistry,
      listingRegistryAbi,
      name,
      args,
    );
  await members('suspend', [beta]);
  const ofSuspended = await closed([await world.trade('beta')]);
  // The whole transaction reverts, and says why by the contract's own error.
  await untilFailed(ofSuspended, 'VENUE_SUSPENDED');
  await members('setMember', [beta, 1, 1]);
  await world.untilState(ofSuspended, 'settled', 20_000);

  const { client } = world.fixture;
  const { exemption, evidenceHash } = await client.readContract({
    address: listingRegistry,
    abi: listingRegistryAbi,
    functionName: 'listing',
    args: [token, beta],
  });
  await listings('halt', [token, beta]);
  const ofHalted = await closed([await world.trade('beta')]);
  await untilFailed(ofHalted, 'NOT_LISTED');
  expect((await world.settlementOf(ofHalted))?.reason).toContain('halted');
  await listings('setListing', [token, beta, 2, exemption, evidenceHash]);
  await world.untilState(ofHalted, 'settled', 20_000);
});

it('leaves what cannot go away to the operator, who has it signed anew', async () => {
  const orderId = await world.order([await world.trade('beta')]);
  world.tamper = (_, body) =>
    body.kind === 'settlement-request'
      ? { ...body, legs: body.legs.map((leg) => ({ ...leg, amount: '1' })) }
      : body;
  await world.nodes.alpha.service.closeGroup(orderId);
  await untilFailed(orderId, 'TERMS_DIFFER');
  const [entry] = (await queued()).filter((one) => one.orderId === orderId);
  expect(entry).toMatchObject({ code: 'TERMS_DIFFER', attempts: 1, purpose: 'settle' });
  world.mend();
  const { service } = world.nodes.alpha;
  const batchId = entry?.batchId as `0x${string}`;
  expect(await service.retryByOperator(batchId)).toBe('instructed-anew');
  await world.untilState(orderId, 'settled', 15_000);
  expect((await queued()).filter((one) => one.orderId === orderId)).toEqual([]);
  expect(await service.retryByOperator(batchId)).toMatchObject({ code: 'BATCH_NOT_FAILED' });
  expect(await service.retryByOperator(`0x${'99'.repeat(32)}`)).toMatchObject({
    code: 'BATCH_UNKNOWN',
  });
});

it('instructs anew with a new deadline what a venue did not sign before the old one', async () => {
  await world.restart('alpha', { ...quick, settleWithinS: 2 });
  world.tamper = (from, body) => (from === 'beta' ? undefined : body);
  const orderId = await closed([await world.trade('beta')]);
  await untilFailed(orderId, 'AFFIRMATION_MISSING');
  await world.restart('alpha', quick);
  world.mend();
  await world.fixture.client.mine({ blocks: 1, interval: 3 });
  await world.untilState(orderId, 'settled', 20_000);
  const batches = (await world.nodes.alpha.batches()).filter((one) => one.orderId === orderId);
  expect(batches[0]).toMatchObject({ state: 'failed', afterFailure: 'replaced' });
  expect(batches.at(-1)).toMatchObject({ state: 'settled' });
  expect(batches.length).toBeGreaterThan(1);
});

it('reverses on chain a trade that its venue undid after it had settled', async () => {
  const before = await world.balances();
  const [busted, good] = [await world.trade('beta'), await world.trade('gamma')];
  const orderId = await closed([busted, good]);
  await world.untilState(orderId, 'settled', 15_000);
  await world.nodes.beta.bust(busted);
  expect(await world.nodes.alpha.bust(busted)).toBe('in-settlement');
  const legOf = async (venue: 'alpha' | 'beta') =>
    (await world.nodes[venue].legs()).find((leg) => leg.executionId === busted.executionId);
  await expect
    .poll(async () => (await legOf('alpha'))?.state, { timeout: 15_000 })
    .toBe('reversed');
  await expect.poll(async () => (await legOf('beta'))?.state, { timeout: 5_000 }).toBe('reversed');
  expect((await world.moved(before))[0]).toBe(shares);
  // One of two: the batch as a whole stands.
  expect((await world.settlementOf(orderId))?.legs.map(({ state }) => state).sort()).toEqual([
    'reversed',
    'settled',
  ]);
  const { differences } = await world.nodes.alpha.service.reconcile();
  expect(differences).toEqual([]);
});

it('does not sign a reversal of a trade that it neither undid nor corrected', async () => {
  const trade = await world.trade('beta');
  const orderId = await closed([trade]);
  await world.untilState(orderId, 'settled', 15_000);
  await world.nodes.alpha.bust(trade);
  const isQueued = async () => (await queued()).find(({ purpose }) => purpose === 'reverse');
  await expect.poll(isQueued, { timeout: 15_000 }).toMatchObject({ code: 'REVERSAL_UNFOUNDED' });
  const { differences } = await world.nodes.alpha.service.reconcile();
  expect(differences).toMatchObject([{ kind: 'reversal-due', tradeNumber: trade.tradeNumber }]);
  await world.nodes.beta.bust(trade);
  const { service } = world.nodes.alpha;
  const batchId = (await isQueued())?.batchId as `0x${string}`;
  expect(await service.retryByOperator(batchId)).toBe('instructed-anew');
  await world.untilState(orderId, 'reversed', 15_000);
  expect((await service.reconcile()).differences).toEqual([]);
});

it('sends no group of which a trade was undone, and settles the rest when the operator says so', async () => {
  const before = await world.balances();
  const [busted, good] = [await world.trade('gamma'), await world.trade('gamma')];
  const orderId = await world.order([busted, good]);
  let affirmed: SettlementMessage | undefined;
  world.tamper = (from, body) => {
    if (from !== 'gamma') return body;
    affirmed = body;
    return undefined;
  };
  const nonce = await world.signerNonce();
  await world.nodes.alpha.service.closeGroup(orderId);
  await expect.poll(() => affirmed?.kind).toBe('settlement-affirmed');
  await world.nodes.gamma.bust(busted);
  await world.nodes.alpha.bust(busted);
  world.mend();
  if (affirmed) await world.nodes.alpha.receive('gamma', affirmed);
  await untilFailed(orderId, 'TRADE_WITHDRAWN');
  expect(await world.signerNonce()).toBe(nonce);
  expect(await unmoved(before)).toBe(true);
  const entry = (await queued()).find((one) => one.orderId === orderId);
  expect(entry?.trades).toHaveLength(2);
  const batchId = entry?.batchId as `0x${string}`;
  expect(await world.nodes.alpha.service.retryByOperator(batchId)).toBe('instructed-anew');
  // The venue signed the whole group: it signs no other of these trades while that one is good.
  const anew = async () =>
    (await world.nodes.alpha.batches()).findLast((one) => one.orderId === orderId);
  await expect.poll(async () => (await anew())?.code).toBe('TRADE_IN_ANOTHER_BATCH');
  expect((await anew())?.afterFailure).toBe('retry');
  expect(await world.onChain([busted, good])).toEqual([false, false]);
});

it('tries a trade again whose buyer’s claim was revoked, and moves nothing meanwhile', async () => {
  const { trex, alice, admin } = world.fixture.network;
  const before = await world.balances();
  const trade = await world.trade('beta');
  const identity = await world.fixture.client.readContract({
    address: trex.identityRegistry,
    abi: parseAbi(['function identity(address) view returns (address)']),
    functionName: 'identity',
    args: [alice.address],
  });
  const claim = keccak256(
    encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [trex.claimIssuer, 1n]),
  );
  const abi = parseAbi(['function revokeClaim(bytes32 claimId, address identity) returns (bool)']);
  const args = [claim, identity];
  await world.write(admin.privateKey, trex.claimIssuer, abi, 'revokeClaim', args);
  const orderId = await closed([trade]);
  await untilFailed(orderId, 'COMPLIANCE_REFUSED');
  await expect
    .poll(async () => (await world.batchOf(orderId))?.attempts, { timeout: 20_000 })
    .toBeGreaterThan(1);
  expect(await unmoved(before)).toBe(true);
});
