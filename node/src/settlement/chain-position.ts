import { CodedError } from '@stoa/schema';
import { and, desc, eq, gt, lt, sql } from 'drizzle-orm';
import type { Client, Hex } from 'viem';
import { getBlock } from 'viem/actions';
import type { Database, Transaction } from '../store/database.ts';
import { chainCheckpoints } from '../store/tables/chain-checkpoints.ts';
import { chainCursors } from '../store/tables/chain-cursors.ts';

/** Which block counts as final: the chain's own word, or that many confirmations (1: the newest). */
export type Finality = 'finalized' | number;

/** A block as far as following a chain needs it. */
export interface ChainBlock {
  readonly number: bigint;
  readonly hash: Hex;
  readonly parentHash: Hex;
  /** Unix seconds. */
  readonly timestamp: bigint;
}

/** Checkpoints of one contract that are kept; with one for every block that is hours. */
const keptCheckpoints = 1_000;
/** Taken at the first start, so that a reorganization across it finds a common ancestor. */
const earlierBlocks = [64n, 1_024n];

/** The newest final block. */
export async function finalBlock(client: Client, finality: Finality): Promise<ChainBlock> {
  if (finality === 'finalized') return getBlock(client, { blockTag: 'finalized' });
  const latest = await getBlock(client, { blockTag: 'latest' });
  const lag = BigInt(finality - 1);
  if (lag === 0n) return latest;
  const blockNumber = latest.number > lag ? latest.number - lag : 0n;
  return getBlock(client, { blockNumber });
}

/** Up to which block a contract's logs were taken in. */
export class ChainPosition {
  readonly #contract: string;
  readonly #needs: { readonly db: Database; readonly client: Client };

  /** @param contract whatever names what is followed, in lower case */
  constructor(contract: string, needs: { readonly db: Database; readonly client: Client }) {
    this.#contract = contract;
    this.#needs = needs;
  }

  /** The last block taken in; undefined before the first. */
  async read(): Promise<bigint | undefined> {
    const [row] = await this.#needs.db
      .select()
      .from(chainCursors)
      .where(eq(chainCursors.contract, this.#contract));
    return row && BigInt(row.blockNumber);
  }

  /** Starts at a block, all before it being of no concern. */
  async begin(block: ChainBlock): Promise<void> {
    const earlier = await Promise.all(
      earlierBlocks
        .filter((depth) => depth < block.number)
        .map((depth) => getBlock(this.#needs.client, { blockNumber: block.number - depth })),
    );
    await this.#needs.db.transaction(async (tx) => {
      for (const one of earlier) await this.#checkpoint(tx, one);
      await this.advance(tx, block);
    });
  }

  /** Moves on to a block, in the transaction of what its logs did. */
  async advance(tx: Transaction, block: ChainBlock): Promise<void> {
    await this.#set(tx, block.number);
    await this.#checkpoint(tx, block);
    await tx.execute(sql`
      delete from ${chainCheckpoints} where contract = ${this.#contract} and block_number < (
        select min(block_number) from (
          select block_number from ${chainCheckpoints} where contract = ${this.#contract}
          order by block_number desc limit ${keptCheckpoints}) as newest)`);
  }

  /** Goes back to a block, in the transaction that takes back what later logs did. */
  async retreat(tx: Transaction, blockNumber: bigint): Promise<void> {
    await this.#set(tx, blockNumber);
    await tx
      .delete(chainCheckpoints)
      .where(
        and(
          eq(chainCheckpoints.contract, this.#contract),
          gt(chainCheckpoints.blockNumber, Number(blockNumber)),
        ),
      );
  }

  /**
   * The newest block taken in that the chain still has: the position itself, unless the chain was
   * reorganized.
   *
   * @throws CodedError `CHAIN_REPLACED` where the chain has none of the blocks that are kept: that is
   * another chain, and what is recorded is not taken back because of it
   */
  async commonAncestor(position: bigint): Promise<bigint> {
    const [newest] = await this.#kept(position, 1);
    // Asked for alone: as long as nothing is reorganized, the others are not needed.
    if (newest && (await this.#isOnChain(newest))) return position;
    const kept = await this.#kept(position, keptCheckpoints);
    // Of a store that kept no hashes yet.
    if (kept.length === 0) return position;
    const known = kept.flatMap(({ number, hash, parentHash }) => [
      { number, hash },
      { number: number - 1n, hash: parentHash },
    ]);
    // What the chain has it has from there down to its beginning: halving finds the edge.
    let [low, high] = [0, known.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (await this.#isOnChain(known[middle])) high = middle;
      else low = middle + 1;
    }
    const ancestor = known[low];
    if (ancestor) return ancestor.number;
    const message = `The chain has none of the ${kept.length} blocks up to ${position} that were taken in before.`;
    throw new CodedError('CHAIN_REPLACED', message);
  }

  /** Checkpoints up to the position, newest first. */
  async #kept(position: bigint, most: number): Promise<Omit<ChainBlock, 'timestamp'>[]> {
    const rows = await this.#needs.db
      .select()
      .from(chainCheckpoints)
      .where(
        and(
          eq(chainCheckpoints.contract, this.#contract),
          lt(chainCheckpoints.blockNumber, Number(position) + 1),
        ),
      )
      .orderBy(desc(chainCheckpoints.blockNumber))
      .limit(most);
    return rows.map(({ blockNumber, hash, parentHash }) => ({
      ...{ number: BigInt(blockNumber), hash, parentHash },
    }));
  }

  async #isOnChain(
    block: { readonly number: bigint; readonly hash: Hex } | undefined,
  ): Promise<boolean> {
    if (block === undefined) return false;
    if (block.number < 0n) return true;
    return (await getBlock(this.#needs.client, { blockNumber: block.number })).hash === block.hash;
  }

  async #set(tx: Transaction, blockNumber: bigint): Promise<void> {
    const position = { blockNumber: Number(blockNumber) };
    await tx
      .insert(chainCursors)
      .values({ contract: this.#contract, ...position })
      .onConflictDoUpdate({ target: chainCursors.contract, set: position });
  }

  async #checkpoint(tx: Transaction, { number, hash, parentHash }: ChainBlock): Promise<void> {
    await tx
      .insert(chainCheckpoints)
      .values({ contract: this.#contract, blockNumber: Number(number), hash, parentHash })
      .onConflictDoUpdate({
        target: [chainCheckpoints.contract, chainCheckpoints.blockNumber],
        set: { hash, parentHash },
      });
  }
}
