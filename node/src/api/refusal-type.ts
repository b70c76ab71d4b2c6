import { isRefusal, type Refusal } from '@stoa/schema';
import type { PreTradeCode } from '../compliance/settlement-means.ts';
import type { QuoteRefusalCode } from '../negotiation/negotiation-request.ts';
import type { LimitRefusalCode } from '../orders/terms/order-limits.ts';
import type { ChangeRefusalCode, RequestRefusalCode } from '../orders/terms/order-validation.ts';
import type { MandateRefusalCode } from '../settlement/mandates/mandate-rules.ts';

/** The SDL's types that implement its interface Refusal. */
export type RefusalType =
  | 'InvalidInput'
  | 'NotFound'
  | 'NotEligible'
  | 'LimitExceeded'
  | 'NotTradable'
  | 'StateConflict'
  | 'Unavailable'
  | 'OtherRefusal';

/** Codes that the compiler holds this table to, and those that are given without a type of their own. */
type KnownCode =
  | RequestRefusalCode
  | ChangeRefusalCode
  | LimitRefusalCode
  | PreTradeCode
  | QuoteRefusalCode
  | MandateRefusalCode
  | 'DECIMAL_INVALID'
  | 'TOO_MANY_DECIMALS'
  | 'OUT_OF_RANGE'
  | 'ACCOUNT_INVALID'
  | 'CLIENT_ORDER_ID_REUSED'
  | 'ORDER_UNKNOWN'
  | 'NODE_NOT_OPEN'
  | 'BATCH_UNKNOWN'
  | 'BATCH_NOT_FAILED'
  | 'GROUP_BROKEN';

/** Wrong by itself, with the input's field that it is about. */
const INPUT_FIELDS = {
  DECIMAL_INVALID: null,
  TOO_MANY_DECIMALS: null,
  OUT_OF_RANGE: null,
  AMOUNT_NOT_EXACT: null,
  ACCOUNT_INVALID: 'account',
  CLIENT_ORDER_ID_INVALID: 'clientOrderId',
  QUANTITY_INVALID: 'quantity',
  OFF_LOT: 'quantity',
  LIMIT_PRICE_MISSING: 'limitPrice',
  LIMIT_PRICE_NOT_ALLOWED: 'limitPrice',
  LIMIT_PRICE_INVALID: 'limitPrice',
  OFF_TICK: 'limitPrice',
  EXPIRY_MISSING: 'expireAt',
  EXPIRY_NOT_ALLOWED: 'expireAt',
  EXPIRY_INVALID: 'expireAt',
  EXPIRED: 'expireAt',
  DIRECTED_TO_MISSING: 'directedTo',
  DIRECTED_TO_NOT_ALLOWED: 'directedTo',
  REMAINDER_NOT_ALLOWED: 'remainder',
  STRATEGY_CONFLICT: 'strategy',
  MIN_QUANTITY_INVALID: 'minimumQuantity',
  MIN_QUANTITY_NOT_ALLOWED: 'minimumQuantity',
  ALL_OR_NONE_NOT_ALLOWED: 'allOrNone',
  REPLACE_BELOW_FILLED: 'quantity',
  NOTHING_TO_REPLACE: null,
  CLIENT_REQUEST_ID_INVALID: null,
  QUOTE_EXPIRY_INVALID: null,
  QUOTE_VENUES_INVALID: 'directedTo',
  QUOTE_SIDE_MISSING: 'side',
  QUOTE_SIDE_NOT_GIVEN: 'side',
  QUOTE_TERMS_DIFFER: null,
  QUOTE_TOO_LARGE: 'quantity',
  WRONG_CHAIN: 'chainId',
  WRONG_DOMAIN: 'verifyingContract',
  MANDATE_INVALID: null,
  MANDATE_EXPIRY_TOO_FAR: 'expiry',
  INVALID_MANDATE_SIGNATURE: 'signature',
  MALLEABLE_SIGNATURE: 'signature',
} as const satisfies Partial<Record<KnownCode, string | null>>;

