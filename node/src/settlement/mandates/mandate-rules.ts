import { cashAmount, type Mandate, tokenAmount } from '@stoa/contracts';
import {
  type Instrument,
  isRefusal,
  type Price,
  type Quantity,
  type Refusal,
  refuse,
  type Side,
  type VenueId,
} from '@stoa/schema';

/** Why a mandate is not taken, or an order is not within one. The contract's errors have the same codes. */
export type MandateRefusalCode =
  | 'WRONG_CHAIN'
  | 'WRONG_DOMAIN'
  | 'MANDATE_INVALID'
  | 'MANDATE_EXPIRED'
  | 'MANDATE_EXPIRY_TOO_FAR'
  | 'MANDATE_IS_WITHDRAWN'
  | 'INVALID_MANDATE_SIGNATURE'
  | 'MALLEABLE_SIGNATURE'
  | 'TOO_MANY_MANDATES'
  | 'MANDATE_UNKNOWN'
  | 'MANDATE_ENDED'
  | 'MANDATE_REQUIRED'
  | 'MANDATE_PRICE_EXCEEDED'
  | 'MANDATE_QUANTITY_EXCEEDED'
  | 'MANDATE_VENUE_NOT_ALLOWED';

/** EIP-712 domain that a mandate was signed for, as its sender says. */
export interface MandateDomain {
  readonly chainId: number;
  readonly settlement: `0x${string}`;
}

const mostVenues = 16;
/** The contract keeps this number for a withdrawn nonce. */
const withdrawnMark = 2n ** 256n - 1n;
/** Nobody means a mandate for longer; a slip of milliseconds for seconds is found by it. */
const mostExpiryS = 5 * 366 * 86_400;

/** What of a mandate can be told without asking the chain; undefined where nothing is amiss. Pure. */
export function checkMandate(
  mandate: Mandate,
  domain: MandateDomain,
  facts: {
    readonly domain: MandateDomain;
    readonly nowS: number;
    readonly isVenue: (id: VenueId) => boolean;
  },
): Refusal<MandateRefusalCode> | undefined {
  if (domain.chainId !== facts.domain.chainId) {
    const message = `The mandate was signed for chain ${domain.chainId}, and this market settles on ${facts.domain.chainId}.`;
    return refuse('WRONG_CHAIN', message, 'Have it signed for this chain.');
  }
  if (domain.settlement.toLowerCase() !== facts.domain.settlement.toLowerCase()) {
    const message = `The mandate was signed for the contract ${domain.settlement}.`;
    return refuse('WRONG_DOMAIN', message, `Have it signed for ${facts.domain.settlement}.`);
  }
  const { limitAmount, limitQuantity, quantity, venues } = mandate;
  const isSound =
    limitAmount > 0n && limitQuantity > 0n && 0n < quantity && quantity < withdrawnMark;
  if (!isSound) {
    const message = 'Limit and quantity of a mandate are above zero.';
    return refuse('MANDATE_INVALID', message, 'Have it signed with a limit and a quantity.');
  }
  const known = venues.every((venue) => facts.isVenue(venue));
  if (venues.length > mostVenues || !known || new Set(venues).size !== venues.length) {
    const message = `A mandate names up to ${mostVenues} venues of this network, each once.`;
    return refuse(
      'MANDATE_INVALID',
      message,
      'Leave the venues out, or name those that may trade.',
    );
  }
  if (mandate.expiry <= facts.nowS) return expired();
  if (mandate.expiry > facts.nowS + mostExpiryS) {
    const message = 'The mandate ends more than five years from now.';
    return refuse('MANDATE_EXPIRY_TOO_FAR', message, 'Give its end in Unix seconds.');
  }
  return undefined;
}

/** An order as a mandate looks at it. */
export interface MandatedOrder {
  readonly account: `0x${string}`;
  readonly instrument: Instrument;
  readonly side: Side;
  /** What is to be executed yet. */
  readonly leaves: Quantity;
  readonly limitPrice: Price | undefined;
  /** Of a market order: the worst price its route takes now. */
  readonly worstPrice: Price | undefined;
  /** The one venue it may go to; undefined: any. */
  readonly directedTo?: VenueId | undefined;
}

/**
 * Whether an order stays within a mandate, whatever it fills at.
 *
 * @param usedAndOpen what is filled, what has traded and not settled, and what other orders may trade,
 * in the token's smallest unit
 */
export function checkWithinMandate(
  order: MandatedOrder,
  mandate: Mandate,
  { usedAndOpen, nowS }: { readonly usedAndOpen: bigint; readonly nowS: number },
): Refusal<MandateRefusalCode> | undefined {
  if (mandate.expiry <= nowS) return expired();
  const { venues } = mandate;
  if (venues.length > 0 && (order.directedTo === undefined || !venues.includes(order.directedTo))) {
    const message = `The account's mandate allows trades at ${venues.join(', ')} only.`;
    return refuse('MANDATE_VENUE_NOT_ALLOWED', message, 'Direct the order to one of them.');
  }
  if (!isPriceWithin(order, mandate)) {
    const message = 'The order may trade at a price that the account’s mandate does not allow.';
    return refuse('MANDATE_PRICE_EXCEEDED', message, 'Send a limit within the mandate.');
  }
  const quantity = tokenAmount({ ...order.instrument, quantity: order.leaves });
  if (isRefusal(quantity) || usedAndOpen + quantity > mandate.quantity) {
    const left = mandate.quantity > usedAndOpen ? mandate.quantity - usedAndOpen : 0n;
    const message = `The account's mandate has ${left} of ${mandate.quantity} smallest units of the token left.`;
    return refuse('MANDATE_QUANTITY_EXCEEDED', message, 'Order less, or register another mandate.');
  }
  return undefined;
}

/** amount / quantity against limitAmount / limitQuantity, multiplied out as the contract does. */
function isPriceWithin(order: MandatedOrder, { limitAmount, limitQuantity }: Mandate): boolean {
  const { instrument, side, limitPrice, worstPrice } = order;
  const price = limitPrice ?? worstPrice;
  // A market order that finds nothing trades nothing.
  if (price === undefined) return true;
  const quantity = tokenAmount({ ...instrument, quantity: instrument.lotSize });
  const amount = cashAmount({ ...instrument, price, quantity: instrument.lotSize });
  if (isRefusal(quantity) || isRefusal(amount)) return false;
  const [paid, limit] = [amount * limitQuantity, limitAmount * quantity];
  return side === 'buy' ? paid <= limit : paid >= limit;
}

function expired(): Refusal<MandateRefusalCode> {
  return refuse('MANDATE_EXPIRED', 'The mandate has ended.', 'Register one that lasts longer.');
}

/** No pair of venues can settle for the account without one, or this venue does not want to. */
export function mandateRequired(): Refusal<MandateRefusalCode> {
  const message = 'The account needs a mandate of its investor for this, and none is registered.';
  return refuse('MANDATE_REQUIRED', message, 'Register the mandate that the investor signed.');
}
