import type { Address } from 'viem';
import type {
  Eligibility,
  EligibilityCode,
  EligibilityReason,
  PermissionedTokenOptions,
  TransferQuestion,
} from './permissioned-token.ts';
import type { Finding, LensAnswer, LensCheck, ModuleFinding } from './pre-trade-lens.ts';

/** Refuses with these reasons; eligible without any. */
export function eligibilityOf(
  { contracts, claimsUntil }: LensAnswer,
  reasons: readonly EligibilityReason[],
): Eligibility {
  const [first] = reasons;
  if (!first)
    return { eligible: true, contracts, ...(claimsUntil !== undefined && { claimsUntil }) };
  return { eligible: false, contracts, code: first.code, message: first.message, reasons };
}

/** Reasons that concern the token and both wallets, whatever the standard; most telling first. */
export function walletReasons(
  { transfer, answer }: Finding,
  { topicNames = {} }: Pick<PermissionedTokenOptions, 'topicNames'>,
): EligibilityReason[] {
  const { from, to } = transfer;
  const has = failing(answer);
  const reasons: EligibilityReason[] = [];
  if (has('paused')) reasons.push(reason('TOKEN_PAUSED', 'Transfers of the token are paused.'));
  if (has('receiver-frozen')) reasons.push(frozen(to));
  if (has('identity')) {
    const message = `The wallet ${to} has no identity in the token's identity registry.`;
    reasons.push(reason('IDENTITY_NOT_REGISTERED', message));
  }
  const claim = claimReason({ transfer, answer }, topicNames);
  if (claim) reasons.push(claim);
  if (has('sender-frozen')) reasons.push(frozen(from));
  if (has('balance') || has('part-frozen')) reasons.push(balanceReason({ transfer, answer }));
  return reasons;
}

/** What is wrong with the payment. */
export function cashReasons({ transfer, answer }: Finding): EligibilityReason[] {
  const { payment } = transfer;
  if (!payment) return [];
  const { payer, amount } = payment;
  const has = failing(answer);
  const reasons: EligibilityReason[] = [];
  if (has('cash-balance')) {
    const message = `The wallet ${payer} has ${answer.cashBalance} cash; ${amount} is needed.`;
    reasons.push(reason('CASH_TOO_LOW', message, { most: answer.cashBalance }));
  }
  if (has('cash-allowance')) {
    const message = `The wallet ${payer} approved ${answer.cashAllowance} cash for settlement; ${amount} is needed.`;
    reasons.push(reason('CASH_ALLOWANCE_TOO_LOW', message, { most: answer.cashAllowance }));
  }
  return reasons;
}

/** What the token was asked and did not answer, in one sentence; last of the reasons. */
export function unansweredReasons({ answer }: Finding): EligibilityReason[] {
  if (answer.unanswered.size === 0) return [];
  const checks = [...answer.unanswered].join(', ');
  const message = `The token did not answer every question (${checks}), so it cannot be told whether it would move.`;
  return [reason('CHECK_UNANSWERED', message)];
}

/** What a check that got no answer reads as is not a finding. */
export function failing(answer: LensAnswer): (check: LensCheck) => boolean {
  return (check) => answer.failed.has(check) && !answer.unanswered.has(check);
}

export function reason(
  code: EligibilityCode,
  message: string,
  more: Omit<EligibilityReason, 'code' | 'message'> = {},
): EligibilityReason {
  return { code, message, ...more };
}

function frozen(wallet: Address | undefined): EligibilityReason {
  return reason('WALLET_FROZEN', `The wallet ${wallet} is frozen.`);
}

function balanceReason({ transfer, answer }: Finding): EligibilityReason {
  const { balance, frozen: part } = answer;
  const free = balance > part ? balance - part : 0n;
  const more = part > 0n ? ` (${part} more are frozen)` : '';
  const message = `The wallet ${transfer.from} has ${free} free tokens${more}; ${transfer.quantity} are needed.`;
  return reason('BALANCE_TOO_LOW', message, { most: free });
}

