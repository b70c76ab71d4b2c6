import {
  isStanding,
  type LegRejection,
  type OrderMessageBody,
  phaseAt,
  type VenueId,
} from '@stoa/schema';
import { isIdOf } from '../orders/id-codes.ts';
import { defaultVenueTerms } from '../orders/terms/venue-terms-book.ts';
import type { NegotiationNeeds } from './negotiation-needs.ts';

/** What a home asks. */
export type Inquiry = Extract<OrderMessageBody, { kind: 'quote-request' }>;

/** Why this venue does not take a home's request for quote; undefined where it does. */
export function whyNotAsked(
  home: VenueId,
  asked: Inquiry,
  expireAtMs: number,
  needs: Pick<
    NegotiationNeeds,
    'venue' | 'directory' | 'capabilities' | 'rules' | 'terms' | 'nowMs'
  >,
): LegRejection | undefined {
  const { venue, directory, capabilities, rules, terms, nowMs } = needs;
  const { members, instruments, listings } = directory.current();
  const { member: id, requestId, instrument: instrumentId, quantity } = asked;
  if (!isIdOf(home, requestId, 'negotiated')) {
    return { code: 'QUOTE_REQUEST_ID_FOREIGN', message: 'The id is not the home node’s own.' };
  }
  if (!rules.offered || !capabilities.rfq) {
    return { code: 'RFQ_NOT_OFFERED', message: 'The venue takes no requests for quote.' };
  }
  const member = members.get(id);
  if (members.get(home)?.kind !== 'venue' || !member || !isStanding(member)) {
    return { code: 'MEMBER_UNKNOWN', message: 'The member is not in good standing.' };
  }
  const instrument = instruments.get(instrumentId);
  const isListed = listings.some(
    (each) => each.venue === venue && each.instrument === instrumentId && each.status === 'listed',
  );
  if (!instrument || !isListed) {
    return { code: 'NOT_LISTED', message: 'The instrument is not listed at this venue.' };
  }
  if (quantity % instrument.lotSize !== 0) {
    return { code: 'OFF_LOT', message: 'The quantity is not a multiple of the lot size.' };
  }
  const own = terms.of(venue)?.terms ?? defaultVenueTerms({ allOrNone: false, minQuantity: false });
  if (phaseAt(own.calendar, nowMs()) !== 'open') {
    return { code: 'CLOSED', message: 'The venue does not negotiate at this hour.' };
  }
  if (expireAtMs <= nowMs()) return { code: 'EXPIRED', message: 'The request’s time is over.' };
  return undefined;
}
