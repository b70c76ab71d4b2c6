import { type Address, encodeFunctionData, zeroAddress } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cashTokenAbi } from './generated/cash-token.ts';
import { listingRegistryAbi } from './generated/listing-registry.ts';
import { memberRegistryAbi } from './generated/member-registry.ts';
import { settlementAbi } from './generated/settlement.ts';
import { awkwardTokenAbi } from './generated/test-awkward-token.ts';
import { slugToBytes32 } from './member-slug.ts';
import {
  encodeSettle,
  groupsHash,
  type SettlementGroup,
  signVenueBatch,
} from './settlement-batch.ts';
import { maxLegsPerBatch, settleGasLimit } from './settlement-gas.ts';
import { decodeSettlementLogs } from './settlement-log.ts';
import { refusalOf } from './testing/refusal-of.ts';
import { developmentAccount, startTestChain, type TestChain } from './testing/test-chain.ts';
import {
  batchIdOf,
  deployTestMarket,
  roles,
  signerOf,
  type TestMarket,
} from './testing/test-market.ts';

let chain: TestChain;
let market: TestMarket;
let snapshot: `0x${string}`;

beforeAll(async () => {
  chain = await startTestChain();
  market = await deployTestMarket(chain);
}, 30_000);
afterAll(() => chain.stop());
beforeEach(async () => {
  snapshot = await chain.client.snapshot();
});
afterEach(() => chain.client.revert({ id: snapshot }));

const balanceOf = (token: Address, owner: Address) =>
  chain.client.readContract({
    address: token,
    abi: cashTokenAbi,
    functionName: 'balanceOf',
    args: [owner],
  });

async function balances(): Promise<bigint[]> {
  const parties = [roles.seller, roles.buyer].map((role) => developmentAccount(role).address);
  return Promise.all(
    [market.token, market.cash].flatMap((token) => parties.map((party) => balanceOf(token, party))),
  );
}

async function settleAndDecode(
  groups: readonly SettlementGroup[],
  options?: Parameters<TestMarket['settle']>[1],
) {
  const receipt = await market.settle(groups, options);
  expect(receipt.status).toBe('success');
  return decodeSettlementLogs(receipt.logs, market.settlement);
}

const isSettled = (venue: string, tradeNumber: bigint) =>
  chain.client.readContract({
    address: market.settlement,
    abi: settlementAbi,
    functionName: 'isSettled',
    args: [slugToBytes32(venue), tradeNumber],
  });

const setStatus = (venue: string, status: number) =>
  market.write(memberRegistryAbi, market.memberRegistry, 'setMember', [
    slugToBytes32(venue),
    1,
    status,
  ]);

const behave = (behaviour: number, target: Address = zeroAddress, callback: `0x${string}` = '0x') =>
  market.write(awkwardTokenAbi, market.token, 'behave', [behaviour, target, callback]);

