import {
  type Address,
  encodeFunctionData,
  type Hex,
  hexToBigInt,
  parseAbi,
  size,
  slice,
  zeroHash,
} from 'viem';
import { call } from 'viem/actions';
import {
  cashReasons,
  eligibilityOf,
  failing,
  reason,
  unansweredReasons,
  walletReasons,
} from './eligibility-reasons.ts';
import {
  type Eligibility,
  type EligibilityCode,
  type EligibilityReason,
  type PermissionedToken,
  type PermissionedTokenOptions,
  type TokenStatus,
  type TransferQuestion,
} from './permissioned-token.ts';
import { askLens, askLensOnce, type Finding } from './pre-trade-lens.ts';

const lensStandard = 2;

/** Their inputs are the same in ERC-1400 and ERC-1594; the results are read by length below. */
const checksAbi = parseAbi([
  'function canTransferFrom(address from, address to, uint256 value, bytes data) view',
  'function canTransferByPartition(address from, address to, bytes32 partition, uint256 value, bytes data) view',
]);

/**
 * ERC-1400 (https://github.com/ethereum/eips/issues/1411): one partition of the token, or, for the
 * zero partition, its default ones. A partition moves by `operatorTransferByPartition`, so a holder
 * authorizes the settlement contract as operator; the default ones move by `transferFrom`.
 */
export function createErc1400Token(options: PermissionedTokenOptions): PermissionedToken {
  const { token } = options;

  const judged = async (finding: Finding) => judge(await withStatus(finding, options), options);

  async function canTransferAll(transfers: readonly TransferQuestion[]): Promise<Eligibility[]> {
    const findings = await askLens(options, lensStandard, transfers);
    return Promise.all(findings.map(judged));
  }

  async function canTransfer(transfer: TransferQuestion): Promise<Eligibility> {
    return judged(await askLensOnce(options, lensStandard, transfer));
  }

  return {
    standard: 'ERC-1400',
    token,
    canTransferAll,
    canTransfer,
    canReceive: (wallet) => canTransfer({ to: wallet, quantity: 0n }),
    canSend: (wallet, quantity) => canTransfer({ from: wallet, quantity }),
    // Tokens are locked by reason here, which only a transfer's status tells.
    getFrozenTokens: async () => 0n,
  };
}

/**
 * Some tokens judge the caller as operator, and the lens is none. The question is then asked again
 * as the settlement contract, or, for a receiver alone, as the receiver, its own operator.
 */
async function withStatus(finding: Finding, options: PermissionedTokenOptions): Promise<Finding> {
  const { transfer, answer } = finding;
  const isAboutCaller = answer.status === '0x53' || answer.status === '0x58';
  if (!isAboutCaller || !answer.unanswered.has('status')) return finding;
  const { from = transfer.to, to = transfer.from } = transfer;
  if (!from || !to) return finding;
  const isProbe = transfer.from === undefined;
  const status = await statusFor(options, {
    ...{ from, to, caller: isProbe ? to : options.settlement },
    quantity: isProbe ? 0n : transfer.quantity,
  });
  if (status === undefined) return finding;
  const failed = new Set(answer.failed);
  const unanswered = new Set(answer.unanswered);
  unanswered.delete('status');
  if (status !== '0x51' && !isNoMatter(status, transfer)) failed.add('status');
  return { transfer, answer: { ...answer, failed, unanswered, status } };
}

/** A receiver alone needs no funds, and a sender alone need not be able to receive. */
function isNoMatter(status: Hex, { from, to }: TransferQuestion): boolean {
  if (from === undefined) return status === '0x52' || status === '0x55';
  return to === undefined && status === '0x57';
}

async function statusFor(
  { client, token, partition = zeroHash }: PermissionedTokenOptions,
  { from, to, caller, quantity }: Record<'from' | 'to' | 'caller', Address> & { quantity: bigint },
): Promise<Hex | undefined> {
  const isDefault = partition === zeroHash;
  const data = isDefault
    ? encodeFunctionData({
        abi: checksAbi,
        functionName: 'canTransferFrom',
        args: [from, to, quantity, '0x'],
      })
    : encodeFunctionData({
        abi: checksAbi,
        functionName: 'canTransferByPartition',
        args: [from, to, partition, quantity, '0x'],
      });
  const { data: result = '0x' } = await call(client, { account: caller, to: token, data });
  return readStatus(result, isDefault);
}

