import { setTimeout as sleep } from 'node:timers/promises';
import type { VenueMarketEvent } from '@stoa/adapters';
import {
  decodeFrame,
  type Entry,
  type Frame,
  type InstrumentId,
  isRefusal,
  MAX_FRAME_BYTES,
  payloadHash,
  type SignedBytes,
  verifierOf,
} from '@stoa/schema';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { memoryDirectory, testInstrument, testKey } from '../network/testing/memory-directory.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createPublisher, type Publisher } from './publisher.ts';

const instruments = Array.from({ length: 200 }, (_, index) => testInstrument(index + 1));
const first = testInstrument(1).id;
const second = testInstrument(2).id;
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function start(heartbeatMs = 60_000): {
  publisher: Publisher;
  signed: SignedBytes[];
  frames: () => Frame[];
} {
  const signed: SignedBytes[] = [];
  const publisher = createPublisher(
    {
      ...{ venue: 'alpha', nodeKey: testKey('alpha'), epoch: 1_000, firm: true },
      ...{ heartbeatMs, staleAfterMs: 3_000 },
    },
    {
      directory: memoryDirectory(['alpha'], [], instruments),
      ...{ logger: createLogger('test', 'silent'), registry: new Registry(), now: () => 5_000 },
      broadcast: (one) => signed.push(one),
    },
  );
  publisher.start();
  stops.push(() => publisher.stop());
  return { publisher, signed, frames: () => signed.map(decoded) };
}

function decoded({ payload }: SignedBytes): Frame {
  const frame = decodeFrame(payload);
  if (isRefusal(frame)) throw new Error(frame.message);
  return frame.frame;
}

function book(instrument: InstrumentId, bid: number): VenueMarketEvent {
  return { kind: 'book', instrument, bids: [{ price: bid, quantity: 1 }], offers: [] };
}

function print(executionId: string): VenueMarketEvent {
  const trade = { instrument: first, executionId, price: 7, quantity: 1, executedAtMs: 4_000 };
  return { kind: 'print', ...trade };
}

function said(frames: readonly Frame[]): string[] {
  const word = (entry: Entry): string => {
    if (entry.kind === 'book')
      return `${entry.instrument.slice(-1)}@${entry.bids[0]?.price ?? '-'}`;
    return entry.kind === 'trade' ? entry.executionId : entry.state;
  };
  return frames.flatMap((frame) => frame.entries.map(word));
}

