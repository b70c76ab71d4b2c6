import type { VenueEvent, VenueMarketEvent, VenueQuoteEvent } from '@stoa/adapters';
import type { PublishedEvent } from '../../market/publisher.ts';
import type { VenueOrderEvent } from './venue-events.ts';

/** What a venue says of orders and trades. */
export function isOrderEvent(event: VenueEvent): event is VenueOrderEvent {
  return !isMarketEvent(event) && !isQuoteEvent(event);
}

/** What it says of its own quotes. */
export function isQuoteEvent(event: VenueEvent): event is VenueQuoteEvent {
  return event.kind === 'quote' || event.kind === 'quote-ended';
}

function isMarketEvent(event: VenueEvent): event is VenueMarketEvent {
  const { kind } = event;
  return kind === 'book' || kind === 'print' || kind === 'trading-status' || kind === 'link';
}

/** What everybody hears. */
export function isPublished(event: VenueEvent): event is PublishedEvent {
  return isMarketEvent(event) || event.kind === 'busted' || event.kind === 'corrected';
}
