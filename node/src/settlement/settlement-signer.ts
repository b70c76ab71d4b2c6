import { type VenueBatch, type VenueSignature, venueBatchTypedData } from '@stoa/contracts';
import type { Address, Hex, TypedDataDefinition } from 'viem';

/** A transaction as settlement signs it: everything is given, nothing is left to the signer. */
export interface UnsignedTransaction {
  readonly type: 'eip1559';
  readonly chainId: number;
  readonly nonce: number;
  readonly to: Address;
  readonly data: Hex;
  readonly gas: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/**
 * Who signs for the venue on chain: its instructions, and the transactions that carry them. The key
 * may be in this process (development) or behind a signing service.
 */
export interface SettlementSigner {
  readonly address: Address;
  /** EIP-712. @throws CodedError `SIGNER_UNAVAILABLE`, `SIGNER_REFUSED`, `SIGNER_ANSWER_WRONG` */
  signTypedData(data: TypedDataDefinition): Promise<Hex>;
  /** The signed transaction, serialized. @throws as {@link SettlementSigner.signTypedData} */
  signTransaction(transaction: UnsignedTransaction): Promise<Hex>;
}

/** The venue's signature of a batch. */
export async function signBatch(
  signer: SettlementSigner,
  batch: VenueBatch,
): Promise<VenueSignature> {
  const signature = await signer.signTypedData(venueBatchTypedData(batch) as TypedDataDefinition);
  return { venue: batch.venue, signer: signer.address, signature };
}
