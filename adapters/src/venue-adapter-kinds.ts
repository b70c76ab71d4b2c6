import { fixVenueKind } from './fix/fix-venue-kind.ts';
import { restVenue } from './rest/rest-venue.ts';
import type { VenueAdapterKind } from './venue-adapter-kind.ts';

/** A kind whose settings only it knows. */
function kind<Settings>(one: VenueAdapterKind<Settings>): VenueAdapterKind {
  return {
    parse: (settings, folder) => one.parse(settings, folder),
    create: (settings, needs) => one.create(settings as Settings, needs),
  };
}

/** The adapters that come with this project, by the name that the venue adapter file gives them. */
export const VENUE_ADAPTER_KINDS: Readonly<Record<string, VenueAdapterKind>> = {
  fix: kind(fixVenueKind),
  rest: kind(restVenue),
};
