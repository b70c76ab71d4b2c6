import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodeFrame,
  decodeSigned,
  type FramesRequest,
  type Head,
  isRefusal,
  payloadHash,
  verifierOf,
} from '@stoa/schema';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  memoryDirectory,
  testInstrument,
  testMember,
} from '../network/testing/memory-directory.ts';
import { createLogger } from '../telemetry/logger.ts';
import { until } from '../testing/until.ts';
import { createMarket, type Market } from './market.ts';
import type { ConsolidatedBook } from './market-view.ts';
import { bookEntry, frameChain, signedFrame, TEST_NOW_MS } from './testing/frame-maker.ts';

const { id } = testInstrument(1);
const markets: Market[] = [];
afterEach(() => {
  for (const market of markets.splice(0)) market.stop();
});

/** A market on a clock of the test's own, whose one peer answers with what `peer` gives. */
function start(peer: (request: FramesRequest) => Promise<Uint8Array[]> = async () => []) {
  const clock = { nowMs: TEST_NOW_MS };
  const asked: FramesRequest[] = [];
  const directory = memoryDirectory(['alpha', 'beta'], ['watcher'], [testInstrument(1)]);
  const market = createMarket(
    { staleAfterMs: 3_000, maxClockSkewMs: 2_000 },
    {
      ...{ directory, logger: createLogger('test', 'silent'), registry: new Registry() },
      ...{ now: () => clock.nowMs, verifier: verifierOf, ownKey: '', peers: () => ['watcher'] },
      pull: async (_member, request) => {
        asked.push(request);
        return peer(request);
      },
    },
  );
  market.start();
  markets.push(market);
  return { market, clock, asked, directory };
}

function stateOf(market: Market, venue = 'alpha'): string | undefined {
  return market.feeds().find((feed) => feed.venue === venue)?.state;
}

function headOf(bytes: Uint8Array): Head {
  const signed = decodeSigned(bytes, 65_536);
  if (isRefusal(signed)) throw new Error(signed.message);
  const decoded = decodeFrame(signed.payload);
  if (isRefusal(decoded)) throw new Error(decoded.message);
  const { venue, epoch, sequence } = decoded.frame;
  return { venue, epoch, sequence, hash: payloadHash(signed.payload) };
}

const levels = (price: number) => bookEntry(id, [[price, 1]], []);

describe('a gap', () => {
  it('degrades the venue at once, is pulled, and leaves the venue live', async () => {
    const write = frameChain('alpha');
    const frames = [write([levels(1)]), write([levels(2)]), write([levels(3)]), write([levels(4)])];
    const { market, asked } = start(async ({ from, to }) => frames.slice(from - 1, to));
    market.receive(frames[0] as Uint8Array, 'pushed', 'alpha');
    expect(stateOf(market)).toBe('live');
    market.receive(frames[3] as Uint8Array, 'pushed', 'alpha');
    expect(stateOf(market)).toBe('degraded');
    expect(market.book(id).bids).toEqual([]);
    await until(() => stateOf(market) === 'live');
    expect(asked).toEqual([expect.objectContaining({ from: 2, to: 3 })]);
    expect(market.book(id).bids[0]?.price).toBe(4);
  });

  it('that nobody can fill costs what it may have changed, and no more', async () => {
    const write = frameChain('alpha');
    const frames = [write([levels(1)]), write([levels(2)]), write([])];
    const { market } = start();
    market.receive(frames[0] as Uint8Array, 'pushed', 'alpha');
    market.receive(frames[2] as Uint8Array, 'pushed', 'alpha');
    await until(() => stateOf(market) === 'live');
    expect(market.feeds()[0]?.lostFrames).toBe(1);
    expect(market.gaps()).toMatchObject([{ venue: 'alpha', from: 2, to: 2, lost: 1, cut: false }]);
    // The feed is whole again; what it shows of this instrument is not known until it says so.
    expect(market.book(id).venues[0]).toMatchObject({ state: 'degraded', bids: [] });
    market.receive(write([levels(5)]), 'pushed', 'alpha');
    expect(market.book(id).bids[0]?.price).toBe(5);
  });

  it('is seen from the heads of others, when nothing was pushed', async () => {
    const write = frameChain('alpha');
    const frames = [write([levels(1)]), write([levels(2)])];
    const { market } = start(async ({ from, to }) => frames.slice(from - 1, to));
    market.hear('watcher', [headOf(frames[1] as Uint8Array)]);
    await until(() => market.book(id).bids[0]?.price === 2);
    expect(stateOf(market)).toBe('live');
  });

  it('that somebody only invents takes no venue out', async () => {
    const { market, clock } = start();
    const first = frameChain('alpha')([levels(1)]);
    market.receive(first, 'pushed', 'alpha');
    market.hear('watcher', [{ ...headOf(first), sequence: 1_000_000 }]);
    clock.nowMs += 300;
    await sleep(250);
    expect(stateOf(market)).toBe('live');
    // The venue itself is no hearsay.
    market.hear('alpha', [{ ...headOf(first), sequence: 2 }]);
    clock.nowMs += 300;
    await until(() => stateOf(market) === 'degraded');
  });
});

