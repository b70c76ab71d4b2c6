import { type Address, type Client, encodeFunctionData, type Hex } from 'viem';
import { readContract } from 'viem/actions';
import { settlementAbi } from './generated/settlement.ts';

/** What the chain says of the mandates of one nonce. */
export interface MandateState {
  /** Cumulative over all trades, in the token's smallest unit. */
  readonly filled: bigint;
  /** The investor ended them: nothing more settles under them. */
  readonly withdrawn: boolean;
}

/**
 * Reads it as of the newest block.
 *
 * @throws viem errors when the RPC fails
 */
export async function readMandateState(
  client: Client,
  settlement: Address,
  { investor, nonce }: { readonly investor: Address; readonly nonce: bigint },
): Promise<MandateState> {
  const [filled, withdrawn] = await readContract(client, {
    ...{ address: settlement, abi: settlementAbi, functionName: 'mandateState' },
    args: [investor, nonce],
  });
  return { filled, withdrawn };
}

/**
 * Whether the account declared that it is moved within mandates only, as of the newest block.
 *
 * @throws viem errors when the RPC fails
 */
export function readRequiresMandates(
  client: Client,
  settlement: Address,
  account: Address,
): Promise<boolean> {
  return readContract(client, {
    ...{ address: settlement, abi: settlementAbi, functionName: 'requiresMandates' },
    args: [account],
  });
}

/** Call data by which the investor, and nobody else, ends every mandate with this nonce. */
export function encodeWithdrawMandate(nonce: bigint): Hex {
  return encodeFunctionData({
    ...{ abi: settlementAbi, functionName: 'withdrawMandate', args: [nonce] },
  });
}
