import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { cashTokenAbi } from './generated/cash-token.ts';
import { settlementAbi } from './generated/settlement.ts';
import { awkwardTokenAbi } from './generated/test-awkward-token.ts';
import type { SettlementLeg } from './settlement-batch.ts';
import { settleGasLimit } from './settlement-gas.ts';
import { decodeSettlementLogs } from './settlement-log.ts';
import { encodeReverse, type ReversalConsent, signReversalConsent } from './settlement-reversal.ts';
import { developmentAccount, startTestChain, type TestChain } from './testing/test-chain.ts';
import { batchIdOf, deployTestMarket, roles, type TestMarket } from './testing/test-market.ts';

let chain: TestChain;
let market: TestMarket;
let snapshot: `0x${string}`;

// Whoever received tokens or cash has to let the contract take them back.
beforeAll(async () => {
  chain = await startTestChain();
  market = await deployTestMarket(chain);
  const { token, cash, settlement } = market;
  await market.write(awkwardTokenAbi, token, 'approve', [settlement, 100n], roles.buyer);
  await market.write(cashTokenAbi, cash, 'approve', [settlement, 1_000n], roles.seller);
});
afterAll(() => chain.stop());
beforeEach(async () => {
  snapshot = await chain.client.snapshot();
});
afterEach(() => chain.client.revert({ id: snapshot }));

async function reverse(leg: SettlementLeg, consents: readonly ReversalConsent[] = []) {
  const groups = [[leg]];
  const batchId = batchIdOf('bust');
  const { logs } = await chain.send({
    to: market.settlement,
    data: encodeReverse({
      domain: { chainId: chain.client.chain.id, settlement: market.settlement },
      ...{ batchId, groups, consents: [consents] },
      signatures: await market.sign(batchId, groups, { purpose: 'reverse' }),
    }),
    gas: settleGasLimit(groups),
  });
  return decodeSettlementLogs(logs, market.settlement);
}

const tokensOf = (role: number) =>
  chain.client.readContract({
    address: market.token,
    abi: awkwardTokenAbi,
    functionName: 'balanceOf',
    args: [developmentAccount(role).address],
  });

it('gives token and cash back, once, with the signatures of both venues', async () => {
  const leg = market.leg({ tradeNumber: 1n, executingVenue: 'beta' });
  await market.settle([[leg]]);
  expect(await tokensOf(roles.buyer)).toBe(10n);
  const { reversed, settled } = await reverse(leg);
  expect(settled).toEqual([]);
  expect(reversed).toMatchObject([{ executingVenue: 'beta', tradeNumber: 1n, quantity: 10n }]);
  expect(await tokensOf(roles.buyer)).toBe(0n);
  const again = await reverse(leg);
  expect(again.failed).toMatchObject([{ reason: { code: 'TRADE_ALREADY_REVERSED' } }]);
});

it('reverses nothing that has not settled', async () => {
  const { failed } = await reverse(market.leg({ tradeNumber: 1n }));
  expect(failed).toMatchObject([{ reason: { code: 'TRADE_NOT_SETTLED' } }]);
});

it('asks an account that requires mandates, by the hash of the very leg', async () => {
  const leg = market.leg({ tradeNumber: 1n });
  await market.settle([[leg]]);
  const { settlement } = market;
  await market.write(settlementAbi, settlement, 'requireMandates', [true], roles.buyer);
  expect((await reverse(leg)).failed).toMatchObject([{ reason: { code: 'CONSENT_REQUIRED' } }]);
  const consent = await signReversalConsent(
    developmentAccount(roles.buyer),
    { chainId: chain.client.chain.id, settlement },
    leg,
  );
  expect((await reverse(leg, [consent])).reversed).toHaveLength(1);
});