function claimReason(
  { transfer, answer }: Finding,
  topicNames: Readonly<Record<string, string>>,
): EligibilityReason | undefined {
  const has = failing(answer);
  const name = topicNames[answer.topic.toString()];
  const label = name === undefined ? `topic ${answer.topic}` : `“${name}” (topic ${answer.topic})`;
  const { to } = transfer;
  if (has('claim-expired')) {
    return reason('CLAIM_EXPIRED', `The claim ${label} on the identity of ${to} has expired.`);
  }
  // A registry may verify by other means than claims: then its word counts.
  if (!has('verified')) return undefined;
  if (has('claim-missing')) {
    const message = `The identity of ${to} has no claim ${label} from a trusted issuer.`;
    return reason('CLAIM_MISSING', message);
  }
  if (has('claim-invalid')) {
    const message = `The claim ${label} on the identity of ${to} is not valid (revoked, or not signed by its issuer).`;
    return reason('CLAIM_INVALID', message);
  }
  const message = `The token's identity registry does not verify the wallet ${to}.`;
  return reason('IDENTITY_NOT_VERIFIED', message);
}

/** The words for our own modules' reasons, by code. */
const moduleSentences: Partial<
  Record<EligibilityCode, (transfer: TransferQuestion, detail: bigint) => string>
> = {
  HOLDING_PERIOD: ({ from, quantity }, until) =>
    until === 0n
      ? `The wallet ${from} does not hold ${quantity} tokens that Rule 144's holding period has freed.`
      : `Rule 144's holding period of ${quantity} tokens of ${from} ends on ${dayOf(until)}.`,
  AFFILIATE_VOLUME: ({ from, quantity }, left) =>
    `The affiliate ${from} may sell ${left} more tokens within three months (Rule 144(e)), not ${quantity}.`,
  HOLDER_CAP: ({ to }, cap) => `The token has its most holders (${cap}); ${to} would be one more.`,
  COUNTRY_HOLDER_CAP: ({ to }, cap) =>
    `The token has its most holders (${cap}) in the country of ${to}, who would be one more.`,
  COUNTRY_REFUSED: ({ to }, country) =>
    country === 0n
      ? `The wallet ${to} has no country in the identity registry, and the token asks for one.`
      : `The token may not be held in the country of ${to} (ISO 3166-1 ${country}).`,
  TRANSFER_LIMIT: ({ from, quantity }, left) =>
    `The holder of ${from} may send ${left} more tokens now, not ${quantity}.`,
  VENUE_ONLY: () =>
    'The token moves only through settlement contracts that its issuer approved; this one is not.',
};

/** The codes whose detail is what may still be moved. */
const isAmount: ReadonlySet<EligibilityCode> = new Set(['AFFILIATE_VOLUME', 'TRANSFER_LIMIT']);

/** Each module that refuses, by its own reason where it gives one that is known here. */
export function complianceReasons({ transfer, answer }: Finding): EligibilityReason[] {
  if (!answer.failed.has('compliance')) return [];
  const { from, to, quantity } = transfer;
  const known: EligibilityReason[] = [];
  const others: ModuleFinding[] = [];
  for (const finding of answer.findings) {
    const code = finding.code as EligibilityCode;
    const sentence = Object.hasOwn(moduleSentences, code) ? moduleSentences[code] : undefined;
    if (!sentence) {
      others.push(finding);
      continue;
    }
    const module = finding.name || finding.module;
    const most = isAmount.has(code) ? { most: finding.detail } : {};
    known.push(reason(code, sentence(transfer, finding.detail), { module, ...most }));
  }
  if (known.length > 0 && others.length === 0) return known;
  if (answer.unanswered.has('compliance') && others.length === 0) return known;
  const named = others.map(nameOf).join(', ');
  const rules =
    named === '' ? "The token's compliance rules" : `The token's compliance rules (${named})`;
  const message = `${rules} refuse the transfer of ${quantity} from ${from ?? 'any seller'} to ${to ?? 'any buyer'}.`;
  const more = named === '' ? {} : { module: named };
  return [...known, reason('COMPLIANCE_REFUSED', message, more)];
}

/** Such as `OtherModule: NOT_CONFIGURED`. */
function nameOf({ module, name, code }: ModuleFinding): string {
  return code === '' ? name || module : `${name || module}: ${code}`;
}

function dayOf(unixSeconds: bigint): string {
  // What a foreign module calls a time may be none.
  if (unixSeconds > 8_640_000_000_000n) return 'a day without a date';
  return new Date(Number(unixSeconds) * 1_000).toISOString().slice(0, 10);
}
