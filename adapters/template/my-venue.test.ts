import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { venueAdapterSuite } from '../src/conformance/venue-adapter-suite.ts';
import { CLEARING } from '../src/conformance/venue-bench.ts';
import { PPEX_CLIENT } from '../src/stand-ins/ppex-like-dialect.ts';
import { RunningStandIn } from '../src/stand-ins/testing/running-stand-in.ts';
import { standInDrive } from '../src/stand-ins/testing/stand-in-drive.ts';
import { TEST_INSTRUMENT } from '../src/testing/test-instrument.ts';
import type { VenueAdapter } from '../src/venue-adapter.ts';
import { venueAdapter } from './my-venue.ts';

describe('the template', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-template-'));
  let standIn: RunningStandIn;
  let runs = 0;
  beforeAll(async () => {
    const options = { instrument: TEST_INSTRUMENT, folder, sessions: true };
    standIn = await RunningStandIn.start({ dialect: 'ppex-like', ...options });
  });
  afterAll(async () => {
    await standIn.stop();
    rmSync(folder, { recursive: true });
  });

  venueAdapterSuite('a venue joined by one short file', async () => {
    runs += 1;
    await standIn.command('reset', `run-${runs}`);
    const journal = join(folder, `journal-${runs}`);
    mkdirSync(journal);
    const { clientId: clientID, apiKey: developerAPIKey } = PPEX_CLIENT;
    const settings = { url: standIn.url, clientID, developerAPIKey };
    return {
      instrument: TEST_INSTRUMENT,
      newAdapter: () =>
        venueAdapter.create(settings, {
          ...{ venue: 'alpha', instruments: [TEST_INSTRUMENT], folder: journal },
          ...{ nowMs: Date.now, log: { info() {}, warn() {}, error() {} } },
          counterparties: { walletOf: () => CLEARING },
        }) as VenueAdapter,
      drive: standInDrive(standIn),
      teardown: () => undefined,
    };
  });

  it('has at most 150 lines', () => {
    const text = readFileSync(new URL('./my-venue.ts', import.meta.url), 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(150);
  });
});
