import { describe, expect, it } from 'vitest';
import {
  type NegotiationEvent,
  type NegotiationRefusal,
  negotiate,
  type QuoteStatus,
  type RequestStatus,
} from './quote-state.ts';

type Pair = `${RequestStatus} ${QuoteStatus}`;

/** Every state that can be, and what each event makes of it: the next state, or why there is none. */
const TABLE: Readonly<
  Record<NegotiationEvent, Readonly<Partial<Record<Pair, Pair | NegotiationRefusal>>>>
> = {
  accept: {
    'open firm': 'accepting accepting',
    'open ended': 'QUOTE_ENDED',
    'accepting firm': 'QUOTE_REQUEST_ACCEPTED',
    'accepting accepting': 'QUOTE_REQUEST_ACCEPTED',
    'accepted ended': 'QUOTE_REQUEST_ACCEPTED',
    'canceled ended': 'QUOTE_REQUEST_ENDED',
    'expired ended': 'QUOTE_REQUEST_ENDED',
  },
  traded: {
    'accepting accepting': 'accepted accepted',
    'accepted accepted': 'NOTHING_TO_CHANGE',
    'open firm': 'NOTHING_TO_CHANGE',
  },
  'not-traded': {
    'accepting accepting': 'open ended',
    'open ended': 'NOTHING_TO_CHANGE',
    'accepted accepted': 'NOTHING_TO_CHANGE',
  },
  'quote-ended': {
    'open firm': 'open ended',
    'accepting firm': 'accepting ended',
    'accepting accepting': 'NOTHING_TO_CHANGE',
    'accepted accepted': 'NOTHING_TO_CHANGE',
    'open ended': 'NOTHING_TO_CHANGE',
  },
  'quote-expired': {
    'open firm': 'open ended',
    'accepting accepting': 'NOTHING_TO_CHANGE',
  },
  cancel: {
    'open firm': 'canceled ended',
    'open ended': 'canceled ended',
    'accepting accepting': 'QUOTE_REQUEST_ACCEPTED',
    'accepted accepted': 'QUOTE_REQUEST_ACCEPTED',
    'expired ended': 'QUOTE_REQUEST_ENDED',
  },
  'request-expired': {
    'open firm': 'expired ended',
    'open ended': 'expired ended',
    'accepting accepting': 'NOTHING_TO_CHANGE',
    'canceled ended': 'NOTHING_TO_CHANGE',
  },
};

describe('a request for quote and one of its quotes', () => {
  const rows = Object.entries(TABLE).flatMap(([event, states]) =>
    Object.entries(states).map(([from, to]) => [event, from, to] as const),
  );

  it.each(rows)('%s: %s becomes %s', (event, from, to) => {
    const [request, quote] = from.split(' ') as [RequestStatus, QuoteStatus];
    const step = negotiate({ request, quote }, event as NegotiationEvent);
    expect('refused' in step ? step.refused : `${step.request} ${step.quote}`).toBe(to);
  });

  it('has at most one quote on its way into a trade, whatever happens in whatever order', () => {
    const events = Object.keys(TABLE) as NegotiationEvent[];
    const seen = new Set<string>();
    const walk = (request: RequestStatus, one: QuoteStatus, other: QuoteStatus): void => {
      const key = `${request} ${one} ${other}`;
      if (seen.has(key)) return;
      seen.add(key);
      const taken = [one, other].filter((each) => each === 'accepting' || each === 'accepted');
      expect(taken.length, key).toBeLessThanOrEqual(1);
      expect(request === 'accepting', key).toBe([one, other].includes('accepting'));
      for (const event of events) {
        const first = negotiate({ request, quote: one }, event);
        if (!('refused' in first)) walk(first.request, first.quote, other);
        const second = negotiate({ request, quote: other }, event);
        if (!('refused' in second)) walk(second.request, one, second.quote);
      }
    };
    walk('open', 'firm', 'firm');
    expect(seen.size).toBeGreaterThan(8);
  });
});
