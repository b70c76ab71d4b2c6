import type { SignedMandate } from '@stoa/contracts';
import { contractSignerAbi, contractSignerBytecode } from '@stoa/contracts/testing/contract-signer';
import type { SignedMandateMessage } from '@stoa/schema';
import { type Hex, parseSignature, serializeSignature, toHex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { NetworkFixture } from '../chain/network-fixture.ts';

/** A mandate as nodes say it to each other. */
export function messageOf({ mandate: terms, signature }: SignedMandate): SignedMandateMessage {
  return {
    ...terms,
    limitAmount: terms.limitAmount.toString(),
    limitQuantity: terms.limitQuantity.toString(),
    quantity: terms.quantity.toString(),
    nonce: terms.nonce.toString(),
    venues: [...terms.venues],
    signature,
  };
}

/** The other signature that anyone can compute from a valid one (EIP-2). */
export function secondForm(signature: Hex): Hex {
  const { r, s, yParity } = parseSignature(signature);
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  return serializeSignature({ r, s: toHex(order - BigInt(s), { size: 32 }), yParity: 1 - yParity });
}

/** A contract that takes a key's signatures for its own. */
export async function deploySigner(
  client: NetworkFixture['client'],
  owner: PrivateKeyAccount,
): Promise<Hex> {
  await client.setBalance({ address: owner.address, value: 10n ** 20n });
  const hash = await client.deployContract({
    ...{ account: owner, abi: contractSignerAbi, bytecode: contractSignerBytecode },
    args: [owner.address],
  });
  const { contractAddress } = await client.waitForTransactionReceipt({ hash });
  if (!contractAddress) throw new Error('the contract was not deployed');
  return contractAddress;
}
