import { fixVenueKind } from './fix/fix-venue-kind.ts';
import type { VenueAdapterKind } from './venue-adapter-kind.ts';

/** The adapters that come with this project, by the name that the venue adapter file gives them. */
export const VENUE_ADAPTER_KINDS: Readonly<Record<string, VenueAdapterKind>> = {
  fix: fixVenueKind as VenueAdapterKind,
};
