import { CodedError } from '@stoa/schema';
import {
  type Address,
  type ContractFunctionReturnType,
  type Hex,
  hexToString,
  zeroAddress,
  zeroHash,
} from 'viem';
import { readContract } from 'viem/actions';
import { preTradeLensAbi, preTradeLensBytecode } from '../generated/pre-trade-lens.ts';
import type { PermissionedTokenOptions, TransferQuestion } from './permissioned-token.ts';

/** The lens's checks, in the order of their bits (contracts/solidity/lens/PreTradeTypes.sol). */
const lensChecks = [
  'paused',
  'sender-frozen',
  'receiver-frozen',
  'balance',
  'part-frozen',
  'allowance',
  'identity',
  'verified',
  'claim-missing',
  'claim-invalid',
  'claim-expired',
  'compliance',
  'status',
  'cash-balance',
  'cash-allowance',
] as const;

export type LensCheck = (typeof lensChecks)[number];

/** A compliance module that refuses. */
export interface ModuleFinding {
  readonly module: Address;
  /** Empty when the module does not say. */
  readonly name: string;
  /** The module's own reason, such as `HOLDING_PERIOD`; empty when it gives none. */
  readonly code: string;
  readonly detail: bigint;
}

/** What the lens found about one question, unpacked. */
export interface LensAnswer {
  readonly failed: ReadonlySet<LensCheck>;
  readonly unanswered: ReadonlySet<LensCheck>;
  readonly blockNumber: bigint;
  /** Unix seconds. */
  readonly claimsUntil?: number;
  /** ISO 3166-1 numeric of the receiver; 0 = none. */
  readonly country: number;
  /** ERC-1400 status byte; `0x00` when there is none. */
  readonly status: Hex;
  readonly topic: bigint;
  readonly balance: bigint;
  readonly frozen: bigint;
  readonly allowance: bigint;
  readonly cashBalance: bigint;
  readonly cashAllowance: bigint;
  readonly findings: readonly ModuleFinding[];
  /** In lower case, each once. */
  readonly contracts: readonly Address[];
}

/** What the lens was asked, and what it found. */
export interface Finding {
  readonly transfer: TransferQuestion;
  readonly answer: LensAnswer;
}

/** The codes under which the lens knows a standard, as the ListingRegistry does. */
export type LensStandard = 1 | 2;

/**
 * Asks the lens about up to 100 transfers of one token, in one `eth_call`.
 *
 * @throws viem errors when the RPC fails; CodedError `LENS_UNREADABLE`
 */
export async function askLens(
  options: PermissionedTokenOptions,
  standard: LensStandard,
  transfers: readonly TransferQuestion[],
): Promise<Finding[]> {
  const { client, lens } = options;
  const questions = transfers.map((transfer) => questionOf(options, standard, transfer));
  const asked = { abi: preTradeLensAbi, functionName: 'ask', args: [questions] } as const;
  const answers = await (lens === undefined
    ? readContract(client, { ...asked, code: preTradeLensBytecode })
    : readContract(client, { ...asked, address: lens }));
  return transfers.map((transfer, index) => {
    const answer = answers[index];
    if (!answer) throw new CodedError('LENS_UNREADABLE', 'The lens left a question out.');
    return { transfer, answer: unpack(answer) };
  });
}

/** {@link askLens} for one transfer. */
export async function askLensOnce(
  options: PermissionedTokenOptions,
  standard: LensStandard,
  transfer: TransferQuestion,
): Promise<Finding> {
  const [finding] = await askLens(options, standard, [transfer]);
  if (!finding) throw new CodedError('LENS_UNREADABLE', 'The lens gave no answer.');
  return finding;
}

function questionOf(
  { token, partition, settlement }: PermissionedTokenOptions,
  standard: LensStandard,
  { from, to, quantity, payment }: TransferQuestion,
) {
  return {
    standard,
    token,
    partition: partition ?? zeroHash,
    operator: settlement,
    from: from ?? zeroAddress,
    to: to ?? zeroAddress,
    quantity,
    cashToken: payment?.cashToken ?? zeroAddress,
    payer: payment?.payer ?? zeroAddress,
    cash: payment?.amount ?? 0n,
  };
}

type PackedAnswer = ContractFunctionReturnType<typeof preTradeLensAbi, 'view', 'ask'>[number];

function unpack(packed: PackedAnswer): LensAnswer {
  const { findings, contracts, claimsUntil, failed, unanswered, ...rest } = packed;
  return {
    ...rest,
    failed: checksIn(failed),
    unanswered: checksIn(unanswered),
    ...(claimsUntil !== 0n && { claimsUntil: Number(claimsUntil) }),
    contracts: [...new Set(contracts.map((address) => address.toLowerCase() as Address))],
    findings: findings.map(({ module, name, code, detail }) => ({
      module,
      name: textOf(name),
      code: textOf(code),
      detail,
    })),
  };
}

function checksIn(bits: number): ReadonlySet<LensCheck> {
  return new Set(lensChecks.filter((_, index) => (bits & (1 << index)) !== 0));
}

/** Text in a word, padded with zeros. What a hostile module wrote is cut to printable ASCII. */
function textOf(word: Hex): string {
  return hexToString(word).replaceAll(/[^\x20-\x7e]/g, '');
}