/** All other codes by what a client would do about them. */
const OTHER_TYPES: Readonly<Record<Exclude<KnownCode, keyof typeof INPUT_FIELDS>, RefusalType>> = {
  ...kind('NotFound', [
    'INSTRUMENT_UNKNOWN',
    'VENUE_UNKNOWN',
    'ACCOUNT_UNKNOWN',
    'ORDER_UNKNOWN',
    'BATCH_UNKNOWN',
    ...(['QUOTE_REQUEST_UNKNOWN', 'QUOTE_UNKNOWN', 'MANDATE_UNKNOWN'] as const),
  ]),
  ...kind('NotEligible', [
    ...(['TOKEN_PAUSED', 'WALLET_FROZEN', 'IDENTITY_NOT_REGISTERED'] as const),
    ...(['IDENTITY_NOT_VERIFIED', 'CLAIM_MISSING', 'CLAIM_INVALID', 'CLAIM_EXPIRED'] as const),
    ...(['SENDER_REFUSED', 'RECEIVER_REFUSED', 'BALANCE_TOO_LOW', 'TOKENS_LOCKED'] as const),
    ...(['ALLOWANCE_TOO_LOW', 'OPERATOR_NOT_AUTHORIZED', 'HOLDING_PERIOD'] as const),
    ...(['AFFILIATE_VOLUME', 'HOLDER_CAP', 'COUNTRY_HOLDER_CAP', 'COUNTRY_REFUSED'] as const),
    ...(['TRANSFER_LIMIT', 'VENUE_ONLY', 'COMPLIANCE_REFUSED', 'CASH_TOO_LOW'] as const),
    ...(['CASH_ALLOWANCE_TOO_LOW', 'MANDATE_REQUIRED', 'MANDATE_EXPIRED'] as const),
    ...(['MANDATE_IS_WITHDRAWN', 'MANDATE_PRICE_EXCEEDED'] as const),
    ...(['MANDATE_QUANTITY_EXCEEDED', 'MANDATE_VENUE_NOT_ALLOWED'] as const),
  ]),
  ...kind('LimitExceeded', [
    ...(['OVER_MAX_QUANTITY', 'OVER_MAX_NOTIONAL', 'PRICE_BEYOND_COLLAR'] as const),
    ...(['PRICE_TOO_FAR_AWAY', 'TOO_MANY_OPEN_ORDERS', 'OVER_MAX_OPEN_NOTIONAL'] as const),
    'TOO_MANY_MANDATES',
    ...(['RATE_LIMITED', 'TOO_MANY_QUOTE_REQUESTS', 'TOO_MANY_QUOTES'] as const),
  ]),
  ...kind('NotTradable', [
    ...(['NOT_LISTED', 'NOT_LISTED_THERE', 'HALTED', 'MARKET_CLOSED', 'ENTRY_CLOSED'] as const),
    ...(['MEMBER_NOT_ACTIVE', 'NOT_YOUR_HOME', 'MIN_QUANTITY_NOT_TAKEN'] as const),
    ...(['ALL_OR_NONE_NOT_TAKEN', 'BELOW_VENUE_MINIMUM', 'RFQ_NOT_OFFERED'] as const),
    'SELF_TRADE',
  ]),
  ...kind('StateConflict', [
    ...(['ORDER_DONE', 'ORDER_IMMEDIATE', 'CANCEL_PENDING', 'REPLACE_PENDING'] as const),
    ...(['CLIENT_ORDER_ID_REUSED', 'BATCH_NOT_FAILED', 'GROUP_BROKEN'] as const),
    ...(['CLIENT_REQUEST_ID_REUSED', 'CLIENT_QUOTE_ID_REUSED', 'QUOTE_ENDED'] as const),
    ...(['QUOTE_EXPIRED', 'QUOTE_ALREADY_ACCEPTED', 'QUOTE_REQUEST_ENDED'] as const),
    ...(['QUOTE_REQUEST_ACCEPTED', 'MANDATE_ENDED'] as const),
  ]),
  ...kind('Unavailable', ['NODE_NOT_OPEN', 'CHECK_UNAVAILABLE', 'CHECK_UNANSWERED']),
};

function kind<Code extends KnownCode>(type: RefusalType, codes: readonly Code[]) {
  return Object.fromEntries(codes.map((code) => [code, type])) as Record<Code, RefusalType>;
}

/** Which of the SDL's types a refusal is. */
export function refusalTypeOf({ code }: Pick<Refusal, 'code'>): RefusalType {
  if (Object.hasOwn(INPUT_FIELDS, code)) return 'InvalidInput';
  const others: Readonly<Record<string, RefusalType>> = OTHER_TYPES;
  return (Object.hasOwn(others, code) ? others[code] : undefined) ?? 'OtherRefusal';
}

/** Tells a refusal's type, and the answer that it stands in for. */
export function refusalOr(typename: string) {
  return (result: unknown) => (isRefusal(result) ? refusalTypeOf(result) : typename);
}

/** Resolvers of the SDL's refusals part. */
export const refusalResolvers = {
  Refusal: { __resolveType: refusalTypeOf },
  InvalidInput: {
    field({ code, field }: Refusal): string | null {
      const fields: Readonly<Record<string, string | null>> = INPUT_FIELDS;
      return field ?? fields[code] ?? null;
    },
  },
};
