import { nextTransitionMs, phaseAt } from '@stoa/schema';
import type { ApiTerms } from './api-services.ts';
import type { VenueParent } from './market-output.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';

/** What the terms' part of the API is served from. */
export interface VenueTermsNeeds {
  readonly terms: ApiTerms;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

/** Resolvers of the SDL's terms part: public, as what a venue charges and when it trades is. */
export function createVenueTermsResolvers({ terms, nowMs }: VenueTermsNeeds) {
  const termsOf = ({ id }: VenueParent) => terms.of(id)?.terms;
  return {
    Venue: {
      fees(venue: VenueParent) {
        const fees = termsOf(venue)?.fees;
        return fees ? { ...fees, cap: fees.cap ?? null } : null;
      },
      hours(venue: VenueParent) {
        const calendar = termsOf(venue)?.calendar;
        if (!calendar) return null;
        return {
          ...calendar,
          nextChangeAt() {
            const changesAtMs = nextTransitionMs(calendar, nowMs());
            return changesAtMs === undefined ? null : sdlDateTime(changesAtMs);
          },
        };
      },
      phase(venue: VenueParent) {
        const known = termsOf(venue);
        return known ? sdlEnum(phaseAt(known.calendar, nowMs())) : null;
      },
    },
  };
}
