import { isRefusal, parseSafeDecimal } from '@stoa/schema';
import { expect } from 'vitest';
import type { VenueListing } from '../venue-adapter.ts';
import type { KitCase } from './kit-case.ts';
import type { VenueBench } from './venue-bench.ts';

export const listingCases: readonly KitCase[] = [
  {
    about: 'says what the venue lists, with the symbol, tick and lot that hold there',
    covers: [46],
    capability: 'listsInstruments',
    run: async (bench) => {
      expect(await bench.adapter.instruments()).toMatchObject({
        outcome: 'refused',
        rejection: { code: 'VENUE_NOT_READY' },
      });
      await bench.start();
      const { listings, passedOver } = await told(bench);
      expect(passedOver).toBe(0);
      const { id } = bench.venue.instrument;
      const own = listings.filter(({ instrument }) => instrument === id);
      expect(own).toHaveLength(1);
      for (const one of own) expectSame(one, bench);
      expect(new Set(listings.map(({ symbol }) => symbol)).size).toBe(listings.length);
      // Asked twice at once, it answers both, the same.
      const [one, other] = await Promise.all([told(bench), told(bench)]);
      expect([one.listings, other.listings]).toEqual([listings, listings]);
    },
  },

  {
    about: 'refuses to say what it cannot ask the venue',
    covers: [46],
    lacks: 'listsInstruments',
    run: async (bench) => {
      await bench.start();
      expect(await bench.adapter.instruments()).toMatchObject({
        outcome: 'refused',
        rejection: { code: 'LIST_NOT_OFFERED' },
      });
    },
  },

  {
    about: 'passes over entries of the list that cannot be read, says how many, and goes on',
    covers: [47],
    capability: 'listsInstruments',
    drivers: ['oddList'],
    run: async (bench, drive) => {
      await bench.start();
      await drive.oddList();
      const { listings, passedOver } = await told(bench);
      expect(passedOver).toBeGreaterThan(0);
      for (const one of listings) {
        expect(one.symbol).toMatch(/^[\x21-\x7e]{1,64}$/);
        expectSame(one, bench);
      }
      expect((await told(bench)).passedOver).toBe(0);
      await bench.enter('a', 'buy', 1, 100);
      expect(bench.adapter.link).toBe('ready');
    },
  },
];

async function told({ adapter }: VenueBench) {
  const answer = await adapter.instruments();
  if (answer.outcome !== 'told') throw new Error(answer.rejection.message);
  return answer;
}

/** What the venue says of the grid is the grid it was set up with; it need not say it. */
function expectSame({ tickSize, lotSize, status = 'active' }: VenueListing, bench: VenueBench) {
  const { instrument } = bench.venue;
  const units = (text: string, decimals: number) => {
    const read = parseSafeDecimal(text, decimals);
    return isRefusal(read) ? read.message : read;
  };
  if (tickSize !== undefined) {
    expect(units(tickSize, instrument.priceDecimals)).toBe(instrument.tickSize);
  }
  if (lotSize !== undefined) {
    expect(units(lotSize, instrument.quantityDecimals)).toBe(instrument.lotSize);
  }
  expect(status).toBe('active');
}
