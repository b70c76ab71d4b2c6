import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { isRefusal } from '@stoa/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { venueAdapterSuite } from './conformance/venue-adapter-suite.ts';
import { CLEARING, VenueBench, type VenueUnderTest } from './conformance/venue-bench.ts';
import { EmbeddedVenue } from './embedded/embedded-venue.ts';
import { TestClock } from './embedded/testing/test-clock.ts';
import { ImmediateVenue } from './external/immediate-venue.ts';
import type { Dialect } from './fix/dialect/dialect.ts';
import { readDialect } from './fix/dialect/shipped-dialects.ts';
import { SESSION_LIMITS, type SessionSettings } from './fix/session/session-settings.ts';
import { FixVenue, type FixVenueOptions } from './fix/venue/fix-venue.ts';
import type { VenueSessionOptions } from './fix/venue/venue-session.ts';
import { EmbeddedFixVenue } from './testing/embedded-fix-venue.ts';
import { TEST_CALENDAR as CALENDAR, HOUR_MS, NOON } from './testing/test-calendar.ts';
import { FRACTIONAL_INSTRUMENT as INSTRUMENT } from './testing/test-instrument.ts';
import type { VenueAdapter } from './venue-adapter.ts';

function shippedDialect(name: string): Dialect {
  const dialect = readDialect(name);
  if (isRefusal(dialect)) throw new Error(dialect.message);
  return dialect;
}

function settingsOf(version: Dialect['version'], ours: string): SessionSettings {
  return {
    role: 'initiator',
    beginString: version === 'FIX.5.0SP2' ? 'FIXT.1.1' : version,
    ...(version === 'FIX.5.0SP2' && { defaultApplVerId: '9' }),
    ...{ senderCompId: ours, targetCompId: 'VENUE', heartbeatSeconds: 30, resetOnLogon: false },
    ...{ maxClockSkewMs: 120_000, resendChunk: 0, maxResendAgeMs: 10_000, logonFields: [] },
  };
}

function peerOf(settings: SessionSettings): SessionSettings {
  const { senderCompId, targetCompId } = settings;
  return { ...settings, role: 'acceptor', senderCompId: targetCompId, targetCompId: senderCompId };
}

/** Where the venue has no immediate orders, they are made of those that it has. */
function withImmediate(options: FixVenueOptions): VenueAdapter {
  const venue = new FixVenue(options);
  const isNeeded = !venue.capabilities.timesInForce.includes('ioc');
  return isNeeded ? new ImmediateVenue(venue, { waitMs: 30 }) : venue;
}

async function fixVenueUnderTest(dialect: Dialect): Promise<VenueUnderTest> {
  const clock = new TestClock(NOON);
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'stoa-fix-venue-'));
  const engine = new EmbeddedVenue({
    ...{ venue: 'alpha', instruments: [INSTRUMENT], calendar: CALENDAR, ...clock },
    flowOwner: { member: 'alpha', account: CLEARING },
  });
  const orders = settingsOf(dialect.version, 'STOA');
  const dropCopy = settingsOf(dialect.dropCopyVersion ?? dialect.version, 'STOA-DC');
  // Where the venue has a version of its own for it, market data is a session of its own.
  const { marketDataVersion } = dialect;
  const market = marketDataVersion && settingsOf(marketDataVersion, 'STOA-MD');
  const peer = new EmbeddedFixVenue({
    ...{ instrument: INSTRUMENT, symbol: 'ACME', engine, nowMs: clock.nowMs },
    ...{ settings: peerOf(orders), dropCopySettings: peerOf(dropCopy) },
    ...(market && { marketSettings: peerOf(market) }),
    isFix42: dialect.version === 'FIX.4.2',
    dropCopyIdTag: dialect.dropCopy?.clientOrderIdTag ?? 11,
  });
  const port = await peer.listen();
  const session = (settings: SessionSettings): VenueSessionOptions => ({
    ...{ settings, limits: SESSION_LIMITS },
    connection: { hosts: [{ host: '127.0.0.1', port }], firstRetryMs: 20, lastRetryMs: 100 },
  });
  const { orders: terms } = dialect;
  const passTo = async (atMs: number): Promise<void> => {
    await peer.settle();
    clock.passTo(atMs);
  };
  return {
    instrument: INSTRUMENT,
    newAdapter: () =>
      withImmediate({
        ...{ venue: 'alpha', dialect, instruments: [INSTRUMENT], symbols: new Map(), folder },
        walletOf: () => CLEARING,
        ...{ orders: session(orders), dropCopy: session(dropCopy), durability: 'page-cache' },
        ...(market && { marketData: session(market) }),
        ...{ nowMs: clock.nowMs, maxRequestsPerSecond: 100_000, answerTimeoutMs: 5_000 },
        ...{ throttleRestMs: 20, startTimeoutMs: 5_000, onNotice: () => undefined },
      }),
    drive: {
      ...peer.driver(),
      endSession: () => passTo(NOON + 5 * HOUR_MS),
      startEntry: () => passTo(NOON + 20 * HOUR_MS),
      openSession: () => passTo(NOON + 21 * HOUR_MS),
      nowMs: clock.nowMs,
      passUntil: passTo,
      // Nobody can find out what such a venue never says.
      ...(!terms.status && { loseNextAnswer: undefined }),
      ...(dialect.marketData?.sequenceTag === undefined && { loseMarketData: undefined }),
    } as VenueUnderTest['drive'],
    teardown: async () => {
      await peer.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

for (const name of ['fix42', 'fix44', 'tzero']) {
  venueAdapterSuite(`a venue over FIX, dialect ${name},`, () =>
    fixVenueUnderTest(shippedDialect(name)),
  );
}

describe('an order that is asked for again long after it was sent', () => {
  it('is not sent again: what became of it is unknown, and asked', async () => {
    const venue = await fixVenueUnderTest(shippedDialect('fix44'));
    const bench = new VenueBench(venue);
    try {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await venue.drive.passUntil?.(NOON + 20_000);
      await venue.drive.askForResend?.();
      await bench.sink.until(
        (event) => event.kind === 'order-status' && event.status === 'unknown',
        'a unknown',
      );
      await bench.sink.until(
        (event) => event.kind === 'order-status' && event.status === 'new',
        'where a stands',
      );
      await bench.enter('hit', 'sell', 2, 100);
      await bench.expectTrades([['a', 'hit', 1, 100]]);
    } finally {
      await bench.end();
    }
  });
});

describe('an order that the node has and the venue never saw', () => {
  let bench: VenueBench;
  beforeEach(async () => {
    bench = new VenueBench(await fixVenueUnderTest(shippedDialect('fix44')));
  });
  afterEach(() => bench.end());

  it('is told to be unknown, and goes out when it is asked for again', async () => {
    await bench.start({ openOrders: [{ order: bench.order('a', 'buy', 1, 100), filled: 0 }] });
    expect(await bench.sink.told('a', 'order-status')).toMatchObject({ status: 'unknown-order' });
    await bench.enter('a', 'buy', 1, 100);
    await bench.enter('hit', 'sell', 1, 100);
    expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
    await bench.expectTrades([['a', 'hit', 1, 100]]);
  });
});
