import type { InstrumentId, ListingStatus, MemberId, VenueId } from '@stoa/schema';
import { and, asc, desc, eq, gt, lt, max, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { listingEvents, listingStandings } from '../store/tables/listing-events.ts';
import type { Contradiction } from './listing-standing.ts';

/** Something that happened to a listing. */
export interface ListingEvent {
  readonly sequence: number;
  readonly instrument: InstrumentId;
  readonly venue: VenueId;
  readonly issuer: MemberId;
  readonly kind: 'status' | 'halted' | 'resumed' | 'contradiction' | 'contradiction-over';
  readonly before: string | null;
  readonly after: string | null;
  /** Unix milliseconds, by this node's clock. */
  readonly atMs: number;
}

/** One that has no number yet. */
export type NewListingEvent = Omit<ListingEvent, 'sequence'>;

/** How a listing stood. */
export interface StoredStanding {
  readonly instrument: InstrumentId;
  readonly venue: VenueId;
  readonly status: ListingStatus;
  readonly sinceMs: number;
  readonly isHalted: boolean;
  readonly contradictions: readonly Contradiction[];
}

/** Which events are wanted, newest first. */
export interface ListingEventRange {
  readonly instrument: InstrumentId;
  readonly venue?: VenueId;
  readonly newerThan?: number;
  readonly olderThan?: number;
}

/** What is kept of listings. */
export interface ListingStore {
  standings(): Promise<readonly StoredStanding[]>;
  /** In one transaction: what happened, and how things stand since. */
  record(standings: readonly StoredStanding[], events: readonly NewListingEvent[]): Promise<void>;
  /** Events of an issuer after a number, oldest first. */
  after(issuer: MemberId, sequence: number, most: number): Promise<readonly ListingEvent[]>;
  /** Number of an issuer's latest event; 0 where there is none. */
  latest(issuer: MemberId): Promise<number>;
  read(range: ListingEventRange, oldestFirst: boolean, most: number): Promise<ListingEvent[]>;
}

/** The {@link ListingStore} in the node's database. */
export function createListingStore(database: Database): ListingStore {
  return {
    async standings() {
      const rows = await database.select().from(listingStandings);
      return rows as StoredStanding[];
    },
    async record(standings, events) {
      await database.transaction(async (tx) => {
        for (const { contradictions, ...standing } of standings) {
          const row = { ...standing, contradictions: [...contradictions] };
          await tx
            .insert(listingStandings)
            .values(row)
            .onConflictDoUpdate({
              target: [listingStandings.instrument, listingStandings.venue],
              set: row,
            });
        }
        if (events.length > 0) await tx.insert(listingEvents).values([...events]);
      });
    },
    after: (issuer, sequence, most) =>
      database
        .select()
        .from(listingEvents)
        .where(and(eq(listingEvents.issuer, issuer), gt(listingEvents.sequence, sequence)))
        .orderBy(asc(listingEvents.sequence))
        .limit(most),
    async latest(issuer) {
      const [row] = await database
        .select({ last: max(listingEvents.sequence) })
        .from(listingEvents)
        .where(eq(listingEvents.issuer, issuer));
      return row?.last ?? 0;
    },
    read: ({ instrument, venue, newerThan, olderThan }, oldestFirst, most) =>
      database
        .select()
        .from(listingEvents)
        .where(
          and(
            eq(listingEvents.instrument, instrument),
            venue === undefined ? sql`true` : eq(listingEvents.venue, venue),
            newerThan === undefined ? sql`true` : gt(listingEvents.sequence, newerThan),
            olderThan === undefined ? sql`true` : lt(listingEvents.sequence, olderThan),
          ),
        )
        .orderBy(oldestFirst ? asc(listingEvents.sequence) : desc(listingEvents.sequence))
        .limit(most),
  };
}
