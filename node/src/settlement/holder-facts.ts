import { and, asc, eq, gt, isNull, lt, or, sql } from 'drizzle-orm';
import { type Address, type Client, parseAbi, zeroAddress } from 'viem';
import { multicall, readContract } from 'viem/actions';
import type { Database } from '../store/database.ts';
import { tokenBalances } from '../store/tables/token-balances.ts';
import type { IndexedToken } from './transfer-logs.ts';

/** Declared from the texts of ERC-3643 and ERC-734/735. */
const abi = parseAbi([
  'function identityRegistry() view returns (address)',
  'function topicsRegistry() view returns (address)',
  'function getClaimTopics() view returns (uint256[])',
  'function identity(address wallet) view returns (address)',
  'function investorCountry(address wallet) view returns (uint16)',
  'function isVerified(address wallet) view returns (bool)',
  'function getClaimIdsByTopic(uint256 topic) view returns (bytes32[])',
]);

const holdersAtOnce = 100;
const refreshAfterMs = 5 * 60_000;

/**
 * Reads what an ERC-3643 token's registry says of holders: country, whether verified, and for which of
 * the token's claim topics the identity has a claim. Those never read come first, then those read
 * longest ago.
 *
 * @returns whether more is due
 */
export async function refreshHolderFacts(
  indexed: IndexedToken,
  { db, client, nowMs }: { readonly db: Database; readonly client: Client; readonly nowMs: number },
): Promise<boolean> {
  if (indexed.standard !== 'ERC-3643') return false;
  const token = indexed.token.toLowerCase() as Address;
  const due = await db
    .select({ holder: tokenBalances.holder })
    .from(tokenBalances)
    .where(
      and(
        eq(tokenBalances.token, token),
        gt(tokenBalances.balance, 0n),
        or(isNull(tokenBalances.readAtMs), lt(tokenBalances.readAtMs, nowMs - refreshAfterMs)),
      ),
    )
    .orderBy(sql`${asc(tokenBalances.readAtMs)} nulls first`)
    .limit(holdersAtOnce);
  if (due.length === 0) return false;
  const holders = due.map(({ holder }) => holder);
  const facts = await readFacts(client, token, holders);
  const rows = JSON.stringify(facts);
  await db.execute(sql`
    update ${tokenBalances} as held
    set country = facts.country, verified = facts.verified, claim_topics = facts.topics,
      read_at_ms = ${nowMs}
    from jsonb_to_recordset(${rows}::jsonb) as facts
      (holder text, country integer, verified boolean, topics jsonb)
    where held.token = ${token} and held.holder = facts.holder`);
  return due.length === holdersAtOnce;
}

async function readFacts(client: Client, token: Address, holders: readonly Address[]) {
  const registry = await readContract(client, {
    ...{ address: token, abi, functionName: 'identityRegistry' },
  });
  const topicsRegistry = await readContract(client, {
    ...{ address: registry, abi, functionName: 'topicsRegistry' },
  });
  const topics = await readContract(client, {
    ...{ address: topicsRegistry, abi, functionName: 'getClaimTopics' },
  });
  const ask = { address: registry, abi } as const;
  const answers = await multicall(client, {
    deployless: true,
    contracts: holders.flatMap(
      (holder) =>
        [
          { ...ask, functionName: 'identity', args: [holder] },
          { ...ask, functionName: 'investorCountry', args: [holder] },
          { ...ask, functionName: 'isVerified', args: [holder] },
        ] as const,
    ),
  });
  const identities = holders.map((_, index) => {
    const identity = answers[3 * index]?.result;
    return typeof identity === 'string' ? identity : zeroAddress;
  });
  const claims = await multicall(client, {
    deployless: true,
    contracts: identities.flatMap((address) =>
      topics.map(
        (topic) => ({ address, abi, functionName: 'getClaimIdsByTopic', args: [topic] }) as const,
      ),
    ),
  });
  return holders.map((holder, index) => {
    const country = answers[3 * index + 1]?.result;
    const own = claims.slice(index * topics.length, (index + 1) * topics.length);
    return {
      holder,
      country: typeof country === 'number' ? country : null,
      verified: answers[3 * index + 2]?.result === true,
      topics: topics.flatMap((topic, at) =>
        (own[at]?.result?.length ?? 0) > 0 ? [topic.toString()] : [],
      ),
    };
  });
}
