import type { Address, Client, Hash, Log } from 'viem';
import { getBlock, getLogs } from 'viem/actions';

/** An answer of the chain, with what it depends on. */
export interface CachedAnswer<Answer> {
  readonly answer: Answer;
  /** Unix milliseconds after which it no longer holds, whatever happens; absent for no such time. */
  readonly untilMs?: number;
  /** Any event of these contracts (lower case) may change the answer. */
  readonly contracts: readonly Address[];
  /** Cash: only events that name the wallet matter, since everybody's payments are on one contract. */
  readonly cash?: { readonly token: Address; readonly wallet: Address } | undefined;
}

export interface AnswerCacheNeeds {
  readonly client: Client;
  readonly nowMs: () => number;
  /**
   * So often, while it is used, new blocks are searched before anybody asks: what they changed then
   * costs whoever asks next one call instead of three. Absent: only when asked.
   */
  readonly lookEveryMs?: number;
  /**
   * How long ago the newest block may have been asked for where a kept answer is used; default 0: it
   * is asked for each time. With `lookEveryMs` below it, nobody who asks again and again waits for it.
   */
  readonly freshForMs?: number;
}

/** Keeps answers of the chain for as long as they are as good as new. */
export interface AnswerCache<Answer> {
  /**
   * The kept answer, or a new one. Two that ask the same at once share one question.
   *
   * @throws what `ask` throws; such a failure is not kept
   */
  get(key: string, ask: () => Promise<CachedAnswer<Answer>>): Promise<Answer>;
}

interface Entry<Answer> {
  readonly asked: Promise<CachedAnswer<Answer>>;
  readonly ask: () => Promise<CachedAnswer<Answer>>;
  readonly atMs: number;
  usedAtMs: number;
  /** Absent while it is being asked; an entry without it does not outlive its block. */
  known?: CachedAnswer<Answer>;
}

interface Head {
  readonly number: bigint;
  readonly hash: Hash;
}

/** Rules also depend on time (a holding period that ends), which no event tells. */
const maxAgeMs = 5_000;
const maxEntries = 10_000;
/** After a longer pause everything is asked anew rather than many blocks searched. */
const maxBlocks = 32n;
/** What a block changed and was asked for lately is asked again at once, up to so many answers. */
const maxRenewed = 16;
const renewedWithinMs = 2_000;
/** As much as one `eth_getLogs` should be asked for. */
const maxWatched = 500;

/**
 * Answers are kept by block: while the newest block is the same, so is the answer. When blocks have
 * come, those answers stay whose contracts emitted nothing in them. A block that does not follow
 * from the last one seen (a reorganization, a long pause) empties the cache.
 *
 * Each use of a kept answer asks for the newest block (one short call), so none is older than the
 * chain, or by `freshForMs` at most. What a block changed is asked anew before somebody waits for it.
 */
export function createAnswerCache<Answer>(needs: AnswerCacheNeeds): AnswerCache<Answer> {
  const entries = new Map<string, Entry<Answer>>();
  const put = (key: string, asked: Pick<Entry<Answer>, 'ask' | 'usedAtMs'>) =>
    keep(entries, key, { ...asked, nowMs: needs.nowMs() });
  const { freshForMs = 0 } = needs;
  let head: Head | undefined;
  let syncedAtMs = Number.NEGATIVE_INFINITY;

  async function sync(): Promise<void> {
    const askedAtMs = needs.nowMs();
    try {
      const latest = await getBlock(needs.client, { blockTag: 'latest' });
      const block = { number: latest.number, hash: latest.hash, parentHash: latest.parentHash };
      const from = head;
      // Before anything is forgotten or kept: answers asked from now on belong to this block.
      head = block;
      if (from && block.hash !== from.hash) {
        if (!(await follows(needs.client, from, block))) entries.clear();
        else await forgetChanged(from.number + 1n, block.number);
      }
      syncedAtMs = askedAtMs;
    } catch (error) {
      entries.clear();
      head = undefined;
      throw error;
    }
  }

  async function forgetChanged(fromBlock: bigint, toBlock: bigint): Promise<void> {
    const watched = new Set<Address>();
    const searched = new Set<Entry<Answer>>();
    for (const entry of entries.values()) {
      if (!entry.known) continue;
      searched.add(entry);
      for (const address of contractsOf(entry.known)) watched.add(address);
    }
    const isTooMany = watched.size > maxWatched;
    const address = [...watched];
    const logs =
      watched.size === 0 || isTooMany
        ? []
        : await getLogs(needs.client, { address, fromBlock, toBlock });
    const changed: [string, Entry<Answer>][] = [];
    for (const [key, entry] of entries) {
      // One that came in meanwhile may be of the block before, and its contracts were not searched.
      const isKept = searched.has(entry) && !isTooMany && entry.known;
      if (isKept && !logs.some((log) => concerns(log, isKept))) continue;
      entries.delete(key);
      if (entry.known) changed.push([key, entry]);
    }
    if (needs.lookEveryMs === undefined) return;
    // Whoever asks the same next need not wait; what fails is asked by them.
    for (const [key, entry] of latelyUsed(changed, needs.nowMs())) void put(key, entry);
  }

  const synced = shared(sync);
  const used = lookAhead(needs, synced);

  return {
    async get(key, ask) {
      used();
      // A new question need not know the newest block, only one that is not newer than its answer.
      if (!head || (entries.has(key) && needs.nowMs() - syncedAtMs >= freshForMs)) await synced();
      const kept = entries.get(key);
      const nowMs = needs.nowMs();
      const { untilMs = Number.POSITIVE_INFINITY } = kept?.known ?? {};
      const isFresh = kept && nowMs - kept.atMs < maxAgeMs && nowMs < untilMs;
      if (!isFresh) return (await put(key, { ask, usedAtMs: nowMs })).answer;
      kept.usedAtMs = nowMs;
      return (await kept.asked).answer;
    },
  };
}

