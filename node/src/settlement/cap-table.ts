import { type Refusal, refuse } from '@stoa/schema';
import { and, eq, lte, type SQL, sql } from 'drizzle-orm';
import { type Address, zeroAddress } from 'viem';
import type { Database } from '../store/database.ts';
import { tokenBalances } from '../store/tables/token-balances.ts';
import { tokenTransfers } from '../store/tables/token-transfers.ts';

/** Which part of a cap table: holders after a cursor, largest first. */
export interface CapTableQuery {
  readonly token: Address;
  /** Up to which block the token's transfers are indexed. */
  readonly indexedTo: bigint;
  /** As of the end of this block; default the last indexed one. */
  readonly atBlock?: bigint;
  readonly first: number;
  readonly after?: string;
}

export interface CapTableHolder {
  readonly holder: Address;
  /** In the token's smallest unit. */
  readonly balance: bigint;
  /** ISO 3166-1 numeric; null where it is not known or not kept. */
  readonly country: number | null;
  readonly verified: boolean | null;
  readonly cursor: string;
}

/** Who holds a token. Countries and claims are those of now, whatever block the balances are of. */
export interface CapTable {
  readonly blockNumber: bigint;
  readonly holders: number;
  readonly supply: bigint;
  readonly verified: number;
  readonly byCountry: readonly {
    readonly country: number | null;
    readonly holders: number;
    readonly balance: bigint;
  }[];
  /** Holders that have a claim of a topic, by topic. */
  readonly claims: readonly { readonly topic: string; readonly holders: number }[];
  readonly page: readonly CapTableHolder[];
  readonly hasMore: boolean;
}

/** Reads a cap table from the store; nothing is asked of the chain. */
export async function readCapTable(
  db: Database,
  query: CapTableQuery,
): Promise<CapTable | Refusal<'BLOCK_NOT_INDEXED' | 'CURSOR_INVALID'>> {
  const { indexedTo, atBlock = indexedTo, first, after } = query;
  if (atBlock > indexedTo || atBlock < 0n) {
    const message = `The transfers are indexed up to block ${indexedTo}, and not to ${atBlock}.`;
    return refuse('BLOCK_NOT_INDEXED', message, 'Ask for an earlier block, or later.');
  }
  const beyond = after === undefined ? undefined : keyOf(after);
  if (after !== undefined && beyond === undefined) {
    return refuse('CURSOR_INVALID', 'The cursor is none of this list.', 'Take one that it gave.');
  }
  const held = atBlock === indexedTo ? heldNow(query.token) : heldAt(query.token, atBlock);
  const onwards = beyond
    ? sql`where (balance, holder) < (${beyond.balance}::numeric, ${beyond.holder})`
    : sql``;
  const [totals, countries, claims, rows] = await Promise.all([
    db.execute<{ holders: string; supply: string; verified: string }>(sql`
      with held as (${held}) select count(*) as holders, coalesce(sum(balance), 0) as supply,
        count(*) filter (where verified) as verified from held`),
    db.execute<{ country: number | null; holders: string; balance: string }>(sql`
      with held as (${held}) select country, count(*) as holders, sum(balance) as balance
      from held group by country order by sum(balance) desc, country`),
    db.execute<{ topic: string; holders: string }>(sql`
      with held as (${held}) select topic, count(*) as holders
      from held, jsonb_array_elements_text(coalesce(claim_topics, '[]')) as topic
      group by topic order by topic`),
    db.execute<{
      holder: Address;
      balance: string;
      country: number | null;
      verified: boolean | null;
    }>(sql`
      with held as (${held}) select holder, balance, country, verified from held ${onwards}
      order by balance desc, holder desc limit ${first + 1}`),
  ]);
  const total = totals[0];
  return {
    blockNumber: atBlock,
    holders: Number(total?.holders ?? 0),
    supply: BigInt(total?.supply ?? 0),
    verified: Number(total?.verified ?? 0),
    byCountry: countries.map((row) => ({
      ...{ country: row.country, holders: Number(row.holders), balance: BigInt(row.balance) },
    })),
    claims: claims.map((row) => ({ topic: row.topic, holders: Number(row.holders) })),
    page: rows.slice(0, first).map(({ balance, ...row }) => ({
      ...{ ...row, balance: BigInt(balance), cursor: `${balance}:${row.holder}` },
    })),
    hasMore: rows.length > first,
  };
}

function heldNow(token: Address): SQL {
  return sql`select holder, balance, country, verified, claim_topics from ${tokenBalances}
    where ${and(eq(tokenBalances.token, token), sql`${tokenBalances.balance} > 0`)}`;
}

/** From the transfers themselves: balances are kept for now only. */
function heldAt(token: Address, block: bigint): SQL {
  const upTo = and(eq(tokenTransfers.token, token), lte(tokenTransfers.blockNumber, Number(block)));
  return sql`
    select past.holder, past.balance, known.country, known.verified, known.claim_topics
    from (
      select holder, sum(change) as balance from (
        select receiver as holder, value as change from ${tokenTransfers} where ${upTo}
        union all select sender, -value from ${tokenTransfers} where ${upTo}) as moves
      where holder <> ${zeroAddress} group by holder having sum(change) > 0) as past
    left join ${tokenBalances} as known on known.token = ${token} and known.holder = past.holder`;
}

function keyOf(cursor: string) {
  const [, balance, holder] = /^(\d{1,78}):(0x[0-9a-f]{40})$/.exec(cursor) ?? [];
  return balance === undefined || holder === undefined ? undefined : { balance, holder };
}