describe('settling', () => {
  it('moves token and cash between the two wallets for a trade within one venue', async () => {
    const { settled, failed } = await settleAndDecode([[market.leg({ tradeNumber: 7n })]]);
    expect(failed).toEqual([]);
    expect(settled).toMatchObject([
      { executingVenue: 'alpha', homeVenue: 'alpha', tradeNumber: 7n, quantity: 10n, amount: 100n },
    ]);
    expect(await balances()).toEqual([999_990n, 10n, 100n, 999_900n]);
    expect(await isSettled('alpha', 7n)).toBe(true);
    expect(await isSettled('beta', 7n)).toBe(false);
  });

  it('settles a trade of one venue for an order of another, with both signatures', async () => {
    const legs = [market.leg({ tradeNumber: 1n, executingVenue: 'beta' })];
    const { settled } = await settleAndDecode([legs]);
    expect(settled).toMatchObject([{ executingVenue: 'beta', homeVenue: 'alpha' }]);
    const answers = await chain.client.readContract({
      address: market.settlement,
      abi: settlementAbi,
      functionName: 'areSettled',
      args: [
        [slugToBytes32('beta'), slugToBytes32('alpha')],
        [1n, 1n],
      ],
    });
    expect(answers).toEqual([true, false]);
  });

  it.each([0, 1, 2])(
    'leaves every balance as it was when leg %i of an all-or-none group over three venues fails',
    async (k) => {
      const before = await balances();
      const legs = (['alpha', 'beta', 'gamma'] as const).map((executingVenue, index) =>
        market.leg({ executingVenue, tradeNumber: 1n, quantity: index === k ? 2_000_000n : 10n }),
      );
      const { settled, failed } = await settleAndDecode([legs]);
      expect(settled).toEqual([]);
      expect(failed).toMatchObject([{ groupIndex: 0, reason: { code: 'BALANCE_TOO_LOW' } }]);
      expect(await balances()).toEqual(before);
      for (const leg of legs) expect(await isSettled(leg.executingVenue, 1n)).toBe(false);
    },
  );

  it('isolates groups: one that fails leaves the others settled, and its number free', async () => {
    const good = market.leg({ tradeNumber: 1n });
    const bad = market.leg({ tradeNumber: 2n, amount: 5_000_000n });
    const alsoGood = market.leg({ tradeNumber: 3n, executingVenue: 'gamma' });
    const { settled, failed } = await settleAndDecode([[good], [bad], [alsoGood]]);
    expect(settled.map((leg) => leg.tradeNumber)).toEqual([1n, 3n]);
    expect(failed.map((group) => group.groupIndex)).toEqual([1]);
    const retry = await settleAndDecode([[{ ...bad, amount: 50n }]], {
      batchId: batchIdOf('retry'),
    });
    expect(retry.settled).toMatchObject([{ tradeNumber: 2n, amount: 50n }]);
  });

  it('settles a trade once when a batch names it twice', async () => {
    const leg = market.leg({ tradeNumber: 1n });
    const { settled, failed } = await settleAndDecode([[leg], [leg]]);
    expect(settled).toHaveLength(1);
    expect(failed).toMatchObject([{ groupIndex: 1, reason: { code: 'TRADE_ALREADY_SETTLED' } }]);
    expect(await balances()).toEqual([999_990n, 10n, 100n, 999_900n]);
  });

  it('settles a trade once when a later batch names it again', async () => {
    const leg = market.leg({ tradeNumber: 1n });
    await settleAndDecode([[leg]]);
    const again = await settleAndDecode([[leg]], { batchId: batchIdOf('later') });
    expect(again.settled).toEqual([]);
    expect(again.failed).toMatchObject([{ reason: { code: 'TRADE_ALREADY_SETTLED' } }]);
    expect(await balances()).toEqual([999_990n, 10n, 100n, 999_900n]);
  });

  it('settles the same number of another venue: the number is the venue’s own', async () => {
    const legs = [
      market.leg({ tradeNumber: 1n }),
      market.leg({ tradeNumber: 1n, executingVenue: 'beta' }),
    ];
    expect((await settleAndDecode([legs])).settled).toHaveLength(2);
  });

  it('settles the largest batch within the gas of the formula', async () => {
    const legs = Array.from({ length: maxLegsPerBatch }, (_, index) =>
      market.leg({ tradeNumber: BigInt(index) }),
    );
    const receipt = await market.settle([legs]);
    expect(decodeSettlementLogs(receipt.logs, market.settlement).settled).toHaveLength(50);
    expect(settleGasLimit([legs])).toBeLessThan(16_777_216n);
  });
});

