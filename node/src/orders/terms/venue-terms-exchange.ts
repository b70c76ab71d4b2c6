import { isDeepStrictEqual } from 'node:util';
import {
  CodedError,
  type DirectorySource,
  decodeOrderMessage,
  decodeSigned,
  isRefusal,
  MAX_ORDER_MESSAGE_BYTES,
  type MemberId,
  type VenueId,
  type VenueTerms,
  venueTerms,
} from '@stoa/schema';
import { sql } from 'drizzle-orm';
import type { Database } from '../../store/database.ts';
import { venueTermsTold } from '../../store/tables/venue-terms.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { SignedVenueTerms, VenueTermsBook } from './venue-terms-book.ts';

export interface VenueTermsExchangeNeeds {
  readonly database: Database;
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** Why terms that a peer told were not taken. */
export type TermsRefusalCode = 'TERMS_NOT_OF_A_VENUE' | 'TERMS_OLDER' | 'TERMS_VERSION_REUSED';

/**
 * The terms of all venues: this node's own, which it tells every peer on every link, and those that
 * peers told, which outlive a restart of this node. Of a venue's terms the highest version holds.
 */
export class VenueTermsExchange implements VenueTermsBook {
  readonly own: VenueTerms;
  readonly #venue: VenueId;
  readonly #needs: VenueTermsExchangeNeeds;
  readonly #told: Map<VenueId, SignedVenueTerms>;

  private constructor(
    venue: VenueId,
    own: VenueTerms,
    told: Map<VenueId, SignedVenueTerms>,
    needs: VenueTermsExchangeNeeds,
  ) {
    this.#venue = venue;
    this.own = own;
    this.#told = told;
    this.#needs = needs;
  }

  /**
   * Reads what is recorded and records this node's own terms before anybody is told of them.
   *
   * @throws CodedError `VENUE_TERMS_OLDER` where others were told a higher version than the given
   * terms have, `VENUE_TERMS_REUSED` where the same version said something else
   */
  static async open(
    venue: VenueId,
    own: VenueTerms,
    needs: VenueTermsExchangeNeeds,
  ): Promise<VenueTermsExchange> {
    const told = new Map<VenueId, SignedVenueTerms>();
    for (const row of await needs.database.select().from(venueTermsTold)) {
      const parsed = venueTerms.safeParse(row.terms);
      if (!parsed.success) {
        needs.logger.error({ venue: row.venue }, 'recorded venue terms cannot be read');
      } else if (row.venue !== venue) {
        told.set(row.venue, { terms: parsed.data, signed: row.signed ?? undefined });
      } else {
        requireFollowsOn(own, parsed.data);
      }
    }
    const exchange = new VenueTermsExchange(venue, own, told, needs);
    await exchange.#record(venue, { terms: own, signed: undefined });
    return exchange;
  }

  of(venue: VenueId): SignedVenueTerms | undefined {
    if (venue === this.#venue) return { terms: this.own, signed: undefined };
    return this.#told.get(venue);
  }

  /**
   * Takes terms that a peer told over its session. They hold at once, and a failing store only means
   * that they are forgotten with this process: the peer tells them again on the next link.
   */
  async take(from: MemberId, terms: VenueTerms, signed: Uint8Array): Promise<void> {
    const code = this.#whyNot(from, terms);
    if (code !== undefined) {
      this.#needs.logger.warn({ from, code, version: terms.version }, 'venue terms not taken');
      return;
    }
    const known = this.#told.get(from);
    const isSame = known !== undefined && isDeepStrictEqual(known.terms, terms);
    if (isSame && !(known.signed && isCounted(known.signed))) return;
    // The same object as before keeps the calendar's cached day; other terms are another object.
    const told = { terms: isSame ? known.terms : terms, signed };
    this.#told.set(from, told);
    try {
      await this.#record(from, told);
    } catch (error) {
      this.#needs.logger.warn({ err: error, from }, 'venue terms not recorded');
    }
  }

  #whyNot(from: MemberId, terms: VenueTerms): TermsRefusalCode | undefined {
    const { members } = this.#needs.directory.current();
    if (members.get(from)?.kind !== 'venue') return 'TERMS_NOT_OF_A_VENUE';
    const known = this.#told.get(from)?.terms;
    if (!known || known.version < terms.version) return undefined;
    if (known.version > terms.version) return 'TERMS_OLDER';
    // Version 0 is what a venue's software can do, and that changes without anybody numbering it.
    return terms.version === 0 || isDeepStrictEqual(known, terms)
      ? undefined
      : 'TERMS_VERSION_REUSED';
  }

  async #record(venue: VenueId, { terms, signed }: SignedVenueTerms): Promise<void> {
    const row = { version: terms.version, terms, signed: signed ?? null };
    const recordedAtMs = this.#needs.nowMs();
    await this.#needs.database
      .insert(venueTermsTold)
      .values({ venue, ...row, recordedAtMs })
      .onConflictDoUpdate({
        target: venueTermsTold.venue,
        set: { ...row, recordedAtMs },
        setWhere: sql`venue_terms.version < excluded.version or venue_terms.version = 0
          or (venue_terms.version = excluded.version and excluded.signed is not null)`,
      });
  }
}

/** Receipts hold the message that told the terms: one that tells its numbers gives way to one that does not. */
function isCounted(signed: Uint8Array): boolean {
  const found = decodeSigned(signed, MAX_ORDER_MESSAGE_BYTES);
  const message = isRefusal(found) ? found : decodeOrderMessage(found.payload);
  return isRefusal(message) || message.version === 1;
}

function requireFollowsOn(own: VenueTerms, told: VenueTerms): void {
  const data = { given: own.version, told: told.version };
  if (own.version < told.version) {
    const message = `Other venues were told version ${told.version} of the venue terms: give it, or a higher one.`;
    throw new CodedError('VENUE_TERMS_OLDER', message, { data });
  }
  if (own.version === 0 || own.version > told.version || isDeepStrictEqual(own, told)) return;
  const message = `Version ${own.version} of the venue terms said something else before: raise the version.`;
  throw new CodedError('VENUE_TERMS_REUSED', message, { data });
}
