import type { Mandate, SignedMandate } from '@stoa/contracts';
import type { SignedMandateMessage } from '@stoa/schema';
import { lower } from '../batch-composition.ts';

/** A mandate as order messages and the store hold it: amounts as digits, addresses in lower case. */
export function mandateToMessage({ mandate, signature }: SignedMandate): SignedMandateMessage {
  return {
    investor: lower(mandate.investor),
    side: mandate.side,
    token: lower(mandate.token),
    cashToken: lower(mandate.cashToken),
    limitAmount: mandate.limitAmount.toString(),
    limitQuantity: mandate.limitQuantity.toString(),
    quantity: mandate.quantity.toString(),
    expiry: mandate.expiry,
    nonce: mandate.nonce.toString(),
    venues: [...mandate.venues],
    signature,
  };
}

/** The reverse. */
export function mandateFromMessage(message: SignedMandateMessage): SignedMandate {
  const { signature, ...terms } = message;
  const mandate: Mandate = {
    ...terms,
    investor: lower(terms.investor),
    token: lower(terms.token),
    cashToken: lower(terms.cashToken),
    limitAmount: BigInt(terms.limitAmount),
    limitQuantity: BigInt(terms.limitQuantity),
    quantity: BigInt(terms.quantity),
    nonce: BigInt(terms.nonce),
  };
  return { mandate, signature };
}

/** Whether its amounts are uint256: its digits say more than a word holds. */
export function isEncodable({ limitAmount, limitQuantity, quantity, nonce }: Mandate): boolean {
  return [limitAmount, limitQuantity, quantity, nonce].every((word) => word < 2n ** 256n);
}