describe('refusing a group', () => {
  it.each([
    ['DEADLINE_PASSED', { deadline: 1 }],
    ['ZERO_AMOUNT', { quantity: 0n }],
    ['ZERO_AMOUNT', { amount: 0n }],
    ['SELF_TRADE', { buyer: developmentAccount(roles.seller).address }],
    ['CASH_TOKEN_MISMATCH', { cashToken: developmentAccount(roles.stranger).address }],
    ['NOT_LISTED', { token: developmentAccount(roles.stranger).address }],
  ] as const)('fails it with %s', async (code, overrides) => {
    const { failed } = await settleAndDecode([[market.leg({ tradeNumber: 1n, ...overrides })]]);
    expect(failed.map((group) => group.reason.code)).toEqual([code]);
    expect(await isSettled('alpha', 1n)).toBe(false);
  });

  it.each([
    ['halted', 3],
    ['suspended', 4],
    ['delisted', 5],
  ] as const)('fails it when the token is %s at the executing venue', async (_, status) => {
    await market.write(listingRegistryAbi, market.listingRegistry, 'setListing', [
      market.token,
      slugToBytes32('beta'),
      status,
      2,
      batchIdOf('evidence'),
    ]);
    const { settled, failed } = await settleAndDecode([
      [market.leg({ tradeNumber: 1n, executingVenue: 'beta' })],
      [market.leg({ tradeNumber: 1n, homeVenue: 'beta' })],
    ]);
    expect(failed).toMatchObject([{ groupIndex: 0, reason: { code: 'NOT_LISTED' } }]);
    expect(settled).toMatchObject([{ executingVenue: 'alpha' }]);
  });

  it('fails it when the buyer has not approved the cash', async () => {
    await market.write(cashTokenAbi, market.cash, 'approve', [market.settlement, 0n], roles.buyer);
    const { failed } = await settleAndDecode([[market.leg({ tradeNumber: 1n })]]);
    expect(failed).toMatchObject([{ reason: { code: 'ALLOWANCE_TOO_LOW' } }]);
  });

  it.each([
    ['takes a fee on transfer', 1],
    ['answers true and moves nothing', 2],
  ] as const)('fails it when the token %s', async (_, behaviour) => {
    await behave(behaviour);
    const before = await balances();
    const { failed } = await settleAndDecode([[market.leg({ tradeNumber: 1n, quantity: 1_000n })]]);
    expect(failed).toMatchObject([{ reason: { code: 'TRANSFER_NOT_EXACT' } }]);
    expect(await balances()).toEqual(before);
  });

  it('keeps at most 512 bytes of a token’s revert data', async () => {
    await behave(3);
    const receipt = await market.settle([[market.leg({ tradeNumber: 1n })]]);
    expect(receipt.logs).toHaveLength(2);
    expect(receipt.logs[0]?.data.length).toBeLessThan(2 + 2 * (512 + 4 * 32));
  });

  it('fails it when the token calls back into settle', async () => {
    const groups = [[market.leg({ tradeNumber: 2n })]];
    const batchId = batchIdOf('inner');
    const signatures = await market.sign(batchId, groups);
    await behave(
      4,
      market.settlement,
      encodeSettle({
        domain: { chainId: 31337, settlement: market.settlement },
        batchId,
        groups,
        signatures,
      }),
    );
    const { settled, failed } = await settleAndDecode([[market.leg({ tradeNumber: 1n })]]);
    expect(settled).toEqual([]);
    expect(failed).toMatchObject([{ reason: { code: 'REENTRANCY_GUARD_REENTRANT_CALL' } }]);
  });

  it('fails it when the token calls the group’s own entry point', async () => {
    const data = encodeFunctionData({
      abi: settlementAbi,
      functionName: 'settleGroup',
      args: [batchIdOf('x'), []],
    });
    await behave(4, market.settlement, data);
    const { failed } = await settleAndDecode([[market.leg({ tradeNumber: 1n })]]);
    expect(failed).toMatchObject([{ reason: { code: 'ONLY_SELF' } }]);
  });

  it('gives a token that burns gas no more than its group’s, and names that', async () => {
    await behave(5);
    const groups = [[market.leg({ tradeNumber: 1n })], [market.leg({ tradeNumber: 2n })]];
    const { failed } = await settleAndDecode(groups, { gas: 3_000_000n });
    expect(failed.map(({ reason }) => reason.code)).toEqual([
      'GROUP_OUT_OF_GAS',
      'GROUP_OUT_OF_GAS',
    ]);
    // The formula's gas holds for as many such groups as there are: each fails by itself.
    const more = [...groups, [market.leg({ tradeNumber: 3n })]];
    const all = await settleAndDecode(more, { batchId: batchIdOf('more') });
    expect(all.failed.map(({ reason }) => reason.code)).toEqual([
      'GROUP_OUT_OF_GAS',
      'GROUP_OUT_OF_GAS',
      'GROUP_OUT_OF_GAS',
    ]);
  });
});