/** Asks, and keeps the answer once it is there. */
function keep<Answer>(
  entries: Map<string, Entry<Answer>>,
  key: string,
  { ask, usedAtMs, nowMs }: Pick<Entry<Answer>, 'ask' | 'usedAtMs'> & { readonly nowMs: number },
): Promise<CachedAnswer<Answer>> {
  const entry: Entry<Answer> = { asked: ask(), ask, atMs: nowMs, usedAtMs };
  if (entries.size >= maxEntries) entries.clear();
  entries.set(key, entry);
  entry.asked.then(
    (asked) => {
      entry.known = asked;
    },
    // Whoever asked hears of it; the next one asks again.
    () => {
      if (entries.get(key) === entry) entries.delete(key);
    },
  );
  return entry.asked;
}

function latelyUsed<Answer>(
  entries: readonly [string, Entry<Answer>][],
  nowMs: number,
): [string, Entry<Answer>][] {
  return entries
    .filter(([, { usedAtMs }]) => nowMs - usedAtMs < renewedWithinMs)
    .toSorted(([, a], [, b]) => b.usedAtMs - a.usedAtMs)
    .slice(0, maxRenewed);
}

/** Whoever calls while it runs waits for the same run. */
function shared(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** To be called at each use: from then on it looks by itself, for as long as answers are kept at most. */
function lookAhead(
  { nowMs, lookEveryMs }: AnswerCacheNeeds,
  look: () => Promise<void>,
): () => void {
  let usedAtMs = 0;
  let looking: NodeJS.Timeout | undefined;
  return () => {
    usedAtMs = nowMs();
    if (lookEveryMs === undefined || looking) return;
    looking = setInterval(() => {
      // Whoever asks next hears of what fails.
      if (nowMs() - usedAtMs < maxAgeMs) return void look().catch(() => undefined);
      clearInterval(looking);
      looking = undefined;
    }, lookEveryMs).unref();
  };
}

/** Whether the chain that ends in `to` holds `from`, and is not much longer. */
async function follows(
  client: Client,
  from: Head,
  to: Head & { readonly parentHash: Hash },
): Promise<boolean> {
  if (to.number <= from.number || to.number - from.number > maxBlocks) return false;
  if (to.number === from.number + 1n) return to.parentHash === from.hash;
  const { hash } = await getBlock(client, { blockNumber: from.number });
  return hash === from.hash;
}

type Known = NonNullable<Entry<unknown>['known']>;

function contractsOf({ contracts, cash }: Known): Address[] {
  return [...contracts, ...(cash ? [lowerCase(cash.token)] : [])];
}

function concerns(log: Log, { contracts, cash }: Known): boolean {
  const address = lowerCase(log.address);
  if (contracts.includes(address)) return true;
  if (!cash || address !== lowerCase(cash.token)) return false;
  // ERC-20's own events name two wallets; any other event of the cash token may concern everybody.
  if (log.topics.length !== 3) return true;
  const wallet = lowerCase(cash.wallet).slice(2);
  return log.topics.slice(1).some((topic) => topic.toLowerCase().endsWith(wallet));
}

function lowerCase(address: Address): Address {
  return address.toLowerCase() as Address;
}
