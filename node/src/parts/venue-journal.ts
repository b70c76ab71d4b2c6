import type { VenueJournalOptions } from '@stoa/adapters';
import type { Base } from './base.ts';

/**
 * Where the venue's own book is kept, so that it survives a crash with its queues. Beside the
 * PostgreSQL that the node runs itself, unless another folder is named; with a database elsewhere only
 * where one is. Without it a restart brings members' open orders back in the order of acceptance.
 */
export function venueJournal({
  config,
  logger,
}: Pick<Base, 'config' | 'logger'>): VenueJournalOptions | undefined {
  const { STOA_VENUE_JOURNAL_DIR: named, STOA_DATA_DIR: dataDir, DATABASE_URL: url } = config;
  const own = url === undefined && dataDir !== undefined ? `${dataDir}.journal` : undefined;
  const folder = named ?? own;
  if (folder === undefined) {
    logger.warn('the venue keeps no journal: set STOA_VENUE_JOURNAL_DIR');
    return undefined;
  }
  return {
    folder,
    onRecovered: ({ differences, ...found }) => {
      const fields = { folder, ...found, differences: differences.length };
      logger.info(fields, 'the books were brought back');
      for (const difference of differences) {
        // Nobody was told of it: a crash came before the store had it.
        logger.warn(difference, 'an order in the book was not as it is recorded');
      }
    },
  };
}
