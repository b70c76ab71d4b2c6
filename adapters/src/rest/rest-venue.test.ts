import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRefusal } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { venueAdapterSuite } from '../conformance/venue-adapter-suite.ts';
import {
  CLEARING,
  VenueBench,
  type VenueDriver,
  type VenueUnderTest,
} from '../conformance/venue-bench.ts';
import { INX_KEY_ID } from '../stand-ins/inx-like-dialect.ts';
import { PPEX_CLIENT } from '../stand-ins/ppex-like-dialect.ts';
import { RunningStandIn } from '../stand-ins/testing/running-stand-in.ts';
import { standInDrive } from '../stand-ins/testing/stand-in-drive.ts';
import { TEST_INSTRUMENT } from '../testing/test-instrument.ts';
import type { VenueAdapter } from '../venue-adapter.ts';
import type { VenueAdapterNeeds } from '../venue-adapter-kind.ts';
import { restVenue } from './rest-venue.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-rest-'));
const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2_048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
writeFileSync(join(folder, 'private.pem'), privateKey);
writeFileSync(join(folder, 'api.key'), PPEX_CLIENT.apiKey);
afterAll(() => rmSync(folder, { recursive: true }));

/** The shipped mapping, hurried: a test does not wait as long as a venue would have one wait. */
function hurried(name: 'ppex-like' | 'inx-like'): string {
  const path = new URL(`./mappings/${name}.json`, import.meta.url);
  const mapping = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  mapping['http'] = { timeoutMs: 500 };
  if (name === 'ppex-like') mapping['polling'] = { ordersMs: 15, bookMs: 15, tradesMs: 25 };
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(mapping));
  return file;
}

const TIMES = { doubtMs: 300, reconnectMs: 20, reconnectMostMs: 100 };
const quiet = { info() {}, warn() {}, error() {} };

function settingsOf(name: 'ppex-like' | 'inx-like', standIn: RunningStandIn) {
  const common = {
    ...{
      mapping: hurried(name),
      baseUrl: standIn.url,
      symbols: { [TEST_INSTRUMENT.id]: 'ACME' },
    },
    times: TIMES,
  };
  const own =
    name === 'ppex-like'
      ? {
          variables: { accountId: 'A-1', clientId: PPEX_CLIENT.clientId },
          secrets: { apiKey: 'api.key' },
        }
      : {
          streamUrl: standIn.url.replace('http', 'ws'),
          variables: { keyId: INX_KEY_ID },
          secrets: { privateKey: 'private.pem' },
        };
  const read = restVenue.parse({ ...common, ...own }, folder);
  if (isRefusal(read)) throw new Error(read.message);
  return read;
}

let adapters = 0;

function venueUnderTest(
  name: 'ppex-like' | 'inx-like',
  standIn: RunningStandIn,
  drive: (of: { adapter: () => VenueAdapter | undefined }) => VenueDriver,
): VenueUnderTest {
  adapters += 1;
  const journal = join(folder, `journal-${adapters}`);
  mkdirSync(journal);
  const needs: VenueAdapterNeeds = {
    ...{
      venue: 'alpha',
      instruments: [TEST_INSTRUMENT],
      folder: journal,
      nowMs: Date.now,
      log: quiet,
    },
    counterparties: { walletOf: () => CLEARING },
  };
  const settings = settingsOf(name, standIn);
  let adapter: VenueAdapter | undefined;
  return {
    instrument: TEST_INSTRUMENT,
    newAdapter: () => {
      adapter = restVenue.create(settings, needs) as VenueAdapter;
      return adapter;
    },
    drive: drive({ adapter: () => adapter }),
    teardown: () => undefined,
  };
}

describe('REST without streams', () => {
  let standIn: RunningStandIn;
  let runs = 0;
  beforeAll(async () => {
    const options = { instrument: TEST_INSTRUMENT, folder, sessions: true };
    standIn = await RunningStandIn.start({ dialect: 'ppex-like', ...options });
  });
  afterAll(() => standIn.stop());

  venueAdapterSuite('a PPEX-like venue', async () => {
    runs += 1;
    await standIn.command('reset', `ppex-${runs}`);
    return venueUnderTest('ppex-like', standIn, () => ({
      ...standInDrive(standIn),
      rejections: () => ({
        ...{ '203': 'ORDER_TERMS_INVALID', '204': 'UNKNOWN_INSTRUMENT', '205': 'HALTED' },
        ...{ '206': 'CLOSED', '207': 'TOO_LATE', '208': 'UNKNOWN_ORDER' },
      }),
    }));
  });

  it('is driven', () => expect(runs).toBeGreaterThan(0));
});

