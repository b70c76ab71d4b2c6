import type { DirectorySource } from '@stoa/schema';
import {
  BaseError,
  type Client,
  HttpRequestError,
  ResponseBodyTooLargeError,
  TimeoutError,
} from 'viem';
import { getBlock } from 'viem/actions';
import type { Database } from '../store/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { lower } from './batch-composition.ts';
import { type ChainBlock, ChainPosition, type Finality, finalBlock } from './chain-position.ts';
import { enterTransfers, takeBackTransfers } from './token-ledger.ts';
import { type IndexedToken, readTransfers } from './transfer-logs.ts';

/** How the tokens' transfers are followed. */
export interface IndexerOptions {
  /** As of settlement. */
  readonly finality: Finality;
  /** The first block to read; default 0. */
  readonly fromBlock?: bigint;
  /** Default 2,000: wider ranges are refused by many nodes. A refused one is halved. */
  readonly maxRangeBlocks?: bigint;
}

/** What indexing is given. */
export interface IndexerNeeds {
  readonly db: Database;
  readonly client: Client;
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly onReorganization?: () => void;
}

const defaultMaxRangeBlocks = 2_000n;
/** Of one call of {@link TokenIndexer.advance}: other work waits meanwhile. */
const mostRangesPerRound = 20;

/**
 * Follows the transfers of every instrument's token, range by range from a kept position; a token
 * that is registered later is read from the first block on. What the chain takes back is taken back.
 */
export class TokenIndexer {
  readonly #options: IndexerOptions;
  readonly #needs: IndexerNeeds;
  /** Where a token stands that has nothing new: asked again only when the chain moved. */
  readonly #done = new Map<string, string>();

  constructor(options: IndexerOptions, needs: IndexerNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /** The last block up to which a token's transfers were taken in; undefined before the first. */
  position(token: `0x${string}`): Promise<bigint | undefined> {
    return new ChainPosition(keyOf(token), this.#needs).read();
  }

  /**
   * Takes in what has become final since the last call.
   *
   * @returns whether there is more to read already
   * @throws CodedError `CHAIN_REPLACED`; viem errors when the RPC fails
   */
  async advance(): Promise<boolean> {
    const final = await finalBlock(this.#needs.client, this.#options.finality);
    let isBehind = false;
    for (const instrument of this.#needs.directory.current().instruments.values()) {
      if (this.#done.get(instrument.token) === final.hash) continue;
      const isDone = await this.#advance(instrument as IndexedToken, final);
      if (isDone) this.#done.set(instrument.token, final.hash);
      else isBehind = true;
    }
    return isBehind;
  }

  async #advance(indexed: IndexedToken, final: ChainBlock): Promise<boolean> {
    const token = lower(indexed.token);
    const position = new ChainPosition(keyOf(token), this.#needs);
    let at = await this.#startingPoint(position, token, final.number);
    let width = this.#options.maxRangeBlocks ?? defaultMaxRangeBlocks;
    for (let ranges = 0; at < final.number; ranges += 1) {
      if (ranges === mostRangesPerRound) return false;
      const to = at + width < final.number ? at + width : final.number;
      const found = await this.#readRange(indexed, { from: at + 1n, to });
      if (found === undefined) {
        width = (to - at) / 2n;
        continue;
      }
      const end =
        to === final.number ? final : await getBlock(this.#needs.client, { blockNumber: to });
      await this.#needs.db.transaction(async (tx) => {
        await enterTransfers(tx, token, found);
        await position.advance(tx, end);
      });
      at = to;
    }
    return true;
  }

  async #startingPoint(
    position: ChainPosition,
    token: `0x${string}`,
    finalNumber: bigint,
  ): Promise<bigint> {
    const at = await position.read();
    // One before the first block to read; the chain's very first block has no logs.
    if (at === undefined) {
      const { fromBlock = 0n } = this.#options;
      return fromBlock === 0n ? 0n : fromBlock - 1n;
    }
    // Behind what was taken in: a node that lags, or more confirmations asked for. Nothing to do yet.
    if (finalNumber < at) return at;
    const ancestor = await position.commonAncestor(at);
    if (ancestor === at) return at;
    await this.#needs.db.transaction(async (tx) => {
      await takeBackTransfers(tx, token, ancestor);
      await position.retreat(tx, ancestor);
    });
    this.#needs.onReorganization?.();
    const fields = { token, from: Number(at), to: Number(ancestor) };
    this.#needs.logger.warn(fields, 'chain was reorganized, transfers taken back');
    return ancestor;
  }

  /** Undefined where the range is to be read in smaller parts. */
  async #readRange(indexed: IndexedToken, range: { readonly from: bigint; readonly to: bigint }) {
    try {
      return await readTransfers(this.#needs.client, indexed, range);
    } catch (error) {
      if (range.from === range.to || isUnreachable(error)) throw error;
      return undefined;
    }
  }
}

function keyOf(token: `0x${string}`): string {
  return `transfers ${lower(token)}`;
}

/** A node that does not answer is not asked for less, but later; one that answers too much is. */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof BaseError)) return true;
  if (error.walk((inner) => inner instanceof ResponseBodyTooLargeError)) return false;
  if (error.walk((inner) => inner instanceof TimeoutError)) return true;
  const failed = error.walk((inner) => inner instanceof HttpRequestError);
  return failed instanceof HttpRequestError && failed.status === undefined;
}
