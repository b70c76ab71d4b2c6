import type { DirectorySource } from '@stoa/schema';
import type { Address, Client } from 'viem';
import { openDatabase } from '../../store/database.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { type CapTable, type CapTableQuery, readCapTable } from '../cap-table.ts';
import { refreshHolderFacts } from '../holder-facts.ts';
import { TokenIndexer } from '../token-indexer.ts';
import type { IndexedToken } from '../transfer-logs.ts';

/** One token's transfers in a store, without the rest of a node: for tests and benches. */
export interface TokenIndex {
  /** Takes in all there is; how often the chain turned out to be another. */
  advance(): Promise<number>;
  /** Reads what the token's registry says of all holders. */
  refreshHolders(): Promise<void>;
  /** @throws Error where the query is refused */
  capTable(query?: Partial<Pick<CapTableQuery, 'atBlock' | 'first' | 'after'>>): Promise<CapTable>;
  stop(): Promise<void>;
}

/** Opens the store; a second one on the same store goes on where the first one stopped. */
export async function openTokenIndex(options: {
  readonly databaseUrl: string;
  readonly client: Client;
  readonly token: IndexedToken;
  readonly maxRangeBlocks?: bigint;
}): Promise<TokenIndex> {
  const { client, token, maxRangeBlocks } = options;
  const store = await openDatabase(options.databaseUrl);
  const { db } = store;
  const address = token.token.toLowerCase() as Address;
  const directory = {
    current: () => ({ instruments: new Map([['', token]]) }),
  } as unknown as DirectorySource;
  let reorganizations = 0;
  const indexer = new TokenIndexer(
    { finality: 1, ...(maxRangeBlocks && { maxRangeBlocks }) },
    {
      ...{ db, client, directory, logger: createLogger('token-index', 'silent') },
      onReorganization: () => {
        reorganizations += 1;
      },
    },
  );
  return {
    advance: async () => {
      while (await indexer.advance());
      return reorganizations;
    },
    refreshHolders: async () => {
      while (await refreshHolderFacts(token, { db, client, nowMs: Date.now() }));
    },
    capTable: async (query = {}) => {
      const indexedTo = (await indexer.position(address)) ?? 0n;
      const table = await readCapTable(db, { first: 100, ...query, token: address, indexedTo });
      if ('refused' in table) throw new Error(table.message);
      return table;
    },
    stop: () => store.close(),
  };
}
