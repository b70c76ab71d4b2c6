import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { settlementAbi } from './generated/settlement.ts';
import { decodeSettlementLogs } from './settlement-log.ts';
import { type Mandate, signMandate } from './settlement-mandate.ts';
import { developmentAccount, startTestChain, type TestChain } from './testing/test-chain.ts';
import { batchIdOf, deployTestMarket, roles, type TestMarket } from './testing/test-market.ts';

let chain: TestChain;
let market: TestMarket;
let snapshot: `0x${string}`;
const buyer = developmentAccount(roles.buyer);

beforeAll(async () => {
  chain = await startTestChain();
  market = await deployTestMarket(chain);
  await market.write(settlementAbi, market.settlement, 'requireMandates', [true], roles.buyer);
});
afterAll(() => chain.stop());
beforeEach(async () => {
  snapshot = await chain.client.snapshot();
});
afterEach(() => chain.client.revert({ id: snapshot }));

const domain = () => ({ chainId: chain.client.chain.id, settlement: market.settlement });

/** Up to 25 tokens at no more than 10 each. */
const mandate = (overrides: Partial<Mandate> = {}): Mandate => ({
  investor: buyer.address,
  side: 'buy',
  token: market.token,
  cashToken: market.cash,
  limitAmount: 10n,
  limitQuantity: 1n,
  quantity: 25n,
  expiry: market.deadline,
  nonce: 1n,
  venues: ['alpha', 'beta'],
  ...overrides,
});

async function settleUnder(terms: Mandate, tradeNumber: bigint, signer = buyer) {
  const signed = await signMandate(signer, domain(), terms);
  const receipt = await market.settle([[market.leg({ tradeNumber })]], {
    batchId: batchIdOf(`batch ${tradeNumber}`),
    mandates: [[signed]],
  });
  const { settled, failed } = decodeSettlementLogs(receipt.logs, market.settlement);
  return settled.length === 1 ? 'SETTLED' : failed[0]?.reason.code;
}

it('settles within a mandate, counts its fill, and stops at its quantity', async () => {
  expect(await settleUnder(mandate(), 1n)).toBe('SETTLED');
  expect(await settleUnder(mandate(), 2n)).toBe('SETTLED');
  expect(await settleUnder(mandate(), 3n)).toBe('MANDATE_QUANTITY_EXCEEDED');
  const [filled] = await chain.client.readContract({
    address: market.settlement,
    abi: settlementAbi,
    functionName: 'mandateState',
    args: [buyer.address, 1n],
  });
  expect(filled).toBe(20n);
});

it('moves nothing for the account without a mandate, whatever the venues sign', async () => {
  const { logs } = await market.settle([[market.leg({ tradeNumber: 1n })]]);
  const { failed } = decodeSettlementLogs(logs, market.settlement);
  expect(failed).toMatchObject([{ reason: { code: 'MANDATE_REQUIRED' } }]);
  expect(failed[0]?.reason.message).toContain(buyer.address);
});

it.each([
  ['MANDATE_PRICE_EXCEEDED', { limitAmount: 9n }],
  ['MANDATE_VENUE_NOT_ALLOWED', { venues: ['gamma'] }],
  ['MANDATE_EXPIRED', { expiry: 1 }],
  ['INVALID_MANDATE', { limitQuantity: 0n }],
  ['MANDATE_REQUIRED', { side: 'sell' }],
] as const)('says %s by its own name', async (code, overrides) => {
  expect(await settleUnder(mandate(overrides), 1n)).toBe(code);
});

it('refuses a mandate that another key signed', async () => {
  const stranger = developmentAccount(roles.stranger);
  expect(await settleUnder(mandate(), 1n, stranger)).toBe('INVALID_MANDATE_SIGNATURE');
});

it('refuses a mandate that the investor withdrew', async () => {
  const { settlement } = market;
  await market.write(settlementAbi, settlement, 'withdrawMandate', [1n], roles.buyer);
  expect(await settleUnder(mandate(), 1n)).toBe('MANDATE_IS_WITHDRAWN');
});
