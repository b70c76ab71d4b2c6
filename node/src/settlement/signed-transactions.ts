import { asc, eq, getTableColumns, inArray, max } from 'drizzle-orm';
import type { Client } from 'viem';
import { estimateMaxPriorityFeePerGas, getBlock } from 'viem/actions';
import type { Database } from '../store/database.ts';
import { settlementTransactions } from '../store/tables/settlement-transactions.ts';

/** One signed version of a transaction. */
export type SignedVersion = typeof settlementTransactions.$inferSelect;

/** What a unit of gas may cost, in wei. */
export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Versions of one nonce, at most; after them the last one is only offered again. */
export const mostVersions = 8;

/** A version without its bytes. */
export type VersionHead = Omit<SignedVersion, 'rawTransaction'>;

const { rawTransaction: _, ...headColumns } = getTableColumns(settlementTransactions);

/** Every version signed for the batches, oldest first. */
export function readVersions(
  db: Database,
  batchIds: readonly `0x${string}`[],
): Promise<VersionHead[]> {
  if (batchIds.length === 0) return Promise.resolve([]);
  return db
    .select(headColumns)
    .from(settlementTransactions)
    .where(inArray(settlementTransactions.batchId, [...batchIds]))
    .orderBy(asc(settlementTransactions.nonce), asc(settlementTransactions.version));
}

/** The first nonce for which nothing was ever signed here. */
export async function nextUnsignedNonce(db: Database, sender: `0x${string}`): Promise<number> {
  const [row] = await db
    .select({ nonce: max(settlementTransactions.nonce) })
    .from(settlementTransactions)
    .where(eq(settlementTransactions.sender, sender));
  return (row?.nonce ?? -1) + 1;
}

/**
 * Fees for a version that is to take the place of another: both at least an eighth higher, which is
 * what nodes ask of a replacement, and no lower than what the chain asks now. Undefined above the cap:
 * then the version that is there has to do. Pure.
 */
export function bumpedFees(before: Fees, current: Fees, cap: bigint): Fees | undefined {
  const maxPriorityFeePerGas = larger(
    eighthMore(before.maxPriorityFeePerGas),
    current.maxPriorityFeePerGas,
  );
  const wanted = larger(eighthMore(before.maxFeePerGas), current.maxFeePerGas);
  const maxFeePerGas = larger(wanted, maxPriorityFeePerGas);
  return maxFeePerGas > cap ? undefined : { maxFeePerGas, maxPriorityFeePerGas };
}

/** Twice the base fee stays enough for six full blocks in a row (EIP-1559: +1/8 each). */
export async function currentFees(client: Client, cap: bigint): Promise<Fees> {
  const [block, tip] = await Promise.all([
    getBlock(client, { blockTag: 'latest' }),
    estimateMaxPriorityFeePerGas(client),
  ]);
  const maxFeePerGas = 2n * (block.baseFeePerGas ?? 0n) + tip;
  return cappedFees({ maxFeePerGas, maxPriorityFeePerGas: tip }, cap);
}

/** What the chain asks, within the cap. */
export function cappedFees({ maxFeePerGas, maxPriorityFeePerGas }: Fees, cap: bigint): Fees {
  const fee = maxFeePerGas < cap ? maxFeePerGas : cap;
  return {
    maxFeePerGas: fee,
    maxPriorityFeePerGas: maxPriorityFeePerGas < fee ? maxPriorityFeePerGas : fee,
  };
}

function eighthMore(value: bigint): bigint {
  return (value * 9n + 7n) / 8n + (value === 0n ? 1n : 0n);
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