describe('a venue that is met in the middle', () => {
  it('counts at once, and is asked once for what it said before', async () => {
    const write = frameChain('alpha');
    const trade = { kind: 'trade', action: 'print', instrument: id, executionId: 't1' } as const;
    const frames = [
      write([{ ...trade, price: 9, quantity: 1, executedAtMs: TEST_NOW_MS }]),
      write([levels(8)]),
      write([]),
    ];
    const { market, asked } = start(async ({ from, to }) => frames.slice(from - 1, to));
    market.receive(frames[2] as Uint8Array, 'pushed', 'alpha');
    expect(stateOf(market)).toBe('live');
    await until(() => market.lastTrade(id)?.price === 9 && market.book(id).bids[0]?.price === 8);
    await sleep(250);
    expect(asked).toEqual([expect.objectContaining({ from: 1, to: 2 })]);
  });

  it('stays live when nobody has it, and nobody is asked again', async () => {
    const write = frameChain('alpha');
    write([]);
    const { market, asked } = start();
    market.receive(write([levels(8)]), 'pushed', 'alpha');
    await sleep(350);
    expect(asked.length).toBe(1);
    expect(stateOf(market)).toBe('live');
  });
});

describe('time', () => {
  it('makes a silent venue stale, and its next frame live again', async () => {
    const { market, clock } = start();
    const write = frameChain('alpha');
    expect(stateOf(market)).toBe('silent');
    market.receive(write([levels(1)]), 'pushed', 'alpha');
    clock.nowMs += 3_000;
    await sleep(250);
    expect(stateOf(market)).toBe('live');
    clock.nowMs += 1;
    await until(() => stateOf(market) === 'stale');
    expect(market.book(id).bids).toEqual([]);
    market.receive(write([], clock.nowMs), 'pushed', 'alpha');
    expect(stateOf(market)).toBe('live');
    expect(market.book(id).bids[0]?.price).toBe(1);
  });

  it('does not let old frames pass for life', () => {
    const { market } = start();
    market.receive(frameChain('alpha')([levels(1)], TEST_NOW_MS - 60_000), 'pulled', 'watcher');
    expect(stateOf(market)).toBe('silent');
  });
});

