import type { ListingEvent, ListingStore, StoredStanding } from '../listing-store.ts';

/** A {@link ListingStore} in memory: what the port promises, without a database. */
export function createMemoryListingStore(): ListingStore {
  const standings = new Map<string, StoredStanding>();
  const events: ListingEvent[] = [];
  return {
    standings: async () => [...standings.values()],
    async record(changed, happened) {
      for (const one of changed) standings.set(`${one.instrument} ${one.venue}`, one);
      for (const event of happened) events.push({ ...event, sequence: events.length + 1 });
    },
    after: async (issuer, sequence, most) =>
      events.filter((event) => event.issuer === issuer && event.sequence > sequence).slice(0, most),
    latest: async (issuer) => events.findLast((event) => event.issuer === issuer)?.sequence ?? 0,
    async read({ instrument, venue, newerThan = 0, olderThan = Infinity }, oldestFirst, most) {
      const found = events.filter(
        (event) =>
          event.instrument === instrument &&
          (venue === undefined || event.venue === venue) &&
          event.sequence > newerThan &&
          event.sequence < olderThan,
      );
      return (oldestFirst ? found : found.toReversed()).slice(0, most);
    },
  };
}
