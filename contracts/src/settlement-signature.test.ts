import { type Address, bytesToBigInt, concatHex, hexToBytes, numberToHex } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { memberRegistryAbi } from './generated/member-registry.ts';
import { contractSignerAbi, contractSignerBytecode } from './generated/test-contract-signer.ts';
import { slugToBytes32 } from './member-slug.ts';
import {
  encodeSettle,
  groupsHash,
  recoverVenueBatchSigner,
  type SettlementGroup,
  signVenueBatch,
} from './settlement-batch.ts';
import { decodeSettlementLogs } from './settlement-log.ts';
import { refusalOf } from './testing/refusal-of.ts';
import { startTestChain, type TestChain } from './testing/test-chain.ts';
import { batchIdOf, deployTestMarket, signerOf, type TestMarket } from './testing/test-market.ts';

let chain: TestChain;
let market: TestMarket;
let snapshot: `0x${string}`;

beforeAll(async () => {
  chain = await startTestChain();
  market = await deployTestMarket(chain);
});
afterAll(() => chain.stop());
beforeEach(async () => {
  snapshot = await chain.client.snapshot();
});
afterEach(() => chain.client.revert({ id: snapshot }));

const batchId = batchIdOf('batch');
const twoVenues = () => [[market.leg({ tradeNumber: 1n, executingVenue: 'beta' })]];

async function settleAndDecode(
  groups: readonly SettlementGroup[],
  options?: Parameters<TestMarket['settle']>[1],
) {
  const { logs } = await market.settle(groups, options);
  return decodeSettlementLogs(logs, market.settlement);
}

describe('venue signatures', () => {
  it('are recovered to the account that made them', async () => {
    const groups = [[market.leg({ tradeNumber: 1n })]];
    const batch = {
      domain: { chainId: 31337, settlement: market.settlement },
      batchId: batchIdOf('batch'),
      venue: 'alpha',
      legs: groups.flat(),
      groupsHash: groupsHash(groups),
    };
    const { signature } = await signVenueBatch(signerOf('alpha'), batch);
    expect(await recoverVenueBatchSigner(batch, signature)).toBe(signerOf('alpha').address);
  });

  it('are accepted from a contract that says ERC-1271 yes', async () => {
    const contract = await chain.deploy(contractSignerAbi, contractSignerBytecode, [
      signerOf('gamma').address,
    ]);
    await market.write(memberRegistryAbi, market.memberRegistry, 'setSigner', [
      slugToBytes32('gamma'),
      contract,
      0n,
      0n,
    ]);
    const groups = [[market.leg({ tradeNumber: 1n, executingVenue: 'gamma', homeVenue: 'gamma' })]];
    const signatures = await market.sign(batchIdOf('batch'), groups);
    const byContract = signatures.map((entry) => ({ ...entry, signer: contract }));
    expect((await settleAndDecode(groups, { signatures: byContract })).settled).toHaveLength(1);
    const other = await market.sign(batchIdOf('other'), groups);
    const wrong = other.map((entry) => ({ ...entry, signer: contract }));
    expect(await refusalOf(market.settle(groups, { signatures: wrong }))).toBe(
      'INVALID_VENUE_SIGNATURE',
    );
  });

  it('are refused in their malleable form', async () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const groups = twoVenues();
    const signatures = (await market.sign(batchId, groups)).map((entry) => {
      const bytes = hexToBytes(entry.signature);
      const s = order - bytesToBigInt(bytes.slice(32, 64));
      const v = bytes[64] === 27 ? 28 : 27;
      const twin = concatHex([
        `0x${entry.signature.slice(2, 66)}`,
        numberToHex(s, { size: 32 }),
        numberToHex(v, { size: 1 }),
      ]);
      return { ...entry, signature: twin };
    });
    expect(await refusalOf(market.settle(groups, { signatures }))).toBe('MALLEABLE_SIGNATURE');
  });

  it('are refused by name for another chain and for another contract', async () => {
    const groups = twoVenues();
    const signatures = await market.sign(batchId, groups);
    const settleFor = (domain: { chainId: number; settlement: Address }) =>
      chain.send({
        to: market.settlement,
        data: encodeSettle({ domain, batchId, groups, signatures }),
      });
    const { settlement, cash } = market;
    expect(await refusalOf(settleFor({ chainId: 1, settlement }))).toBe('WRONG_CHAIN');
    expect(await refusalOf(settleFor({ chainId: 31337, settlement: cash }))).toBe('WRONG_DOMAIN');
    expect(await refusalOf(settleFor({ chainId: 31337, settlement }))).toBe('NONE');
  });
});