describe('a venue', () => {
  it('that breaks a business rule withdraws what it named, and opens no gap', () => {
    const { market } = start();
    const write = frameChain('alpha');
    market.receive(write([levels(1)]), 'pushed', 'alpha');
    market.receive(
      write([
        bookEntry(
          id,
          [
            [1, 1],
            [2, 1],
          ],
          [],
        ),
      ]),
      'pushed',
      'alpha',
    );
    expect(stateOf(market)).toBe('live');
    expect(market.book(id).venues[0]).toMatchObject({ state: 'degraded', bids: [] });
    market.receive(write([levels(3)]), 'pushed', 'alpha');
    expect(market.book(id).bids[0]?.price).toBe(3);
  });

  it('that signs two frames of one number leaves a proof of it', () => {
    const { market } = start();
    const [one, two] = [1, 2].map((price) =>
      signedFrame({ venue: 'alpha', entries: [levels(price)] }),
    );
    market.receive(one as Uint8Array, 'pushed', 'alpha');
    market.receive(two as Uint8Array, 'pushed', 'watcher');
    expect(market.proofs()).toMatchObject([
      { code: 'EQUIVOCATION', venue: 'alpha', frames: [one, two] },
    ]);
    expect(market.book(id).bids[0]?.price).toBe(1);
  });

  it('that starts again is heard from its first frame, and what it said before is void', () => {
    const { market } = start();
    const before = frameChain('alpha', TEST_NOW_MS - 9_000);
    const halt = { kind: 'status', instrument: id, authority: 'venue', reason: 'x' } as const;
    for (let price = 1; price <= 5; price += 1) {
      market.receive(before([levels(price), { ...halt, state: 'halted' }]), 'pushed', 'alpha');
    }
    const after = frameChain('alpha', TEST_NOW_MS - 1_000);
    market.receive(after([]), 'pushed', 'alpha');
    expect(market.book(id).venues[0]).toMatchObject({ state: 'live', halted: false, bids: [] });
    market.receive(after([levels(7)]), 'pushed', 'alpha');
    expect(market.book(id).bids[0]?.price).toBe(7);
  });

  it('that is suspended leaves the market at once', () => {
    const { market, directory } = start();
    market.receive(frameChain('alpha')([levels(1)]), 'pushed', 'alpha');
    directory.setMember({ ...testMember('alpha', 'venue'), status: 'suspended' });
    expect(market.book(id).venues.map(({ venue }) => venue)).toEqual(['beta']);
    expect(market.heads()).toEqual([]);
  });
});

describe('trades', () => {
  const trade = (
    executionId: string,
    action: 'print' | 'correct' | 'bust',
    price: number,
    at: number,
  ) => ({
    ...({ kind: 'trade', action, instrument: id, executionId } as const),
    ...{ price, quantity: 1, executedAtMs: TEST_NOW_MS - 10 + at },
  });

  it('give the last one that stands, corrected, without those that were busted', () => {
    const { market } = start();
    const write = frameChain('alpha');
    market.receive(
      write([trade('t1', 'print', 5, 1), trade('t2', 'print', 6, 2)]),
      'pushed',
      'alpha',
    );
    expect(market.lastTrade(id)).toMatchObject({ executionId: 't2', price: 6 });
    market.receive(
      write([trade('t2', 'bust', 0, 2), trade('t1', 'correct', 4, 1)]),
      'pushed',
      'alpha',
    );
    expect(market.lastTrade(id)).toMatchObject({ venue: 'alpha', executionId: 't1', price: 4 });
  });
});

describe('watching a book', () => {
  it('gives the book now and the latest after changes, and ends with the signal', async () => {
    const { market } = start();
    const write = frameChain('alpha');
    const ended = new AbortController();
    const seen: (number | undefined)[] = [];
    const versions: number[] = [];
    const reading = (async () => {
      for await (const book of market.watch(id, ended.signal)) {
        seen.push((book satisfies ConsolidatedBook).bids[0]?.price);
        versions.push(book.version);
        await sleep(20);
      }
    })();
    await sleep(5);
    for (const price of [1, 2, 3]) market.receive(write([levels(price)]), 'pushed', 'alpha');
    await until(() => seen.length === 2);
    // Long enough for the reader to be waiting for the next change.
    await sleep(60);
    ended.abort();
    await reading;
    expect(seen).toEqual([undefined, 3]);
    expect((versions[1] ?? 0) - (versions[0] ?? 0)).toBeGreaterThan(1);
  });
});
