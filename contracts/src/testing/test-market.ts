import type { MemberId, VenueId } from '@stoa/schema';
import {
  type Abi,
  type Address,
  encodeFunctionData,
  type Hex,
  keccak256,
  maxUint256,
  stringToHex,
} from 'viem';
import { cashTokenAbi, cashTokenBytecode } from '../generated/cash-token.ts';
import { listingRegistryAbi, listingRegistryBytecode } from '../generated/listing-registry.ts';
import { memberRegistryAbi, memberRegistryBytecode } from '../generated/member-registry.ts';
import { settlementAbi, settlementBytecode } from '../generated/settlement.ts';
import { awkwardTokenAbi, awkwardTokenBytecode } from '../generated/test-awkward-token.ts';
import { slugToBytes32 } from '../member-slug.ts';
import {
  type BatchPurpose,
  encodeSettle,
  groupsHash,
  type SettlementGroup,
  type SettlementLeg,
  signVenueBatch,
  type VenueSignature,
  venuesOfBatch,
} from '../settlement-batch.ts';
import { settleGasLimit } from '../settlement-gas.ts';
import { mandateHash, type SignedMandate } from '../settlement-mandate.ts';
import { developmentAccount, type TestChain } from './test-chain.ts';

/** Development accounts by role. Account 0 deploys and governs. */
export const roles = { alpha: 1, beta: 2, gamma: 3, seller: 4, buyer: 5, stranger: 6 } as const;
const testVenues = ['alpha', 'beta', 'gamma'] as const;

/** Our contracts with three venues, one issuer, and a plain token listed everywhere. */
export interface TestMarket {
  readonly memberRegistry: Address;
  readonly listingRegistry: Address;
  readonly settlement: Address;
  readonly token: Address;
  readonly cash: Address;
  readonly deadline: number;
  /** Calls a contract as the given role, or as the governing admin. */
  write(
    abi: Abi,
    to: Address,
    functionName: string,
    args: readonly unknown[],
    from?: number,
  ): Promise<void>;
  leg(overrides: Partial<SettlementLeg> & { tradeNumber: bigint }): SettlementLeg;
  /** Signatures of every venue the batch names, by their own signers. */
  sign(
    batchId: Hex,
    groups: readonly SettlementGroup[],
    options?: { purpose?: BatchPurpose; mandates?: readonly (readonly SignedMandate[])[] },
  ): Promise<VenueSignature[]>;
  /** Signs and sends a batch. */
  settle(
    groups: readonly SettlementGroup[],
    options?: {
      signatures?: readonly VenueSignature[];
      mandates?: readonly (readonly SignedMandate[])[];
      batchId?: Hex;
      minGasPerLeg?: bigint;
      gas?: bigint;
    },
  ): Promise<Awaited<ReturnType<TestChain['send']>>>;
}

export const batchIdOf = (name: string): Hex => keccak256(stringToHex(name));

