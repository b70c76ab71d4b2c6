import { BaseError, decodeErrorResult, type Hex, isHex, parseAbi } from 'viem';
import { cashTokenAbi } from './generated/cash-token.ts';
import { listingRegistryAbi } from './generated/listing-registry.ts';
import { memberRegistryAbi } from './generated/member-registry.ts';
import { settlementAbi } from './generated/settlement.ts';

/** Why a call reverted, in a form that people and programs can use. */
export interface RevertReason {
  /** Stable, upper case: `TRADE_ALREADY_SETTLED`. Doubles as metric label and API code. */
  readonly code: string;
  /** One plain sentence. */
  readonly message: string;
  /** The Solidity error's name, or `Error`, `Panic`, and `` for none. */
  readonly name: string;
  readonly args: readonly unknown[];
}

/** ERC-6093 errors that tokens other than our own cash use, and OpenZeppelin's wrapper. */
const tokenErrors = parseAbi([
  'error SafeERC20FailedOperation(address token)',
  'error EnforcedPause()',
  'error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)',
  'error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed)',
]);

const revertAbi = [
  ...settlementAbi,
  ...listingRegistryAbi,
  ...memberRegistryAbi,
  ...cashTokenAbi,
  ...tokenErrors,
].filter((item) => item.type === 'error');

/** What the deployed ERC-3643 implementation says, and what it means. */
const tokenStrings: Record<string, readonly [code: string, message: string]> = {
  'Transfer not possible': [
    'COMPLIANCE_REFUSED',
    'The token refused the transfer: the receiver is not verified or a compliance rule forbids it.',
  ],
  'Insufficient Balance': [
    'BALANCE_TOO_LOW',
    'The seller’s free token balance (frozen tokens excluded) is too low.',
  ],
  'wallet is frozen': ['WALLET_FROZEN', 'The seller’s or the buyer’s wallet is frozen.'],
  'Pausable: paused': ['TOKEN_PAUSED', 'Transfers of the token are paused.'],
};

/** Arguments are written as text before they come here. */
const sentences: Record<string, (args: readonly string[]) => string> = {
  TradeAlreadySettled: ([, number]) => `Trade ${number} of this venue has already settled.`,
  DeadlinePassed: ([, number, deadline]) =>
    `The settlement deadline (${deadline}) of trade ${number} has passed.`,
  ZeroAmount: ([, number]) => `Trade ${number} has a zero quantity or amount.`,
  SelfTrade: ([, number]) => `Seller and buyer of trade ${number} are the same wallet.`,
  NotListed: ([token]) => `Token ${token} is not listed (or is halted) at the executing venue.`,
  CashTokenMismatch: ([token]) => `The cash token is not the one in which ${token} is paid.`,
  TransferNotExact: ([token, wallet]) =>
    `Token ${token} did not change the balance of ${wallet} by the exact amount.`,
  BalanceTooLarge: ([token]) => `Token ${token} reports balances that cannot be settled.`,
  TradeNotSettled: ([, number]) => `Trade ${number} has not settled, so it cannot be reversed.`,
  TradeAlreadyReversed: ([, number]) => `Trade ${number} has already been reversed.`,
  NettingNotAllowed: ([token]) => `Trades of ${token} may not settle net.`,
  MoveNotOwed: ([token]) => `A netted transfer of ${token} pays what nobody owes.`,
  NettingIncomplete: ([open]) => `The netted transfers leave ${open} balances unpaid.`,
  NotAVenue: () => 'The member registry knows no such venue.',
  VenueSuspended: () => 'The venue is suspended in the member registry.',
  VenueHasCeased: () => 'The venue has ceased operation.',
  WrongChain: ([, given, expected]) =>
    `The venue signed for chain ${given}, and this is chain ${expected}.`,
  WrongDomain: ([, given, expected]) =>
    `The venue signed for the contract ${given}, and this is ${expected}.`,
  MalleableSignature: ([signer]) => `The signature of ${signer} is not in its canonical form.`,
  GroupOutOfGas: ([given]) =>
    `The group used up its ${given} gas: its token or compliance modules cost more.`,
  MandateRequired: ([account]) =>
    `Account ${account} requires a mandate, and the batch holds none for this trade.`,
  InvalidMandate: ([investor]) => `A mandate of ${investor} makes no sense.`,
  InvalidMandateSignature: ([investor]) => `The mandate is not signed by ${investor}.`,
  MandateExpired: ([investor, , expiry]) => `The mandate of ${investor} expired at ${expiry}.`,
  MandateIsWithdrawn: ([investor]) => `${investor} has withdrawn the mandate.`,
  MandateVenueNotAllowed: ([investor]) => `The mandate of ${investor} does not name this venue.`,
  MandatePriceExceeded: ([investor]) =>
    `The price of the trade is worse than the mandate of ${investor} allows.`,
  MandateQuantityExceeded: ([investor, , filled, quantity]) =>
    `The trade would bring the mandate of ${investor} to ${filled} of ${quantity}.`,
  ConsentRequired: ([account]) => `Account ${account} has not consented to the reversal.`,
  NotASigner: ([, signer]) => `${signer} is not a current settlement signer of the venue.`,
  InvalidVenueSignature: ([, signer]) =>
    `The venue’s signature is not ${signer}’s over this batch.`,
  MissingVenueSignature: () => 'A venue that the batch names has not signed it.',
  GasTooLow: ([available, required]) =>
    `The transaction had too little gas for the next group (${available} of ${required}).`,
  EnforcedPause: () => 'Settlement is paused.',
  ERC20InsufficientAllowance: ([, allowance, needed]) =>
    `The wallet approved ${allowance} of the ${needed} needed.`,
  ERC20InsufficientBalance: ([, balance, needed]) =>
    `The wallet holds ${balance} of the ${needed} needed.`,
  SafeERC20FailedOperation: ([token]) => `Token ${token} reported that the transfer failed.`,
};

