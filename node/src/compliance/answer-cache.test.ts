import { type Address, createClient, custom, numberToHex } from 'viem';
import { beforeEach, expect, it, vi } from 'vitest';
import { type AnswerCache, type CachedAnswer, createAnswerCache } from './answer-cache.ts';

const token: Address = '0x00000000000000000000000000000000000000aa';
const cash = {
  token: '0x00000000000000000000000000000000000000bb',
  wallet: '0x00000000000000000000000000000000000000cc',
} as const;

/** For as long as a busy machine takes. */
const WAIT = 10_000;

let block: number;
/** Blocks of one number in two forks have two hashes. */
let fork: number;
let logs: { address: Address; topics: string[] }[];
let nowMs: number;
let asked: number;
let requests: string[];
let beforeLogs: () => Promise<void>;
let createCache: (more?: {
  readonly lookEveryMs: number;
  readonly freshForMs?: number;
}) => AnswerCache<number>;
let cache: AnswerCache<number>;

const hashOf = (number: number) => numberToHex(1_000 * fork + number, { size: 32 });
const word = (address: Address) => `0x${address.slice(2).padStart(64, '0')}`;

// A chain of which each test says what it answers: the order of answers is what is tested here. The
// same cache meets a real chain, its events and its reorganizations in e2e.
beforeEach(() => {
  block = 1;
  fork = 0;
  logs = [];
  nowMs = 0;
  asked = 0;
  requests = [];
  beforeLogs = async () => undefined;
  const request = async ({ method, params }: { method: string; params: readonly string[] }) => {
    requests.push(method);
    if (method === 'eth_getLogs') {
      await beforeLogs();
      return logs.map((log) => ({ ...log, data: '0x', blockNumber: numberToHex(block) }));
    }
    const number = params[0] === 'latest' ? block : Number(params[0]);
    return {
      ...{ number: numberToHex(number), hash: hashOf(number), parentHash: hashOf(number - 1) },
      ...{ timestamp: '0x0', transactions: [] },
    };
  };
  const client = createClient({ transport: custom({ request }, { retryCount: 0 }) });
  createCache = (more) => createAnswerCache({ client, nowMs: () => nowMs, ...more });
  cache = createCache();
});

function answer(more: Partial<CachedAnswer<number>> = {}) {
  return async (): Promise<CachedAnswer<number>> => {
    asked += 1;
    return { answer: asked, contracts: [token], ...more };
  };
}

it('asks the chain nothing but the newest block for an answer it keeps', async () => {
  expect(await cache.get('a', answer())).toBe(1);
  expect(await cache.get('a', answer())).toBe(1);
  expect(requests).toEqual(['eth_getBlockByNumber', 'eth_getBlockByNumber']);
  // And not even that for a new question.
  expect(await cache.get('b', answer())).toBe(2);
  expect(requests).toHaveLength(2);
});

it('keeps an answer over blocks in which its contracts were silent', async () => {
  await cache.get('a', answer());
  block = 2;
  expect(await cache.get('a', answer())).toBe(1);
  logs = [{ address: token, topics: [] }];
  block = 3;
  expect(await cache.get('a', answer())).toBe(2);
});

it('searches new blocks by itself while it is used, and then no more', async () => {
  cache = createCache({ lookEveryMs: 2 });
  await cache.get('a', answer());
  logs = [{ address: token, topics: [] }];
  block = 2;
  // What the block changed is asked anew once it was searched.
  await vi.waitFor(() => expect(asked).toBe(2), WAIT);
  expect(requests).toContain('eth_getLogs');

  nowMs = 5_000;
  let before = -1;
  await vi.waitFor(() => {
    const quiet = before === requests.length;
    before = requests.length;
    expect(quiet).toBe(true);
  }, WAIT);
  // That answer is too old by now: the question is put at once.
  expect(await cache.get('a', answer())).toBe(3);
  expect(requests).toHaveLength(before + 1);
});

it('asks anew at once what a block changed and was used lately, and waits for no block then', async () => {
  cache = createCache({ lookEveryMs: 2, freshForMs: 50 });
  await cache.get('a', answer());
  await cache.get('long ago', answer());
  nowMs = 3_000;
  await cache.get('a', answer());
  logs = [{ address: token, topics: [] }];
  block = 2;
  await vi.waitFor(() => expect(asked).toBe(3), WAIT);
  // The search in which it was asked has come to its end when the next one has begun.
  const searched = requests.length;
  await vi.waitFor(() => expect(requests.length).toBeGreaterThan(searched), WAIT);
  const before = requests.length;
  expect(await cache.get('a', answer())).toBe(3);
  expect(requests).toHaveLength(before);
  expect(asked).toBe(3);
  expect(await cache.get('long ago', answer())).toBe(4);
});

it('heeds only events of the cash token that name the wallet, or that are not ERC-20’s', async () => {
  const other = word('0x00000000000000000000000000000000000000dd');
  await cache.get('a', answer({ cash }));
  logs = [{ address: cash.token, topics: [other, other, other] }];
  block = 2;
  expect(await cache.get('a', answer({ cash }))).toBe(1);
  logs = [{ address: cash.token, topics: [other, other, word(cash.wallet)] }];
  block = 3;
  expect(await cache.get('a', answer({ cash }))).toBe(2);
  logs = [{ address: cash.token, topics: [other] }];
  block = 4;
  expect(await cache.get('a', answer({ cash }))).toBe(3);
});

it('keeps no answer beyond its own end, and none for longer than five seconds', async () => {
  await cache.get('a', answer({ untilMs: 100 }));
  nowMs = 99;
  expect(await cache.get('a', answer({ untilMs: 100 }))).toBe(1);
  nowMs = 100;
  expect(await cache.get('a', answer())).toBe(2);
  nowMs = 5_099;
  expect(await cache.get('a', answer())).toBe(2);
  nowMs = 5_100;
  expect(await cache.get('a', answer())).toBe(3);
});

it('keeps no failure', async () => {
  const failing = async (): Promise<CachedAnswer<number>> => {
    throw new Error('no answer');
  };
  await expect(cache.get('a', failing)).rejects.toThrow('no answer');
  expect(await cache.get('a', answer())).toBe(1);
});

it('keeps no answer that came in while the events of a new block were searched', async () => {
  await cache.get('a', answer());
  block = 2;
  beforeLogs = async () => {
    // A new question does not wait for the search, which does not know its contracts.
    await cache.get('late', answer());
  };
  expect(await cache.get('a', answer())).toBe(1);
  beforeLogs = async () => undefined;
  expect(await cache.get('late', answer())).toBe(3);
});

it('forgets everything when a block does not follow from the last one', async () => {
  await cache.get('a', answer());
  block = 40;
  expect(await cache.get('a', answer())).toBe(2);
  block = 39;
  expect(await cache.get('a', answer())).toBe(3);
  [block, fork] = [40, 1];
  expect(await cache.get('a', answer())).toBe(4);
  [block, fork] = [45, 2];
  expect(await cache.get('a', answer())).toBe(5);
  block = 50;
  expect(await cache.get('a', answer())).toBe(5);
});
