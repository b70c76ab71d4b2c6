import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodeFrame,
  decodeSigned,
  type Entry,
  type FramesRequest,
  isRefusal,
  verifierOf,
} from '@stoa/schema';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { memoryDirectory, testInstrument } from '../network/testing/memory-directory.ts';
import { createLogger } from '../telemetry/logger.ts';
import { until } from '../testing/until.ts';
import type { FrameArchive } from './frame-archive.ts';
import { createMarket, type Market } from './market.ts';
import { bookEntry, frameChain, TEST_NOW_MS } from './testing/frame-maker.ts';
import { createMemoryArchive } from './testing/memory-archive.ts';

const instruments = [testInstrument(1), testInstrument(2)];
const [first, second] = instruments.map(({ id }) => id) as [string, string];
/** As many frames as one answer on /stoa/frames/1 holds. */
const ANSWER_FRAMES = 512;

const markets: Market[] = [];
afterEach(() => {
  for (const market of markets.splice(0)) market.stop();
});

/** What the venue sent, and a peer that has all of it: it answers as the protocol does, in part. */
class Venue {
  readonly sent: { epoch: number; sequence: number; bytes: Uint8Array }[] = [];
  readonly asked: FramesRequest[] = [];
  #write = frameChain('alpha');

  /** The venue's node starts again. */
  restart(epoch: number): void {
    this.#write = frameChain('alpha', epoch);
  }

  send(entries: readonly Entry[]): Uint8Array {
    const bytes = this.#write(entries);
    const signed = decodeSigned(bytes, bytes.length);
    const decoded = isRefusal(signed) ? signed : decodeFrame(signed.payload);
    if (isRefusal(decoded)) throw new Error(decoded.message);
    const { epoch, sequence } = decoded.frame;
    this.sent.push({ epoch, sequence, bytes });
    return bytes;
  }

  readonly pull = async (_member: string, request: FramesRequest): Promise<Uint8Array[]> => {
    this.asked.push(request);
    const later = this.sent.map(({ epoch }) => epoch).filter((epoch) => epoch > request.epoch);
    const asked = request.following ? Math.min(...later) : request.epoch;
    return this.sent
      .filter(({ epoch }) => epoch === asked)
      .filter(({ sequence }) => sequence >= request.from && sequence <= request.to)
      .slice(0, ANSWER_FRAMES)
      .map(({ bytes }) => bytes);
  };
}

function startNode(venue: Venue, archive?: FrameArchive): Market {
  const market = createMarket(
    { staleAfterMs: 3_000, maxClockSkewMs: 2_000 },
    {
      directory: memoryDirectory(['alpha'], ['watcher'], instruments),
      ...{ logger: createLogger('test', 'silent'), registry: new Registry() },
      ...{ now: () => TEST_NOW_MS, verifier: verifierOf, ownKey: '', peers: () => ['watcher'] },
      ...{ pull: venue.pull, archive },
    },
  );
  market.start();
  markets.push(market);
  return market;
}

const print = (number: number): Entry => ({
  ...{ kind: 'trade', action: 'print', instrument: first, executionId: `t${number}` },
  ...{ price: number, quantity: 1, executedAtMs: TEST_NOW_MS },
});
const halt: Entry = {
  ...{ kind: 'status', instrument: second, state: 'halted' },
  ...{ authority: 'regulator', reason: 'ordered' },
};

const sumTo = (number: number) => (BigInt(number) * BigInt(number + 1)) / 2n;