describe('refusing a batch', () => {
  const batchId = batchIdOf('batch');
  const twoVenues = () => [[market.leg({ tradeNumber: 1n, executingVenue: 'beta' })]];

  it('refuses a signature by a key that is not the named signer’s', async () => {
    const groups = twoVenues();
    const [beta, alpha] = await market.sign(batchId, groups);
    if (!alpha || !beta) throw new Error('unreachable');
    const signatures = [alpha, { ...beta, signature: alpha.signature }];
    expect(await refusalOf(market.settle(groups, { signatures }))).toBe('INVALID_VENUE_SIGNATURE');
  });

  it('refuses a signer that the venue does not have', async () => {
    const groups = twoVenues();
    const [, alpha] = await market.sign(batchId, groups);
    const foreign = await signVenueBatch(signerOf('gamma'), {
      ...{ domain: { chainId: 31337, settlement: market.settlement }, batchId, venue: 'beta' },
      ...{ legs: groups.flat(), groupsHash: groupsHash(groups) },
    });
    const signatures = alpha ? [alpha, foreign] : [];
    expect(await refusalOf(market.settle(groups, { signatures }))).toBe('NOT_A_SIGNER');
  });

  it('refuses a signer outside its window', async () => {
    const signer = signerOf('beta').address;
    await market.write(memberRegistryAbi, market.memberRegistry, 'setSigner', [
      slugToBytes32('beta'),
      signer,
      1n,
      2n,
    ]);
    expect(await refusalOf(market.settle(twoVenues()))).toBe('NOT_A_SIGNER');
  });

  it('refuses a suspended venue, and lets a ceasing one settle what it traded', async () => {
    await setStatus('beta', 2);
    expect(await refusalOf(market.settle(twoVenues()))).toBe('VENUE_SUSPENDED');
    await setStatus('beta', 3);
    expect((await settleAndDecode(twoVenues())).settled).toHaveLength(1);
    await setStatus('beta', 4);
    expect(await refusalOf(market.settle(twoVenues()))).toBe('VENUE_HAS_CEASED');
  });

  it('refuses a leg that was changed after signing', async () => {
    const groups = twoVenues();
    const signatures = await market.sign(batchId, groups);
    const tampered = groups.map((legs) => legs.map((leg) => ({ ...leg, amount: 1n })));
    expect(await refusalOf(market.settle(tampered, { signatures }))).toBe(
      'INVALID_VENUE_SIGNATURE',
    );
  });

  it('refuses an all-or-none group that was split after signing', async () => {
    const together = [
      [market.leg({ tradeNumber: 1n }), market.leg({ tradeNumber: 1n, executingVenue: 'beta' })],
    ];
    const signatures = await market.sign(batchId, together);
    const apart = together.flat().map((leg) => [leg]);
    expect(await refusalOf(market.settle(apart, { signatures }))).toBe('INVALID_VENUE_SIGNATURE');
  });

  it('refuses a signature for another batch id', async () => {
    const groups = twoVenues();
    const signatures = await market.sign(batchIdOf('other'), groups);
    expect(await refusalOf(market.settle(groups, { signatures }))).toBe('INVALID_VENUE_SIGNATURE');
  });

  it('refuses a missing, a doubled and a needless signature', async () => {
    const groups = twoVenues();
    const [first, second] = await market.sign(batchId, groups);
    if (!first || !second) throw new Error('unreachable');
    expect(await refusalOf(market.settle(groups, { signatures: [first] }))).toBe(
      'MISSING_VENUE_SIGNATURE',
    );
    expect(await refusalOf(market.settle(groups, { signatures: [first, first, second] }))).toBe(
      'DUPLICATE_VENUE_SIGNATURE',
    );
    const needless = { ...first, venue: 'gamma' };
    expect(await refusalOf(market.settle(groups, { signatures: [first, second, needless] }))).toBe(
      'VENUE_NOT_IN_BATCH',
    );
  });

  it('refuses everything while paused, and resumes', async () => {
    await market.write(settlementAbi, market.settlement, 'pause', []);
    expect(await refusalOf(market.settle(twoVenues()))).toBe('SETTLEMENT_PAUSED');
    await market.write(settlementAbi, market.settlement, 'unpause', []);
    expect((await settleAndDecode(twoVenues())).settled).toHaveLength(1);
  });

  it('refuses an empty batch, an empty group and too many legs', async () => {
    expect(await refusalOf(market.settle([]))).toBe('EMPTY_BATCH');
    expect(await refusalOf(market.settle([[market.leg({ tradeNumber: 1n })], []]))).toBe(
      'EMPTY_GROUP',
    );
    const many = [
      Array.from({ length: 101 }, (_, index) => market.leg({ tradeNumber: BigInt(index) })),
    ];
    expect(await refusalOf(market.settle(many, { gas: 29_000_000n }))).toBe('TOO_MANY_LEGS');
  });

  it('reverts instead of failing groups when it is sent with too little gas', async () => {
    const groups = [[market.leg({ tradeNumber: 1n })]];
    expect(await refusalOf(market.settle(groups, { gas: 400_000n }))).toBe('GAS_TOO_LOW');
    expect(await isSettled('alpha', 1n)).toBe(false);
  });

  it('lets a guardian pause and the governing admin alone resume', async () => {
    const by = (functionName: string, role: number, ...args: unknown[]) =>
      market.write(settlementAbi, market.settlement, functionName, args, role);
    const stranger = developmentAccount(roles.stranger).address;
    expect(await refusalOf(by('pause', roles.stranger))).toBe('NOT_A_GUARDIAN');
    await by('setGuardian', 0, stranger, true);
    await by('pause', roles.stranger);
    expect(await refusalOf(by('unpause', roles.stranger))).toBe('OWNABLE_UNAUTHORIZED_ACCOUNT');
    await by('unpause', 0);
  });
});