export async function deployTestMarket(chain: TestChain): Promise<TestMarket> {
  const admin = developmentAccount(0).address;
  const memberRegistry = await chain.deploy(memberRegistryAbi, memberRegistryBytecode, [admin]);
  const listingRegistry = await chain.deploy(listingRegistryAbi, listingRegistryBytecode, [
    memberRegistry,
    admin,
  ]);
  const settlement = await chain.deploy(settlementAbi, settlementBytecode, [
    memberRegistry,
    listingRegistry,
    admin,
  ]);
  const token = await chain.deploy(awkwardTokenAbi, awkwardTokenBytecode, []);
  const cash = await chain.deploy(cashTokenAbi, cashTokenBytecode, ['Test Dollar', 'TUSD', admin]);
  const block = await chain.client.getBlock();
  const deadline = Number(block.timestamp) + 3_600;

  const write: TestMarket['write'] = async (abi, to, functionName, args, from = 0) => {
    await chain.send({ to, data: encodeFunctionData({ abi, functionName, args }), from });
  };
  const deployed = { memberRegistry, listingRegistry, settlement, token, cash };
  await populate(deployed, write);
  const seller = developmentAccount(roles.seller).address;
  const buyer = developmentAccount(roles.buyer).address;

  const sign: TestMarket['sign'] = (batchId, groups, options = {}) =>
    Promise.all(
      venuesOfBatch(groups).map((venue) =>
        signVenueBatch(signerOf(venue), {
          domain: { chainId: chain.client.chain.id, settlement },
          batchId,
          venue,
          legs: groups.flat(),
          groupsHash: groupsHash(
            groups,
            options.mandates?.map((signed) => signed.map(({ mandate }) => mandateHash(mandate))),
          ),
          ...(options.purpose && { purpose: options.purpose }),
        }),
      ),
    );
  return {
    ...deployed,
    deadline,
    write,
    sign,
    leg: (overrides) => ({
      executingVenue: 'alpha',
      homeVenue: 'alpha',
      token,
      cashToken: cash,
      seller,
      buyer,
      quantity: 10n,
      amount: 100n,
      deadline,
      ...overrides,
    }),
    settle: async (groups, options = {}) => {
      const batchId = options.batchId ?? batchIdOf('batch');
      const given = options.mandates === undefined ? {} : { mandates: options.mandates };
      const signatures = options.signatures ?? (await sign(batchId, groups, given));
      const minGas =
        options.minGasPerLeg === undefined ? {} : { minGasPerLeg: options.minGasPerLeg };
      return chain.send({
        to: settlement,
        data: encodeSettle({
          domain: { chainId: chain.client.chain.id, settlement },
          ...{ batchId, groups, signatures, ...minGas, ...given },
        }),
        from: roles.stranger,
        gas: options.gas ?? settleGasLimit(groups),
      });
    },
  };
}

/** Members, listings, balances and approvals. */
async function populate(
  deployed: Pick<
    TestMarket,
    'memberRegistry' | 'listingRegistry' | 'settlement' | 'token' | 'cash'
  >,
  write: TestMarket['write'],
): Promise<void> {
  const { memberRegistry, listingRegistry, settlement, token, cash } = deployed;
  const member = (id: MemberId, kind: number) =>
    write(memberRegistryAbi, memberRegistry, 'setMember', [slugToBytes32(id), kind, 1]);
  await member('acme', 3);
  await write(listingRegistryAbi, listingRegistry, 'setInstrument', [
    token,
    testTerms({ cashToken: cash }),
  ]);
  for (const venue of testVenues) {
    await member(venue, 1);
    const signer = developmentAccount(roles[venue]).address;
    await write(memberRegistryAbi, memberRegistry, 'setSigner', [
      slugToBytes32(venue),
      signer,
      0n,
      0n,
    ]);
    await write(listingRegistryAbi, listingRegistry, 'setListing', [
      token,
      slugToBytes32(venue),
      2,
      2,
      batchIdOf('evidence'),
    ]);
  }
  const seller = developmentAccount(roles.seller).address;
  const buyer = developmentAccount(roles.buyer).address;
  await write(awkwardTokenAbi, token, 'mint', [seller, 1_000_000n]);
  await write(cashTokenAbi, cash, 'mint', [buyer, 1_000_000n]);
  await write(awkwardTokenAbi, token, 'approve', [settlement, maxUint256], roles.seller);
  await write(cashTokenAbi, cash, 'approve', [settlement, maxUint256], roles.buyer);
}

export function signerOf(venue: VenueId) {
  const role = testVenues.find((known) => known === venue);
  if (!role) throw new Error(`no test signer for ${venue}`);
  return developmentAccount(roles[role]);
}

/** Terms of a plain test instrument, as `setInstrument` takes them. */
export function testTerms(overrides: Record<string, unknown> & { cashToken: Address }) {
  return {
    standard: 1,
    partition: `0x${'00'.repeat(32)}`,
    priceDecimals: 4,
    quantityDecimals: 0,
    tickSize: 100n,
    lotSize: 1n,
    issuer: slugToBytes32('acme'),
    isin: '',
    symbol: 'AWK',
    name: 'Awkward Test Equity',
    ...overrides,
  };
}