/** Codes that name the same refusal as the pre-trade checks do. */
const codes: Record<string, string> = {
  ERC20InsufficientAllowance: 'ALLOWANCE_TOO_LOW',
  ERC20InsufficientBalance: 'BALANCE_TOO_LOW',
  EnforcedPause: 'SETTLEMENT_PAUSED',
};

/** Decodes revert data: of a failed group, of a call, of a transaction. Never throws. */
export function decodeRevertReason(data: Hex): RevertReason {
  if (data === '0x') {
    return {
      code: 'REVERTED_WITHOUT_REASON',
      message: 'The call reverted without a reason; the token may have run out of gas.',
      name: '',
      args: [],
    };
  }
  try {
    // Its type omits that an error without parameters has no args at all.
    const decoded: { errorName: string; args?: readonly unknown[] | undefined } = decodeErrorResult(
      { abi: revertAbi, data },
    );
    return reasonOf(decoded.errorName, decoded.args ?? []);
  } catch {
    return {
      code: 'UNKNOWN_REVERT',
      message: `The call reverted with an error that is not known here (${data.slice(0, 10)}).`,
      name: '',
      args: [data],
    };
  }
}

function reasonOf(name: string, args: readonly unknown[]): RevertReason {
  if (name === 'Error') {
    const text = String(args[0]);
    const [code, message] = tokenStrings[text] ?? ['REVERTED', `The call reverted: ${text}`];
    return { code, message, name, args };
  }
  if (name === 'Panic') {
    // The deployed ERC-3643 implementation subtracts the allowance without a check of its own,
    // and balance is checked before: an underflow there is a missing allowance.
    const underflow = args[0] === 0x11n;
    return {
      code: underflow ? 'ALLOWANCE_TOO_LOW' : 'PANIC',
      message: underflow
        ? 'The seller has not approved the settlement contract for enough tokens.'
        : `The call hit an internal error (panic ${String(args[0])}).`,
      name,
      args,
    };
  }
  return {
    code: codes[name] ?? upperSnakeCase(name),
    message: sentences[name]?.(args.map(String)) ?? `The contract refused: ${name}.`,
    name,
    args,
  };
}

function upperSnakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toUpperCase();
}

/** The revert data inside an error that viem threw; `undefined` when it is another kind of failure. */
export function revertDataOf(error: unknown): Hex | undefined {
  if (!(error instanceof BaseError)) return undefined;
  let found: Hex | undefined;
  error.walk((inner) => {
    const data: unknown = inner instanceof Error && 'data' in inner ? inner.data : undefined;
    const nested: unknown =
      typeof data === 'object' && data !== null && 'data' in data ? data.data : data;
    if (isHex(nested)) found = nested;
    return false;
  });
  return found;
}
