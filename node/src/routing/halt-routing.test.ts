import { type Entry, type StatusEntry, verifierOf } from '@stoa/schema';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createMarket } from '../market/market.ts';
import { bookEntry, frameChain, TEST_NOW_MS } from '../market/testing/frame-maker.ts';
import { memoryDirectory, testInstrument } from '../network/testing/memory-directory.ts';
import { createLogger } from '../telemetry/logger.ts';
import { route } from './router.ts';

const instrument = testInstrument(1);
const { id } = instrument;

function startMarket() {
  const clock = { nowMs: TEST_NOW_MS };
  const directory = memoryDirectory(['alpha', 'beta'], [], [instrument]);
  const market = createMarket(
    { staleAfterMs: 3_000, maxClockSkewMs: 2_000 },
    {
      ...{ directory, logger: createLogger('test', 'silent'), registry: new Registry() },
      ...{
        now: () => clock.nowMs,
        verifier: verifierOf,
        ownKey: '',
        peers: () => [],
        pull: async () => [],
      },
    },
  );
  const venues = { alpha: frameChain('alpha'), beta: frameChain('beta') };
  /** One message of a venue. */
  const say = (venue: 'alpha' | 'beta', ...entries: Entry[]) =>
    market.receive(venues[venue](entries, clock.nowMs), 'pushed', venue);
  const free = { takerPpm: 0, minimum: 0n, cap: undefined, fixed: 0n };
  const terms = new Map(['alpha', 'beta'].map((each) => [each, { cost: free, minimumLots: 1 }]));
  const routed = () =>
    route({
      order: { side: 'buy', timeInForce: 'ioc', quantity: 4, limitPrice: 20 },
      venues: terms,
      book: market.book(id),
      ...{ tickSize: 1, lotSize: 1, home: 'beta', nowMs: clock.nowMs, exclusions: new Map() },
    });
  return { market, directory, say, routed, clock };
}

const offer = (price: number): Entry => bookEntry(id, [], [[price, 4]]);
const status = (state: StatusEntry['state']): StatusEntry => ({
  ...{ kind: 'status', instrument: id, state, authority: 'regulator', reason: 'news pending' },
});

describe('a venue that halts', () => {
  it('is routed to no more from the one message on that says so, and again from the one that ends it', () => {
    const { say, routed } = startMarket();
    say('alpha', offer(10));
    say('beta', offer(11));
    expect(routed().legs.map(({ venue }) => venue)).toEqual(['alpha']);
    say('alpha', status('halted'));
    expect(routed()).toMatchObject({
      legs: [{ venue: 'beta' }],
      exclusions: [{ venue: 'alpha', reason: 'halted' }],
    });
    // A book that comes with or after it does not lift it.
    say('alpha', offer(9));
    expect(routed().legs.map(({ venue }) => venue)).toEqual(['beta']);
    say('alpha', status('trading'));
    expect(routed().legs).toMatchObject([{ venue: 'alpha', limitPrice: 9 }]);
  });

  it('is out as soon as the registry says so, with no message of the venue', () => {
    const { say, routed, directory } = startMarket();
    say('alpha', offer(10));
    directory.setListing('alpha', id, 'halted');
    expect(routed().legs).toEqual([]);
  });

  it('says since when its quotes are in the state they are in', () => {
    const { say, market, clock, routed } = startMarket();
    const shown = () => market.book(id).venues[0];
    expect(shown()).toMatchObject({ state: 'silent', sinceMs: TEST_NOW_MS });
    clock.nowMs += 10;
    say('alpha', offer(10));
    clock.nowMs += 10;
    say('alpha', offer(11));
    expect(shown()).toMatchObject({ state: 'live', sinceMs: TEST_NOW_MS + 10 });
    clock.nowMs += 10;
    // A broken rule withdraws this depth alone: the venue's feed is whole.
    say('alpha', bookEntry(id, [], [[0, 4]]));
    expect(shown()).toMatchObject({ state: 'degraded', sinceMs: TEST_NOW_MS + 30 });
    expect(market.feeds()[0]).toMatchObject({ state: 'live', sinceMs: TEST_NOW_MS + 10 });
    expect(routed().exclusions).toMatchObject([{ reason: 'degraded' }, { reason: 'silent' }]);
    clock.nowMs += 10;
    say('alpha', offer(12));
    expect(shown()).toMatchObject({ state: 'live', sinceMs: TEST_NOW_MS + 40 });
  });
});
