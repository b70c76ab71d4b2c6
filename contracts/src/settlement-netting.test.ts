import type { Address } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listingRegistryAbi } from './generated/listing-registry.ts';
import type { SettlementLeg } from './settlement-batch.ts';
import { decodeSettlementLogs } from './settlement-log.ts';
import { encodeSettleNetted, nettedMoves } from './settlement-netting.ts';
import { refusalOf } from './testing/refusal-of.ts';
import { startTestChain, type TestChain } from './testing/test-chain.ts';
import { batchIdOf, deployTestMarket, roles, type TestMarket } from './testing/test-market.ts';

const token: Address = `0x${'a1'.repeat(20)}`;
const cashToken: Address = `0x${'ca'.repeat(20)}`;
const walletOf = (index: number): Address => `0x${`b${index}`.repeat(20)}`;

function leg(seller: number, buyer: number, quantity: bigint, amount: bigint): SettlementLeg {
  return {
    ...{ executingVenue: 'alpha', homeVenue: 'alpha', tradeNumber: 1n, deadline: 1 },
    ...{ token, cashToken, quantity, amount },
    seller: walletOf(seller),
    buyer: walletOf(buyer),
  };
}

describe('netted moves', () => {
  it('are one delivery and one payment for trades on one side', () => {
    expect(nettedMoves([leg(1, 2, 10n, 100n), leg(1, 2, 5n, 60n)])).toEqual([
      { token, from: walletOf(1), to: walletOf(2), value: 15n },
      { token: cashToken, from: walletOf(2), to: walletOf(1), value: 160n },
    ]);
  });

  it('are none where trades cancel out', () => {
    expect(nettedMoves([leg(1, 2, 10n, 100n), leg(2, 1, 10n, 100n)])).toEqual([]);
  });

  it('give every wallet what the legs one by one would, by fewer transfers', () => {
    // A fixed sequence that looks random: the same trades in every run.
    let state = 7n;
    const next = (limit: number) => {
      state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % 2n ** 64n;
      return Number((state >> 33n) % BigInt(limit));
    };
    const legs = Array.from({ length: 100 }, () => {
      const seller = next(8);
      const buyer = (seller + 1 + next(7)) % 8;
      return leg(seller, buyer, BigInt(1 + next(500)), BigInt(1 + next(9_000)));
    });
    const moves = nettedMoves(legs);
    expect(moves.length).toBeLessThanOrEqual(2 * 7);
    const transfers = legs.flatMap(({ seller, buyer, quantity, amount }) => [
      { token, from: seller, to: buyer, value: quantity },
      { token: cashToken, from: buyer, to: seller, value: amount },
    ]);
    expect(sums(moves)).toEqual(sums(transfers));
  });
});

function sums(moves: ReturnType<typeof nettedMoves>): Record<string, bigint> {
  const result: Record<string, bigint> = {};
  for (const { token: asset, from, to, value } of moves) {
    result[`${asset} ${from}`] = (result[`${asset} ${from}`] ?? 0n) - value;
    result[`${asset} ${to}`] = (result[`${asset} ${to}`] ?? 0n) + value;
  }
  return Object.fromEntries(
    Object.entries(result)
      .filter(([, value]) => value !== 0n)
      .toSorted(([one], [other]) => one.localeCompare(other)),
  );
}

describe('a netted batch', () => {
  let chain: TestChain;
  let market: TestMarket;

  beforeAll(async () => {
    chain = await startTestChain();
    market = await deployTestMarket(chain);
  });
  afterAll(() => chain.stop());

  it('settles by two transfers what would be six, once the token allows it', async () => {
    const legs = [1n, 2n, 3n].map((tradeNumber) => market.leg({ tradeNumber, amount: 33n }));
    const batchId = batchIdOf('net');
    const signatures = await market.sign(batchId, [legs], { purpose: 'net' });
    const domain = { chainId: chain.client.chain.id, settlement: market.settlement };
    const data = encodeSettleNetted({ domain, batchId, legs, signatures });
    const send = () => chain.send({ to: market.settlement, data, from: roles.stranger });
    expect(await refusalOf(send())).toBe('NETTING_NOT_ALLOWED');
    const { listingRegistry } = market;
    await market.write(listingRegistryAbi, listingRegistry, 'setNetting', [market.token, true]);
    const { logs } = await send();
    expect(decodeSettlementLogs(logs, market.settlement).settled).toHaveLength(3);
    const transfers = logs.filter(({ address }) => address !== market.settlement.toLowerCase());
    // Each Transfer; our tokens say nothing of an unlimited allowance.
    expect(transfers).toHaveLength(2);
  });
});
