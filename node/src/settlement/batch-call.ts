import {
  decodeRevertReason,
  encodeReverse,
  encodeSettle,
  encodeSettleNetted,
  type RevertReason,
  revertDataOf,
  type SettlementDomain,
  settleGasLimit,
  settlementAbi,
  settlementGas,
  slugToBytes32,
  transactionGasCap,
} from '@stoa/contracts';
import type { Address, Client, Hex, TransactionReceipt } from 'viem';
import { call, readContract } from 'viem/actions';
import { contractGroups } from './batch-composition.ts';
import type { BatchRow } from './batch-records.ts';
import { mandateFromMessage } from './mandates/mandate-message.ts';

/** A batch's call of the Settlement contract, with gas by formula: an estimate finds what fails cheapest. */
export function batchCall(
  batch: Pick<
    BatchRow,
    'id' | 'legs' | 'groups' | 'orderId' | 'groupNumber' | 'mandates' | 'signatures' | 'purpose'
  >,
  domain: SettlementDomain,
  gasPerLeg: bigint = settlementGas.perLeg,
): { readonly data: Hex; readonly gas: bigint } {
  const groups = contractGroups(batch);
  const { chainId, settlement } = domain;
  const { id: batchId, signatures } = batch;
  const call = { domain: { chainId, settlement }, batchId, groups, signatures };
  const mandates = batch.mandates?.map((signed) => signed.map(mandateFromMessage));
  const wanted = settleGasLimit(groups, gasPerLeg);
  const gas = wanted < transactionGasCap ? wanted : transactionGasCap;
  switch (batch.purpose) {
    case 'reverse':
      return { data: encodeReverse({ ...call, minGasPerLeg: gasPerLeg }), gas };
    case 'net':
      return {
        data: encodeSettleNetted({
          ...{ ...call, legs: groups.flat() },
          ...(mandates && { mandates: mandates.flat() }),
        }),
        gas,
      };
    case 'settle':
      return {
        data: encodeSettle({ ...call, ...(mandates && { mandates }), minGasPerLeg: gasPerLeg }),
        gas,
      };
  }
}

/** Which of the batch's legs the chain has settled (or, of a reversal, reversed) as of its newest block. */
export async function legsDone(
  client: Client,
  settlement: `0x${string}`,
  { legs, purpose }: Pick<BatchRow, 'legs' | 'purpose'>,
): Promise<readonly boolean[]> {
  const contract = { address: settlement, abi: settlementAbi } as const;
  if (purpose !== 'reverse') {
    return readContract(client, {
      ...contract,
      functionName: 'areSettled',
      args: [
        legs.map((leg) => slugToBytes32(leg.executingVenue)),
        legs.map((leg) => BigInt(leg.tradeNumber)),
      ],
    });
  }
  return Promise.all(
    legs.map((leg) =>
      readContract(client, {
        ...contract,
        functionName: 'isReversed',
        args: [slugToBytes32(leg.executingVenue), BigInt(leg.tradeNumber)],
      }),
    ),
  );
}

/** The whole transaction reverted; a receipt does not say why, so the call is made again. */
export async function revertReasonOf(
  client: Client,
  account: Address,
  reverted: {
    readonly batch: BatchRow;
    readonly receipt: TransactionReceipt;
    readonly domain: SettlementDomain;
    readonly gasPerLeg: bigint | undefined;
  },
): Promise<{ readonly code: string; readonly reason: string }> {
  const { batch, receipt, domain, gasPerLeg } = reverted;
  const { data, gas } = batchCall(batch, domain, gasPerLeg);
  try {
    await call(client, {
      ...{ account, to: domain.settlement, data, blockNumber: receipt.blockNumber },
      gas: receipt.gasUsed > gas ? receipt.gasUsed : gas,
    });
  } catch (error) {
    const revertData = revertDataOf(error);
    // Without revert data this was the RPC failing, which the next round tries again.
    if (revertData === undefined) throw error;
    const reason = decodeRevertReason(revertData);
    return { code: failureCode(reason), reason: reason.message };
  }
  return {
    code: 'REVERTED',
    reason: 'The transaction reverted, and would not have done so again.',
  };
}

/** A listing's status in the registry: what is halted may be listed again, what is delisted is gone. */
const statusDelisted = 5;

/** The reason's code; a token that is not listed says whether it may be again. */
export function failureCode({ code, name, args }: RevertReason): string {
  return name === 'NotListed' && Number(args[2]) === statusDelisted ? 'INSTRUMENT_DELISTED' : code;
}
