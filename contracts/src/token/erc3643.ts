import {
  cashReasons,
  complianceReasons,
  eligibilityOf,
  failing,
  reason,
  unansweredReasons,
  walletReasons,
} from './eligibility-reasons.ts';
import {
  type Eligibility,
  type EligibilityReason,
  type PermissionedToken,
  type PermissionedTokenOptions,
  type TransferQuestion,
} from './permissioned-token.ts';
import { askLens, askLensOnce, type Finding } from './pre-trade-lens.ts';

const lensStandard = 1;

/**
 * ERC-3643 (https://eips.ethereum.org/EIPS/eip-3643). The standard's own `canTransfer` and
 * `isVerified` say yes or no; the lens asks each condition for itself, so that a refusal has a cause.
 */
export function createErc3643Token(options: PermissionedTokenOptions): PermissionedToken {
  const { token } = options;

  async function canTransferAll(transfers: readonly TransferQuestion[]): Promise<Eligibility[]> {
    const findings = await askLens(options, lensStandard, transfers);
    return findings.map((finding) => judge(finding, options));
  }

  async function canTransfer(transfer: TransferQuestion): Promise<Eligibility> {
    return judge(await askLensOnce(options, lensStandard, transfer), options);
  }

  return {
    standard: 'ERC-3643',
    token,
    canTransferAll,
    canTransfer,
    canReceive: (wallet) => canTransfer({ to: wallet, quantity: 0n }),
    canSend: (wallet, quantity) => canTransfer({ from: wallet, quantity }),
    async getFrozenTokens(wallet) {
      const question = { from: wallet, quantity: 0n };
      return (await askLensOnce(options, lensStandard, question)).answer.frozen;
    },
  };
}

function judge(finding: Finding, options: PermissionedTokenOptions): Eligibility {
  return eligibilityOf(finding.answer, [
    ...walletReasons(finding, options),
    ...allowanceReasons(finding),
    ...complianceReasons(finding),
    ...cashReasons(finding),
    ...unansweredReasons(finding),
  ]);
}

function allowanceReasons({ transfer, answer }: Finding): EligibilityReason[] {
  if (!failing(answer)('allowance')) return [];
  const message = `The wallet ${transfer.from} approved ${answer.allowance} tokens for settlement; ${transfer.quantity} are needed.`;
  return [reason('ALLOWANCE_TOO_LOW', message, { most: answer.allowance })];
}
