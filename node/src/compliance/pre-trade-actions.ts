import type { EligibilityCode } from '@stoa/contracts';

/** What a broker can do about each reason. */
export const preTradeActions: Record<EligibilityCode, string> = {
  TOKEN_PAUSED: 'Wait until the issuer resumes transfers of the token.',
  WALLET_FROZEN: 'Ask the issuer why the wallet is frozen.',
  IDENTITY_NOT_REGISTERED: 'Have the investor’s identity registered with the issuer.',
  IDENTITY_NOT_VERIFIED: 'Have the investor’s identity verified by the issuer.',
  CLAIM_MISSING: 'Have a claim issuer that the token trusts attest the investor.',
  CLAIM_INVALID: 'Have the claim renewed by its issuer.',
  CLAIM_EXPIRED: 'Have the claim renewed by its issuer.',
  SENDER_REFUSED: 'Ask the issuer to admit the wallet as a sender.',
  RECEIVER_REFUSED: 'Ask the issuer to admit the wallet as a holder.',
  BALANCE_TOO_LOW: 'Lower the quantity, or bring tokens to the wallet.',
  TOKENS_LOCKED: 'Lower the quantity, or wait until the tokens are unlocked.',
  ALLOWANCE_TOO_LOW: 'Approve the settlement contract for the tokens, from the wallet.',
  OPERATOR_NOT_AUTHORIZED:
    'Authorize the settlement contract as operator of the partition, from the wallet.',
  HOLDING_PERIOD: 'Lower the quantity to what is free, or wait until the holding period ends.',
  AFFILIATE_VOLUME: 'Lower the quantity to what the volume limit leaves, or wait.',
  HOLDER_CAP: 'Wait until a holder has sold, or ask the issuer to raise the limit.',
  COUNTRY_HOLDER_CAP: 'Wait until a holder in that country has sold, or ask the issuer.',
  COUNTRY_REFUSED: 'Use an account of an investor in a country where the token is offered.',
  TRANSFER_LIMIT: 'Lower the quantity to what the limit leaves, or wait until it renews.',
  VENUE_ONLY: 'Ask the issuer to approve the network’s settlement contract.',
  COMPLIANCE_REFUSED: 'Ask the issuer about the rule that is named.',
  CASH_TOO_LOW: 'Lower the quantity, or bring cash to the wallet.',
  CASH_ALLOWANCE_TOO_LOW: 'Approve the settlement contract for the cash, from the wallet.',
  CHECK_UNANSWERED: 'Try again; if it stays so, tell the issuer that the token does not answer.',
};