describe('REST with a stream', () => {
  let standIn: RunningStandIn;
  let runs = 0;
  const outside = (lots: number) => standIn.command('enter', { side: 'sell', lots, ticks: 100 });
  beforeAll(async () => {
    const options = { instrument: TEST_INSTRUMENT, folder, sessions: true, publicKey };
    standIn = await RunningStandIn.start({ dialect: 'inx-like', ...options, limits: [] });
  });
  afterAll(() => standIn.stop());

  venueAdapterSuite('an INX-like venue', async () => {
    runs += 1;
    await standIn.command('reset', `inx-${runs}`);
    return venueUnderTest('inx-like', standIn, ({ adapter }) => {
      /** The link does not notice at once. */
      const breaksLink = (command: string) => async () => {
        await standIn.command(command);
        await expect
          .poll(() => adapter()?.link, { interval: 2, timeout: 15_000 })
          .not.toBe('ready');
      };
      const tradeIdOf = (executionId: string) => executionId.replace(/-b$/, '');
      // A key of this kind does not run out by itself.
      const { expireCredential: _none, ...common } = standInDrive(standIn);
      return {
        ...common,
        rejections: () => ({
          ...{ MARKET_HALTED: 'HALTED', MARKET_CLOSED: 'CLOSED', ORDER_CLOSED: 'TOO_LATE' },
          ...{ ORDER_NOT_FOUND: 'UNKNOWN_ORDER', MALFORMED: 'ORDER_TERMS_INVALID' },
        }),
        startEntry: async () => void (await standIn.command('passToHour', 20)),
        openSession: async () => void (await standIn.command('passToHour', 21)),
        bust: async (id) => void (await standIn.command('changeTrade', tradeIdOf(id))),
        correct: async (id, to) => void (await standIn.command('changeTrade', tradeIdOf(id), to)),
        repeatExecutions: async () => void (await standIn.command('repeatExecutions')),
        fillBeforeAccept: async () => void (await standIn.command('fault', 'delay')),
        restartVenue: async () => {
          await standIn.killAndRestart();
          await expect.poll(() => adapter()?.link, { interval: 2, timeout: 15_000 }).toBe('ready');
        },
        garble: breaksLink('garbleStream'),
        loginElsewhere: async () => void (await standIn.command('loginElsewhere')),
        loseMarketData: async () => void (await standIn.command('loseMarketData')),
        skewClock: async (byMs) => void (await standIn.command('skewClock', byMs)),
      };
    });
  });

  it.each(['close', 'reset'] as const)(
    'recovers from a message that is cut in its middle (%s), and says why; nothing is lost or told twice',
    async (how) => {
      runs += 1;
      await standIn.command('reset', `inx-${runs}`);
      const bench = new VenueBench(
        venueUnderTest('inx-like', standIn, () => standInDrive(standIn)),
      );
      const { sink } = bench;
      try {
        await bench.start();
        await bench.enter('a', 'buy', 4, 100);
        await sink.until((event) => event.kind === 'book' && event.bids.length === 1, 'its book');
        const ready = sink.events.length;
        // The message of this fill is the one that is cut.
        await standIn.command('cutNextFill', how);
        await outside(1);
        const cut = await sink.until(
          (event) => event.kind === 'link' && event.reason !== undefined,
          'why the link is down',
        );
        expect(cut).toMatchObject({ state: 'connecting', reason: 'The stream was closed (1006).' });
        expect(bench.adapter.link).not.toBe('ready');
        const late = bench.order('late', 'sell', 1, 100);
        expect(await bench.adapter.submit({ kind: 'new', order: late })).toMatchObject({
          rejection: { code: 'VENUE_NOT_READY' },
        });
        // The market goes on meanwhile, and nobody may take the old book for it.
        await outside(2);
        const down = sink.events.slice(ready).map(({ kind }) => kind);
        expect(down.slice(down.indexOf('link'))).not.toContain('book');
        await standIn.command('restoreLink');
        await bench.expectTrades([
          ['a', '', 1, 100],
          ['a', '', 2, 100],
        ]);
        await expect.poll(() => bench.adapter.link, { timeout: 15_000 }).toBe('ready');
        await sink.until(
          (event) => event.kind === 'book' && event.bids[0]?.quantity === TEST_INSTRUMENT.lotSize,
          'the book as it is',
        );
        await bench.enter('b', 'sell', 1, 100);
        expect(await sink.done('a')).toMatchObject({ state: 'filled' });
        await bench.expectTrades([
          ['a', '', 1, 100],
          ['a', '', 2, 100],
          ['a', 'b', 1, 100],
        ]);
      } finally {
        await bench.end();
      }
    },
  );

  it('is driven', () => expect(runs).toBeGreaterThan(0));
});
