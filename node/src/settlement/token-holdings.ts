import { type Refusal, refuse } from '@stoa/schema';
import { lower } from './batch-composition.ts';
import { type CapTable, type CapTableQuery, readCapTable } from './cap-table.ts';
import { refreshHolderFacts } from './holder-facts.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { SettlementWorker } from './settlement-worker.ts';
import { TokenIndexer } from './token-indexer.ts';
import type { IndexedToken } from './transfer-logs.ts';

/** What following tokens is given. */
export type HoldingsNeeds = Pick<
  SettlementNeeds,
  'db' | 'client' | 'directory' | 'logger' | 'nowMs'
> & { readonly metrics: SettlementMetrics };

const behindPollMs = 20;
const defaultPollMs = 1_000;

/**
 * Who holds the instruments' tokens: the indexer and what is read from it. It works beside settlement,
 * which does not wait for it.
 */
export function createTokenHoldings(options: SettlementOptions, needs: HoldingsNeeds) {
  const { db, client, directory, metrics, nowMs } = needs;
  const indexer = new TokenIndexer(
    {
      finality: options.finality,
      ...(options.indexFromBlock !== undefined && { fromBlock: options.indexFromBlock }),
    },
    { ...needs, onReorganization: () => metrics.reorganizations.inc() },
  );
  async function round(): Promise<number> {
    let isBusy = await indexer.advance();
    for (const instrument of directory.current().instruments.values()) {
      const token = instrument as IndexedToken;
      isBusy = (await refreshHolderFacts(token, { db, client, nowMs: nowMs() })) || isBusy;
    }
    return isBusy ? behindPollMs : (options.idlePollIntervalMs ?? defaultPollMs);
  }
  const worker = new SettlementWorker(
    { round, pollIntervalMs: behindPollMs },
    { logger: needs.logger.child({ part: 'token-holdings' }), metrics },
  );
  return {
    async capTable(
      token: `0x${string}`,
      query: Omit<CapTableQuery, 'token' | 'indexedTo'>,
    ): Promise<CapTable | Refusal<'BLOCK_NOT_INDEXED' | 'CURSOR_INVALID'>> {
      const indexedTo = await indexer.position(token);
      if (indexedTo === undefined) {
        const message = 'The transfers of this token are not indexed yet.';
        return refuse('BLOCK_NOT_INDEXED', message, 'Ask again soon.');
      }
      return readCapTable(db, { ...query, token: lower(token), indexedTo });
    },
    start: (signal: AbortSignal) => worker.start(signal),
    stop: () => worker.stop(),
  };
}
