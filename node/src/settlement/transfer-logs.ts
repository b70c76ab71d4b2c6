import type { Instrument } from '@stoa/schema';
import {
  type Address,
  type Client,
  type Hex,
  numberToHex,
  toEventSelector,
  zeroAddress,
} from 'viem';

/** A token of an instrument; of a partitioned one, that partition alone. */
export type IndexedToken = Pick<Instrument, 'token' | 'standard'> & { readonly partition?: Hex };

/** One transfer, issue (from the zero address) or redemption (to it); addresses in lower case. */
export interface TokenTransfer {
  readonly blockNumber: bigint;
  readonly logIndex: number;
  readonly sender: Address;
  readonly receiver: Address;
  /** In the token's smallest unit. */
  readonly value: bigint;
  readonly transactionHash: Hex;
}

interface RawLog {
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly blockNumber: Hex | null;
  readonly logIndex: Hex | null;
  readonly transactionHash: Hex | null;
}

const transfer = toEventSelector('Transfer(address,address,uint256)');
const movedByPartition = toEventSelector(
  'TransferByPartition(bytes32,address,address,address,uint256,bytes,bytes)',
);
const issuedByPartition = toEventSelector('IssuedByPartition(bytes32,address,uint256,bytes)');
const redeemedByPartition = toEventSelector('RedeemedByPartition(bytes32,address,uint256,bytes)');
const wordDigits = 64;

/**
 * Transfers of a token in a range of blocks, both ends included, in the chain's order. Decoded by
 * hand: these logs have one shape, and there are many of them.
 *
 * @throws viem errors, among them those of a range or an answer that is too large
 */
export async function readTransfers(
  client: Client,
  { token, standard, partition }: IndexedToken,
  range: { readonly from: bigint; readonly to: bigint },
): Promise<TokenTransfer[]> {
  const isPartitioned = standard === 'ERC-1400';
  const topics = isPartitioned
    ? [[movedByPartition, issuedByPartition, redeemedByPartition], partition ?? null]
    : [transfer];
  const logs = (await client.request({
    method: 'eth_getLogs',
    params: [
      {
        ...{ address: token, topics },
        fromBlock: numberToHex(range.from),
        toBlock: numberToHex(range.to),
      },
    ],
  } as never)) as readonly RawLog[];
  return logs.flatMap((log) => {
    const moved = isPartitioned ? partitionMove(log) : plainMove(log);
    if (!moved || log.blockNumber === null || log.logIndex === null) return [];
    return {
      ...moved,
      blockNumber: BigInt(log.blockNumber),
      logIndex: Number(log.logIndex),
      transactionHash: log.transactionHash ?? '0x',
    };
  });
}

type Move = Pick<TokenTransfer, 'sender' | 'receiver' | 'value'>;

function plainMove({ topics, data }: RawLog): Move | undefined {
  const [, from, to] = topics;
  // An ERC-721 transfer has the same first topic and a fourth.
  if (!from || !to || topics.length !== 3) return undefined;
  return { sender: addressOf(from), receiver: addressOf(to), value: wordAt(data, 0) };
}

function partitionMove({ topics, data }: RawLog): Move | undefined {
  const [selector, , first, second] = topics;
  if (!first) return undefined;
  if (selector === issuedByPartition) {
    return { sender: zeroAddress, receiver: addressOf(first), value: wordAt(data, 0) };
  }
  if (selector === redeemedByPartition) {
    return { sender: addressOf(first), receiver: zeroAddress, value: wordAt(data, 0) };
  }
  if (!second) return undefined;
  // The operator stands before the value.
  return { sender: addressOf(first), receiver: addressOf(second), value: wordAt(data, 1) };
}

function addressOf(topic: Hex): Address {
  return `0x${topic.slice(-40).toLowerCase()}`;
}

function wordAt(data: Hex, index: number): bigint {
  const start = 2 + index * wordDigits;
  return BigInt(`0x${data.slice(start, start + wordDigits)}`);
}