/**
 * The status byte in the answer of a check. `canTransferByPartition` is (bytes1, bytes32, bytes32).
 * `canTransfer` and `canTransferFrom` are (bytes1, bytes32) in ERC-1400's text and (bool, bytes1,
 * bytes32) in ERC-1594's, under one selector: only the length tells them apart.
 *
 * @param byLength whether the answer is of the second kind
 * @returns undefined when it is neither shape
 */
export function readStatus(result: Hex, byLength: boolean): Hex | undefined {
  const length = size(result);
  if (length !== 96 && !(byLength && length === 64)) return undefined;
  if (!byLength || length === 64) return slice(result, 0, 1);
  const truth = hexToBigInt(slice(result, 0, 32));
  if (truth > 1n) return undefined;
  const status = slice(result, 32, 33);
  if (truth === 1n) return '0x51';
  return status === '0x51' ? '0x50' : status;
}

function judge(finding: Finding, options: PermissionedTokenOptions): Eligibility {
  return eligibilityOf(finding.answer, [
    ...walletReasons(finding, options),
    ...authorityReasons(finding, options),
    ...statusReasons(finding, options.statusNamespace ?? 'ERC-1400'),
    ...cashReasons(finding),
    ...unansweredReasons(finding),
  ]);
}

function authorityReasons(
  { transfer, answer }: Finding,
  { settlement, partition = zeroHash }: PermissionedTokenOptions,
): EligibilityReason[] {
  if (!failing(answer)('allowance')) return [];
  const { from, quantity } = transfer;
  if (partition === zeroHash) {
    const message = `The wallet ${from} approved ${answer.allowance} tokens for settlement; ${quantity} are needed.`;
    return [reason('ALLOWANCE_TOO_LOW', message, { most: answer.allowance })];
  }
  const message = `The wallet ${from} has not authorized the settlement contract ${settlement} as operator of the partition.`;
  return [reason('OPERATOR_NOT_AUTHORIZED', message)];
}

type Meaning = readonly [code: EligibilityCode, words: string];

/** Status bytes that say more than "no", by the text they are written in. */
const statusMeanings: Record<TokenStatus['namespace'], Readonly<Record<Hex, Meaning>>> = {
  'ERC-1400': {
    '0x52': ['BALANCE_TOO_LOW', 'insufficient balance'],
    '0x53': ['ALLOWANCE_TOO_LOW', 'insufficient allowance'],
    '0x54': ['TOKEN_PAUSED', 'transfers halted'],
    '0x55': ['TOKENS_LOCKED', 'funds locked'],
    '0x56': ['SENDER_REFUSED', 'invalid sender'],
    '0x57': ['RECEIVER_REFUSED', 'invalid receiver'],
    '0x58': ['OPERATOR_NOT_AUTHORIZED', 'invalid operator'],
  },
  'ERC-1066': {
    '0x54': ['BALANCE_TOO_LOW', 'insufficient funds'],
    '0x55': ['TOKENS_LOCKED', 'funds locked'],
  },
};

function statusReasons(finding: Finding, namespace: TokenStatus['namespace']): EligibilityReason[] {
  const { transfer, answer } = finding;
  if (!failing(answer)('status')) return [];
  const byte = answer.status;
  const [code, words] =
    statusMeanings[namespace][byte] ?? (['COMPLIANCE_REFUSED', 'refused'] as const);
  const has = failing(answer);
  // Said already, with the numbers.
  const said =
    (code === 'BALANCE_TOO_LOW' && has('balance')) ||
    (code === 'ALLOWANCE_TOO_LOW' && has('allowance')) ||
    (code === 'OPERATOR_NOT_AUTHORIZED' && has('allowance')) ||
    (code === 'TOKEN_PAUSED' && has('paused'));
  if (said) return [];
  // Asked as a transfer to itself, where the token looks at the sender first.
  if (transfer.from === undefined && code === 'SENDER_REFUSED') {
    const message = `The token does not admit the wallet ${transfer.to} (${namespace} status ${byte}).`;
    return [reason('RECEIVER_REFUSED', message, { status: { namespace, byte } })];
  }
  const message = `The token refuses the transfer of ${transfer.quantity} from ${transfer.from ?? 'any seller'} to ${transfer.to ?? 'any buyer'}: ${words} (${namespace} status ${byte}).`;
  return [reason(code, message, { status: { namespace, byte } })];
}
