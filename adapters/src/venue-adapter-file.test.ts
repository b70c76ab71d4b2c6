import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRefusal } from '@stoa/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readVenueAdapterFile } from './venue-adapter-file.ts';
import type { VenueAdapterNeeds } from './venue-adapter-kind.ts';

const CLEARING = `0x${'c1'.repeat(20)}`;
const ANNAS = `0x${'A1'.repeat(20)}`;

describe('a venue adapter file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-venue-file-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const quiet = { info() {}, warn() {}, error() {} };
  const needs = (): Omit<VenueAdapterNeeds, 'counterparties'> => ({
    ...{ venue: 'alpha', instruments: [], folder, nowMs: () => 1, log: quiet },
  });

  function choice(module: string, settings: unknown = {}) {
    writeFileSync(join(folder, 'mine.mjs'), module);
    const settlement = { clearingAccount: CLEARING, accounts: { 'ACC-1': ANNAS } };
    const file = join(folder, 'venue.json');
    writeFileSync(
      file,
      JSON.stringify({ kind: 'module', module: './mine.mjs', settlement, settings }),
    );
    const read = readVenueAdapterFile(file);
    if (isRefusal(read) || !('create' in read)) throw new Error(JSON.stringify(read));
    return read;
  }

  it('joins a venue with one module, which gets its settings, its folder and the wallets', async () => {
    const made: unknown = await choice(
      `export const venueAdapter = {
        parse: (settings, folder) => ({ ...settings, folder }),
        create: (settings, needs) => ({ settings, needs }),
      };`,
      { url: 'http://127.0.0.1:1' },
    ).create(needs());
    expect(made).toMatchObject({ settings: { url: 'http://127.0.0.1:1', folder } });
    const { counterparties } = (made as { needs: VenueAdapterNeeds }).needs;
    expect(counterparties.walletOf('ACC-1')).toBe(ANNAS.toLowerCase());
    expect(counterparties.walletOf('ACC-2')).toBe(CLEARING);
    expect(counterparties.walletOf(undefined)).toBe(CLEARING);
  });

  it.each([
    ['export const venueAdapter = 1;', /exports no venueAdapter/],
    ['export const = ;', /cannot be loaded/],
    [
      `export const venueAdapter = {
        parse: () => ({ refused: true, code: 'X', message: 'url: is needed', action: '' }),
        create: () => undefined,
      };`,
      /^url: is needed$/,
    ],
  ])('says what is wrong with a module: %s', async (module, message) => {
    await expect(choice(module).create(needs())).rejects.toMatchObject({
      ...{ code: 'VENUE_ADAPTER_INVALID', message: expect.stringMatching(message) },
    });
  });
});