describe('a node that was cut off', () => {
  it('has every trade and halt of that time, from many answers, though the book moved on', async () => {
    const venue = new Venue();
    const market = startNode(venue);
    let trades = 0;
    const busy = (step: number): Entry[] => {
      trades += 1;
      return [
        print(trades),
        bookEntry(first, [[1 + step, 1]], []),
        bookEntry(second, [], [[9, 1]]),
      ];
    };
    for (let step = 0; step < 10; step += 1) {
      market.receive(venue.send(busy(step)), 'pushed', 'alpha');
    }
    // The cut: more frames than three answers hold, one of them a halt that nothing repeats.
    for (let step = 10; step < 1_810; step += 1) {
      venue.send(step === 900 ? [...busy(step), halt] : busy(step));
    }
    const last = venue.send([bookEntry(first, [[5_000, 1]], [])]);
    market.receive(last, 'pushed', 'alpha');
    expect(market.feeds()[0]?.state).toBe('degraded');

    await until(() => market.feeds()[0]?.state === 'live');
    expect(market.statistics(first).consolidated).toMatchObject({
      ...{ trades, volume: BigInt(trades), notional: sumTo(trades), high: trades, low: 1 },
    });
    expect(market.book(second).venues[0]).toMatchObject({ halted: true, haltReason: 'ordered' });
    expect(market.book(first).bids[0]?.price).toBe(5_000);
    expect(venue.asked.length).toBeGreaterThanOrEqual(4);
  });

  it('has the trades that a venue printed before it started again, and nothing else of then', async () => {
    const venue = new Venue();
    const market = startNode(venue);
    market.receive(venue.send([print(1)]), 'pushed', 'alpha');
    for (let number = 2; number <= 700; number += 1) {
      venue.send([print(number), { ...halt, instrument: first } as Entry]);
    }
    venue.restart(TEST_NOW_MS - 1_000);
    market.receive(venue.send([bookEntry(first, [[7, 1]], []), print(701)]), 'pushed', 'alpha');
    expect(market.feeds()[0]?.state).toBe('live');
    await until(() => market.statistics(first).consolidated.trades === 701);
    expect(market.statistics(first).consolidated.notional).toBe(sumTo(701));
    expect(market.book(first).venues[0]).toMatchObject({ state: 'live', halted: false });
    expect(market.book(first).bids[0]?.price).toBe(7);
    // What is served to others is the running epoch, still.
    expect(market.heads()).toMatchObject([{ epoch: TEST_NOW_MS - 1_000, sequence: 1 }]);
    await sleep(100);
    const before = venue.asked.length;
    await sleep(300);
    expect(venue.asked.length).toBe(before);
  });

  it('has the trades of epochs that it never heard of', async () => {
    const venue = new Venue();
    const market = startNode(venue);
    market.receive(venue.send([print(1)]), 'pushed', 'alpha');
    venue.send([print(2)]);
    for (const [epoch, first] of [
      [3_000, 3],
      [2_000, 603],
    ] as const) {
      venue.restart(TEST_NOW_MS - epoch);
      for (let number = first; number < first + 600; number += 1) venue.send([print(number)]);
    }
    venue.restart(TEST_NOW_MS - 1_000);
    market.receive(venue.send([print(1_203)]), 'pushed', 'alpha');
    await until(() => market.statistics(first).consolidated.trades === 1_203);
    expect(market.statistics(first).consolidated.notional).toBe(sumTo(1_203));
    await sleep(100);
    const before = venue.asked.length;
    await sleep(300);
    expect(venue.asked.length).toBe(before);
  });
});

describe('a node that was stopped', () => {
  it.each([
    ['goes on in an epoch where it stood', false],
    ['and one whose venue started again meanwhile, too', true],
  ])('%s', async (_name, isRestarted) => {
    const venue = new Venue();
    const archive = createMemoryArchive();
    archive.add([venue.send([print(1)]), venue.send([print(2)])]);
    for (let number = 3; number <= 1_000; number += 1) venue.send([print(number)]);
    if (isRestarted) venue.restart(TEST_NOW_MS - 1_000);
    const market = startNode(venue, archive);
    market.receive(venue.send([print(1_001)]), 'pushed', 'alpha');
    await until(() => market.statistics(first).consolidated.trades === 1_001);
    expect(market.statistics(first).consolidated.notional).toBe(sumTo(1_001));
  });
});
