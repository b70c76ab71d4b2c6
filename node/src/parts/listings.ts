import { createTokenPauses } from '../compliance/token-pauses.ts';
import { createListingStore } from '../market/listing-store.ts';
import { createListingWatch, type ListingWatch } from '../market/listing-watch.ts';
import type { Database } from '../store/database.ts';
import type { Base } from './base.ts';
import type { Chain } from './chain.ts';
import type { NetworkPart } from './network.ts';

interface ListingParts {
  readonly chain: Chain;
  readonly network: NetworkPart;
  readonly database: Database;
}

/** Watches listings for their issuers, and remembers what happened to them. */
export async function watchListings(
  { logger, nowMs, running, onStop }: Base,
  { chain: { client, directory }, network, database }: ListingParts,
): Promise<ListingWatch> {
  const pauses = createTokenPauses({ client, directory, logger });
  const listings = createListingWatch({
    ...{ directory, logger, nowMs },
    market: network.observer.market,
    isPaused: (instrument) => pauses.isPaused(instrument),
    store: createListingStore(database),
  });
  pauses.start(running);
  await listings.start();
  onStop(() => listings.stop());
  return listings;
}
