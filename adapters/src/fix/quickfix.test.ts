import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { isRefusal } from '@stoa/schema';
import { describe, it } from 'vitest';
import { venueAdapterSuite } from '../conformance/venue-adapter-suite.ts';
import { CLEARING, type VenueUnderTest } from '../conformance/venue-bench.ts';
import { FRACTIONAL_INSTRUMENT as INSTRUMENT } from '../testing/test-instrument.ts';
import type { Dialect } from './dialect/dialect.ts';
import { readDialect } from './dialect/shipped-dialects.ts';
import { SESSION_LIMITS } from './session/session-settings.ts';
import { whyNoQuickFix } from './testing/quickfix/build-quickfix.ts';
import { buildQuickFixVenue, freePort, QuickFixVenue } from './testing/quickfix/quickfix-venue.ts';
import { FixVenue } from './venue/fix-venue.ts';

/** What the small venue behind QuickFIX can. */
function dialectOf(name: string): Dialect {
  const dialect = readDialect(name);
  if (isRefusal(dialect)) throw new Error(dialect.message);
  const { day = '0', gtc = '1', ioc = '3', fok = '4' } = dialect.timesInForce;
  const can = { allOrNone: false, minQuantity: false, displayQuantity: false };
  return {
    ...{ ...dialect, timesInForce: { day, gtc, ioc, fok } },
    orders: { ...dialect.orders, ...can },
  };
}

async function underTest(program: string, dialect: Dialect): Promise<VenueUnderTest> {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'stoa-quickfix-'));
  const port = await freePort();
  const { version } = dialect;
  const venue = new QuickFixVenue({
    ...{ program, folder, port, version, clients: ['STOA'], symbol: 'ACME' },
    ...{ priceDecimals: INSTRUMENT.priceDecimals, quantityDecimals: INSTRUMENT.quantityDecimals },
  });
  await venue.start();
  return {
    instrument: INSTRUMENT,
    newAdapter: () =>
      new FixVenue({
        ...{ venue: 'alpha', dialect, instruments: [INSTRUMENT], symbols: new Map(), folder },
        ...{ walletOf: () => CLEARING, durability: 'page-cache', nowMs: Date.now },
        orders: {
          settings: {
            ...{ role: 'initiator', senderCompId: 'STOA', targetCompId: 'VENUE' },
            beginString: version === 'FIX.5.0SP2' ? 'FIXT.1.1' : version,
            ...(version === 'FIX.5.0SP2' && { defaultApplVerId: '9' }),
            ...{ heartbeatSeconds: 30, resetOnLogon: false, maxClockSkewMs: 120_000 },
            ...{ resendChunk: 0, logonFields: [] },
          },
          limits: SESSION_LIMITS,
          connection: { hosts: [{ host: '127.0.0.1', port }], firstRetryMs: 20, lastRetryMs: 200 },
        },
        ...{ maxRequestsPerSecond: 100_000, answerTimeoutMs: 5_000, throttleRestMs: 20 },
        ...{ startTimeoutMs: 5_000, onNotice: () => undefined },
      }),
    drive: {
      halt: () => venue.command('halt'),
      resume: () => venue.command('resume'),
      cancelUnasked: (orderId) => venue.command(`cancel ${orderId}`),
      bust: (executionId) => venue.command(`bust ${executionId}`),
      correct: (executionId, { price, quantity }) =>
        venue.command(`correct ${executionId} ${price} ${quantity}`),
      repeatExecutions: () => venue.command('repeat'),
      fillBeforeAccept: () => venue.command('fill-first'),
      loseNextAnswer: () => venue.command('silent'),
      rejectNextOddly: () => venue.command('reject 77'),
      rejectNextWith: (code) => venue.command(`reject ${code}`),
      rejections: () => ({ '0': 'VENUE_REJECTED', '1': 'UNKNOWN_INSTRUMENT', '18': 'OFF_TICK' }),
    },
    teardown: async () => {
      await venue.kill();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

const reason = whyNoQuickFix();
if (reason === undefined) {
  const program = buildQuickFixVenue();
  for (const name of ['fix42', 'fix44', 'fix50sp2']) {
    venueAdapterSuite(`a venue behind QuickFIX, dialect ${name},`, () =>
      underTest(program, dialectOf(name)),
    );
  }
} else {
  describe('a venue behind QuickFIX', () => {
    it('passes the kit', ({ skip }) => skip(reason));
  });
}
