import {
  type Address,
  type Client,
  encodeFunctionData,
  type Hex,
  parseAbi,
  parseSignature,
  recoverAddress,
} from 'viem';
import { call, getCode } from 'viem/actions';

/** ERC-1271: what a contract answers to a signature that it takes for its own. */
const magicValue = '0x1626ba7e'.padEnd(66, '0');
const erc1271Abi = parseAbi([
  'function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)',
]);
/** Half the order of secp256k1: above it, anyone can compute the signature's other form (EIP-2). */
const halfOrder = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
/** A contract that burns more than a signature can be worth is not asked to its end. */
const mostGas = 1_000_000n;

/** `malleable`: the account's, in the form that the contracts refuse. */
export type SignatureStanding = 'valid' | 'invalid' | 'malleable';

/**
 * Whether a signature is the account's over the digest, by the same rule as the Settlement contract:
 * an account with code is asked (ERC-1271), and the key of any other is recovered.
 *
 * @throws viem errors when the RPC fails
 */
export async function signatureStanding(
  client: Client,
  { account, digest, signature }: { account: Address; digest: Hex; signature: Hex },
): Promise<SignatureStanding> {
  const code = await getCode(client, { address: account });
  if (code !== undefined && code !== '0x') {
    return (await isValidAt(client, account, [digest, signature])) ? 'valid' : 'invalid';
  }
  // 65 bytes: r, s, v. Other lengths are no signatures to the contract either.
  if (signature.length !== 2 + 130) return 'invalid';
  try {
    const recovered = await recoverAddress({ hash: digest, signature });
    if (recovered.toLowerCase() !== account.toLowerCase()) return 'invalid';
    return BigInt(parseSignature(signature).s) > halfOrder ? 'malleable' : 'valid';
  } catch {
    // Bytes that are no signature at all.
    return 'invalid';
  }
}

/** Whatever the contract does other than answering with the magic value is a no; a failing RPC is none. */
async function isValidAt(client: Client, to: Address, args: readonly [Hex, Hex]): Promise<boolean> {
  const data = encodeFunctionData({ abi: erc1271Abi, functionName: 'isValidSignature', args });
  try {
    const answer = await call(client, { to, data, gas: mostGas });
    return answer.data?.slice(0, 66) === magicValue;
  } catch (error) {
    if (isContractsAnswer(error)) return false;
    throw error;
  }
}

/** The call was made, and failed in the contract: it reverted, or burned what it was given. */
function isContractsAnswer(error: unknown): boolean {
  let cause: unknown = error;
  while (cause instanceof Error) {
    if (/revert|out of ?gas/i.test(`${cause.name} ${cause.message}`)) return true;
    cause = cause.cause;
  }
  return false;
}
