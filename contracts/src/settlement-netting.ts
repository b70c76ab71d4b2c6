import { type Address, encodeFunctionData, type Hex } from 'viem';
import { settlementAbi } from './generated/settlement.ts';
import {
  encodedLeg,
  encodedSignature,
  type SettlementLeg,
  type VenueSignature,
} from './settlement-batch.ts';
import type { SettlementDomain } from './settlement-domain.ts';
import { encodedSignedMandate, type SignedMandate } from './settlement-mandate.ts';

/** One transfer of a netted batch, in the token's smallest unit. */
export interface NettedMove {
  readonly token: Address;
  readonly from: Address;
  readonly to: Address;
  readonly value: bigint;
}

/**
 * Transfers that leave every wallet with what the legs, one by one, would: per token at most one
 * fewer than there are wallets, each from one that owes on balance to one that is owed. Pure, and
 * the same for the same legs.
 */
export function nettedMoves(legs: readonly SettlementLeg[]): NettedMove[] {
  const sums = new Map<string, Map<string, { address: Address; owed: bigint }>>();
  const tokens = new Map<string, Address>();
  const add = (token: Address, wallet: Address, value: bigint) => {
    tokens.set(token.toLowerCase(), token);
    const wallets = sums.get(token.toLowerCase()) ?? new Map();
    sums.set(token.toLowerCase(), wallets);
    const owed = (wallets.get(wallet.toLowerCase())?.owed ?? 0n) + value;
    wallets.set(wallet.toLowerCase(), { address: wallet, owed });
  };
  for (const { token, cashToken, seller, buyer, quantity, amount } of legs) {
    add(token, seller, -quantity);
    add(token, buyer, quantity);
    add(cashToken, buyer, -amount);
    add(cashToken, seller, amount);
  }
  return [...sums].flatMap(([key, wallets]) => {
    const token = tokens.get(key);
    return token === undefined ? [] : movesOf(token, [...wallets.values()]);
  });
}

function movesOf(
  token: Address,
  wallets: readonly { readonly address: Address; readonly owed: bigint }[],
): NettedMove[] {
  const debtors = wallets
    .filter(({ owed }) => owed < 0n)
    .map(({ address, owed }) => ({ address, left: -owed }));
  const creditors = wallets
    .filter(({ owed }) => owed > 0n)
    .map(({ address, owed }) => ({ address, left: owed }));
  const moves: NettedMove[] = [];
  for (const debtor of debtors) {
    for (const creditor of creditors) {
      const value = debtor.left < creditor.left ? debtor.left : creditor.left;
      if (value === 0n) continue;
      moves.push({ token, from: debtor.address, to: creditor.address, value });
      debtor.left -= value;
      creditor.left -= value;
    }
  }
  return moves;
}

export interface SettleNettedCall {
  readonly domain: SettlementDomain;
  readonly batchId: Hex;
  /** All or none. Of tokens whose listing allows netting. */
  readonly legs: readonly SettlementLeg[];
  readonly mandates?: readonly SignedMandate[];
  /** With `purpose: 'net'`, over the legs as one group. */
  readonly signatures: readonly VenueSignature[];
  /** Default {@link nettedMoves} of the legs. */
  readonly moves?: readonly NettedMove[];
}

/** Call data of `Settlement.settleNetted`. */
export function encodeSettleNetted(call: SettleNettedCall): Hex {
  return encodeFunctionData({
    abi: settlementAbi,
    functionName: 'settleNetted',
    args: [
      call.batchId,
      call.legs.map(encodedLeg),
      (call.mandates ?? []).map(encodedSignedMandate),
      call.signatures.map((entry) => encodedSignature(call.domain, entry)),
      call.moves ?? nettedMoves(call.legs),
    ],
  });
}