describe('the publisher', () => {
  it('says at once that it is there, signed, numbered and chained', async () => {
    const { publisher, signed, frames } = start();
    publisher.deliver([book(first, 100)]);
    await sleep(10);
    const verify = verifierOf(testKey('alpha').publicKey);
    expect(signed.every(({ payload, signature }) => verify('frame', payload, signature))).toBe(
      true,
    );
    expect(frames().map(({ epoch, sequence }) => [epoch, sequence])).toEqual([
      [1_000, 1],
      [1_000, 2],
    ]);
    const hash = payloadHash(signed[0]?.payload ?? new Uint8Array());
    expect(Buffer.compare(frames()[1]?.previousHash ?? hash.subarray(1), hash)).toBe(0);
    expect(frames()[1]?.entries[0]).toMatchObject({
      kind: 'book',
      firm: true,
      validUntilMs: 11_000,
    });
  });

  it('sends the latest book and every trade of a busy moment in one frame', async () => {
    const { publisher, frames } = start();
    publisher.deliver([book(first, 1), print('t1'), book(first, 2), book(second, 3)]);
    publisher.deliver([print('t2'), book(first, 4)]);
    await sleep(10);
    expect(frames().length).toBe(2);
    expect(said(frames())).toEqual(['t1', 't2', '1@4', '2@3']);
    publisher.deliver([print('t3')]);
    await sleep(10);
    expect(said(frames().slice(2))).toEqual(['t3']);
  });

  it('takes back a print that was busted, and says a corrected one as it should have been', async () => {
    const { publisher, frames } = start();
    const trade = { instrument: first, executionId: 't1' };
    publisher.deliver([print('t1'), { kind: 'busted', ...trade, reason: 'An error.' }]);
    const terms = { ...trade, executionId: 't2', price: 8, quantity: 2, executedAtMs: 4_000 };
    const sides = { buyer: '0x01', seller: '0x02', homeVenue: 'alpha' } as const;
    const execution = { venue: 'alpha', tradeNumber: 2, ...terms, ...sides };
    publisher.deliver([{ kind: 'corrected', execution }]);
    await sleep(10);
    const entries = frames().flatMap((frame) => frame.entries);
    expect(entries).toMatchObject([
      { action: 'print', executionId: 't1' },
      { action: 'bust', executionId: 't1' },
      { action: 'correct', ...terms },
    ]);
    // Who traded is nobody's but the venue's.
    expect(JSON.stringify(entries)).not.toMatch(/buyer|seller|tradeNumber/);
  });

  it('never conflates status changes, and repeats a halt with each book of the instrument', async () => {
    const { publisher, frames } = start();
    const status = (state: 'halted' | 'trading'): VenueMarketEvent => ({
      ...{ kind: 'trading-status', instrument: first, state, reason: 'ä'.repeat(500) },
    });
    publisher.deliver([status('halted'), status('trading'), status('halted')]);
    await sleep(10);
    publisher.deliver([book(first, 5)]);
    await sleep(10);
    expect(said(frames())).toEqual(['halted', 'trading', 'halted', 'halted', '1@5']);
  });

  it('says its whole state again with every heartbeat', async () => {
    const { publisher, frames } = start(20);
    publisher.deliver([book(first, 5), book(second, 6)]);
    await sleep(70);
    publisher.stop();
    const all = said(frames());
    expect(all.length).toBeGreaterThanOrEqual(4);
    expect(all.slice(-2)).toEqual(['1@5', '2@6']);
  });

  it('repeats the end of a halt with every heartbeat, and nothing of who was never halted', async () => {
    const { publisher, frames } = start(20);
    const status = (instrument: InstrumentId, state: 'halted' | 'trading'): VenueMarketEvent => ({
      ...{ kind: 'trading-status', instrument, state, reason: 'said' },
    });
    publisher.deliver([status(second, 'trading'), status(first, 'halted')]);
    publisher.deliver([status(first, 'trading')]);
    await sleep(70);
    publisher.stop();
    const named = frames().flatMap(({ entries }) => entries.map(({ instrument }) => instrument));
    expect(said(frames()).slice(-1)).toEqual(['trading']);
    expect(named.filter((instrument) => instrument === first).length).toBeGreaterThan(2);
    expect(named.filter((instrument) => instrument === second).length).toBe(1);
  });

  it('does not repeat at a heartbeat what it said a moment ago', async () => {
    const heartbeatMs = 120;
    const { publisher, signed, frames } = start(heartbeatMs);
    const saidAtMs: number[] = [];
    publisher.deliver([book(first, 5)]);
    for (let price = 10; price < 40; price += 1) {
      publisher.deliver([book(second, price)]);
      await sleep(15);
      while (saidAtMs.length < signed.length) saidAtMs.push(performance.now());
    }
    const last = new Map<string, number>();
    for (const [at, frame] of frames().entries()) {
      for (const word of said([frame])) {
        const gapMs = (saidAtMs[at] ?? 0) - (last.get(word) ?? Number.NEGATIVE_INFINITY);
        expect(gapMs, word).toBeGreaterThan(heartbeatMs / 4);
        last.set(word, saidAtMs[at] ?? 0);
      }
    }
    expect(said(frames()).filter((word) => word === '1@5').length).toBeGreaterThan(2);
  });

  it('cuts a large state into frames of bounded size, none of it lost', async () => {
    const { publisher, signed, frames } = start();
    const bids = Array.from({ length: 10 }, (_, n) => ({
      price: 1_000_000_000 - n,
      quantity: 9e9,
    }));
    const offers = bids
      .map(({ price }) => price + 1e9)
      .map((price) => ({ price, quantity: 9e9 }))
      .reverse();
    publisher.deliver(
      instruments.map(({ id }) => ({ kind: 'book', instrument: id, bids, offers })),
    );
    await sleep(20);
    expect(frames().flatMap((frame) => frame.entries).length).toBe(instruments.length);
    expect(Math.max(...signed.map(({ payload }) => payload.length))).toBeLessThan(
      MAX_FRAME_BYTES / 2,
    );
  });

  it('withdraws its books while the venue cannot be reached', async () => {
    const { publisher, frames } = start();
    publisher.deliver([book(first, 5)]);
    await sleep(10);
    publisher.deliver([{ kind: 'link', state: 'connecting' }]);
    await sleep(10);
    expect(said(frames())).toEqual(['1@5', '1@-']);
  });

  it('publishes nothing that peers would refuse', async () => {
    const { publisher, frames } = start();
    publisher.deliver([book(testInstrument(999).id, 5), book(first, -1), book(second, 6)]);
    await sleep(10);
    expect(said(frames())).toEqual(['1@-', '2@6']);
  });
});
