import { type StatusEntry, verifierOf } from '@stoa/schema';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { memoryDirectory, testInstrument } from '../network/testing/memory-directory.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createMarket, type Market } from './market.ts';
import { bookEntry, frameChain, TEST_NOW_MS } from './testing/frame-maker.ts';

const [first, second] = [testInstrument(1), testInstrument(2)];
const one = bookEntry(first.id, [[99, 5]], []);
const other = bookEntry(second.id, [[50, 5]], []);
const halt: StatusEntry = {
  kind: 'status',
  instrument: first.id,
  state: 'halted',
  authority: 'venue',
  reason: '',
};

let market: Market;
afterEach(() => market.stop());

/** A market without peers; frames come by {@link Market.receive}. */
function start(): void {
  market = createMarket(
    { staleAfterMs: 3_000, maxClockSkewMs: 2_000 },
    {
      directory: memoryDirectory(['alpha', 'beta'], [], [first, second]),
      ...{ logger: createLogger('test', 'silent'), registry: new Registry(), ownKey: '' },
      ...{ now: () => TEST_NOW_MS, verifier: verifierOf, peers: () => [], pull: async () => [] },
    },
  );
}

function receive(bytes: Uint8Array): Uint8Array {
  expect(market.receive(bytes, 'pushed', 'alpha').verdict).toBe('accept');
  return bytes;
}

/** The bytes behind what alpha shows of the first instrument. */
function behind(): (Uint8Array | undefined)[] {
  const [alpha] = market.evidence(first.id);
  return [alpha?.book?.bytes, alpha?.status?.bytes, alpha?.latest?.bytes];
}

describe('the frames behind a book', () => {
  it('are those that carried the depth and the state in force, and the latest of the venue', () => {
    start();
    const say = frameChain('alpha');
    expect(market.evidence(first.id).map(({ venue }) => venue)).toEqual(['alpha', 'beta']);
    expect(behind()).toEqual([undefined, undefined, undefined]);
    const book = receive(say([one]));
    expect(behind()).toEqual([book, undefined, book]);
    const halted = receive(say([halt]));
    const unrelated = receive(say([other]));
    expect(behind()).toEqual([book, halted, unrelated]);
    const newer = receive(say([{ ...one, bids: [] }]));
    expect(behind()).toEqual([newer, halted, newer]);
    expect(market.evidence('none')).toEqual([]);
  });

  it('go with the depth when it is withdrawn, and with all the venue said when its node restarts', () => {
    start();
    const say = frameChain('alpha', TEST_NOW_MS - 60_000);
    receive(say([one]));
    const wrong = say([bookEntry(first.id, [[0, 5]], [])]);
    expect(market.receive(wrong, 'pushed', 'alpha')).toMatchObject({ code: 'LEVEL_NOT_POSITIVE' });
    expect(behind()).toEqual([undefined, undefined, wrong]);
    const again = frameChain('alpha', TEST_NOW_MS - 1_000);
    receive(say([halt]));
    const restarted = receive(again([]));
    expect(behind()).toEqual([undefined, undefined, restarted]);
  });

  it('are kept without the entries that the books have', () => {
    start();
    receive(frameChain('alpha')([one]));
    const [alpha] = market.evidence(first.id);
    expect(alpha?.book?.frame.entries).toEqual([]);
    const held = market.held('alpha', TEST_NOW_MS - 60_000, 1);
    expect(alpha?.book && Buffer.compare(alpha.book.bytes, held?.bytes ?? alpha.book.hash)).toBe(0);
    expect(alpha?.book && Buffer.compare(alpha.book.hash, held?.hash ?? alpha.book.bytes)).toBe(0);
  });
});
