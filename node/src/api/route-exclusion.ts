import type { RouteExclusion } from '../routing/route.ts';

/** Why a venue is not routed to, by the code that the router and the planner give. */
const SENTENCES: Readonly<Record<string, string>> = {
  halted: 'has halted trading in the instrument',
  stale: 'was not heard from for too long',
  degraded: 'has sent quotes of which some are still missing here',
  silent: 'was not heard from since this node started',
  indicative: 'shows quotes that are not firm: ask it for one with requestQuotes',
  expired: 'shows quotes whose validity has ended',
  'not-listed': 'does not list the instrument',
  proposed: 'has not listed the instrument yet',
  suspended: 'has suspended its listing of the instrument',
  delisted: 'does not list the instrument any more',
  'member-not-active': 'is no active member of the network',
  'venue-not-ready': 'has a book that takes no orders at the moment',
  'no-order-link': 'has no order session with this node at the moment',
  'terms-unknown': 'has not told what it charges and when it trades',
  closed: 'is closed',
  'no-agreement': 'has no agreement with your home venue about such orders',
  'not-directed': 'is not the venue that the order is directed to',
  'self-trade': 'holds an order of the same account that this one could meet',
  'capability-missing': 'takes no orders of this kind',
  'not-settleable': 'shows only what the account could not settle',
  'below-minimum': 'takes no order as small as could be sent to it',
  'asked-before': 'was asked before, and shows what may have been taken since',
};

/** The sentence that goes with a reason code. */
export function exclusionSentence({ venue, reason }: RouteExclusion): string {
  const why = SENTENCES[reason] ?? `cannot be used: ${reason.replaceAll('-', ' ')}`;
  return `${venue} ${why}.`;
}
