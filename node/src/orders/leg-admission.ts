import {
  type Directory,
  isStanding,
  type LegOrder,
  type LegRejection,
  type MemberId,
  type VenueId,
} from '@stoa/schema';

/** An immediate order that comes later than this after it was signed finds another market. */
const MAX_IMMEDIATE_AGE_MS = 10_000;

/** What a leg from another home node is judged by. */
export interface LegContext {
  /** The member whose session brought it: its home. */
  readonly home: MemberId;
  readonly venue: VenueId;
  readonly directory: Directory;
  readonly sentAtMs: number;
  readonly nowMs: number;
}

/** Whether a leg's id is one that its home may give: no node can take another's ids. */
export function isLegIdOf(home: MemberId, legId: string): boolean {
  // Member ids are letters, digits and hyphens: safe inside a pattern.
  return new RegExp(`^${home}-[1-9]\\d*\\.[1-9]\\d*\\.[1-9]\\d*$`).test(legId);
}

/** Why this venue does not take a leg from another home node; undefined when it does. */
export function whyNotTaken(leg: LegOrder, context: LegContext): LegRejection | undefined {
  const { directory, home, venue } = context;
  if (directory.members.get(home)?.kind !== 'venue') {
    return { code: 'HOME_NOT_A_VENUE', message: 'Only the node of a venue is home of orders.' };
  }
  const member = directory.members.get(leg.member);
  if (!member || !isStanding(member)) {
    return { code: 'MEMBER_UNKNOWN', message: 'The order’s member is not in good standing.' };
  }
  // Orders rest at their home venue only: so whoever meets a resting order knows who settles.
  if (leg.timeInForce !== 'ioc' && leg.timeInForce !== 'fok') {
    return {
      code: 'TIME_IN_FORCE_NOT_TAKEN',
      message: 'Only immediate orders come from elsewhere.',
    };
  }
  if (context.nowMs - context.sentAtMs > MAX_IMMEDIATE_AGE_MS) {
    return { code: 'LEG_TOO_OLD', message: 'The order came too late to be an immediate one.' };
  }
  const instrument = directory.instruments.get(leg.instrument);
  const listing = directory.listings.find(
    (each) => each.venue === venue && each.instrument === leg.instrument,
  );
  if (!instrument || listing?.status !== 'listed') {
    return { code: 'NOT_LISTED', message: 'The instrument is not listed at this venue.' };
  }
  if (leg.quantity % instrument.lotSize !== 0) {
    return { code: 'OFF_LOT', message: 'The quantity is not a multiple of the lot size.' };
  }
  if (leg.limitPrice % instrument.tickSize !== 0) {
    return { code: 'OFF_TICK', message: 'The price is not a multiple of the tick size.' };
  }
  return undefined;
}
