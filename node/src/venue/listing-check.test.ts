import type { VenueListing, VenueListings } from '@stoa/adapters';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { ScriptedVenue } from '../orders/testing/scripted-venue.ts';
import { INSTRUMENT } from '../orders/testing/test-network.ts';
import { ListingCheck } from './listing-check.ts';
import { listingDifferences } from './listing-differences.ts';

const SAME: VenueListing = { symbol: 'THEIRS', instrument: INSTRUMENT.id };

function told(...listings: VenueListing[]): VenueListings {
  return { outcome: 'told', listings, passedOver: 0 };
}

describe('what a venue lists', () => {
  it('differs only in what the venue says, and sizes as numbers do', () => {
    const grid = { ...INSTRUMENT, priceDecimals: 2, tickSize: 5, quantityDecimals: 0, lotSize: 10 };
    const of = (says: Partial<VenueListing>) =>
      listingDifferences([grid], [{ ...SAME, ...says }], true).map(
        ({ field, here, venue }) => `${field} ${here} ${venue}`,
      );
    expect(of({})).toEqual([]);
    expect(of({ tickSize: '0.0500', lotSize: '10.0', status: 'halted', priceDecimals: 2 })).toEqual(
      [],
    );
    expect(of({ tickSize: '0.01', lotSize: '1', status: 'inactive', quantityDecimals: 6 })).toEqual(
      ['quantity-decimals 0 6', 'tick-size 0.05 0.01', 'lot-size 10 1', 'status active inactive'],
    );
    expect(of({ isin: 'US0378331005' })).toHaveLength(grid.isin === '' ? 0 : 1);
  });

  it('lacks an instrument only where the list is whole', () => {
    const other = { symbol: 'ELSE' };
    expect(listingDifferences([INSTRUMENT], [other], true)).toMatchObject([{ field: 'listed' }]);
    expect(listingDifferences([INSTRUMENT], [other], false)).toEqual([]);
  });
});

function check(listings: VenueListings) {
  const lines: string[] = [];
  const adapter = new ScriptedVenue('alpha');
  adapter.listings = listings;
  const metrics = new Registry();
  let nowMs = 1_000;
  const logger = pino({}, { write: (line: string) => void lines.push(line) });
  const of = { adapter, configured: [INSTRUMENT], metrics, logger, nowMs: () => nowMs };
  const pass = (ms: number) => (nowMs += ms);
  return { check: new ListingCheck(of), adapter, metrics, lines, pass };
}

describe('the comparison with it', () => {
  it('is counted, logged once, and asked for anew only after a while', async () => {
    const {
      check: listings,
      adapter,
      metrics,
      lines,
      pass,
    } = check(told({ ...SAME, tickSize: '123456.1' }, { symbol: 'ELSE' }));
    const first = await listings.compared();
    expect(first).toMatchObject({ outcome: 'different', onlyAtVenue: 1, passedOver: 0 });
    expect(lines.filter((line) => line.includes('the venue lists it otherwise'))).toHaveLength(1);
    const gauge = 'stoa_venue_listing_differences{field="tick-size"}';
    expect(await metrics.metrics()).toContain(`${gauge} 1`);
    const logged = lines.length;
    adapter.listings = told(SAME);
    expect(await listings.compared()).toBe(first);
    pass(10_000);
    expect(await listings.compared()).toMatchObject({ outcome: 'same', differences: [] });
    expect(await metrics.metrics()).toContain(`${gauge} 0`);
    expect(lines.length).toBe(logged + 1);
  });

  it('is not known where the venue does not say, or its adapter fails; what was known stays counted', async () => {
    const { check: listings, adapter, metrics } = check(told());
    expect(await listings.again()).toMatchObject({ outcome: 'different' });
    const rejection = { code: 'VENUE_NOT_READY', message: 'It is not.' };
    adapter.listings = { outcome: 'refused', rejection };
    expect(await listings.again()).toMatchObject({ outcome: 'unknown', reason: 'It is not.' });
    adapter.instruments = async () => {
      throw new Error('a bug');
    };
    expect(await listings.again()).toMatchObject({ outcome: 'unknown' });
    const text = await metrics.metrics();
    expect(text).toContain('stoa_venue_listing_checks_total{outcome="unknown"} 2');
    expect(text).toContain('stoa_venue_listing_differences{field="listed"} 1');
  });
});
