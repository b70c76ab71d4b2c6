import { describe, expect, it } from 'vitest';
import { TEST_INSTRUMENT } from './testing/test-instrument.ts';
import { ListingCollector, listingOf, MAX_VENUE_LISTINGS } from './venue-listing.ts';

describe("a venue's list", () => {
  it('takes what can be read, once, and counts what it passes over', () => {
    const found = new ListingCollector();
    const sound = { symbol: 'ACME', tickSize: '0.050', lotSize: '10', priceDecimals: '2' };
    found.add(sound);
    found.add(sound);
    for (const symbol of [undefined, '', ' ', 'A\u0007', 'Ä', 'X'.repeat(65)])
      found.add({ symbol });
    for (const size of ['', '-1', '1e3', '0x1', '1'.repeat(19), `0.${'1'.repeat(19)}`, 'NaN']) {
      found.add({ symbol: `tick ${size}`, tickSize: size });
      found.add({ symbol: `lot ${size}`, lotSize: size });
    }
    for (const decimals of ['19', '-1', '1.5', '100']) {
      found.add({ symbol: `decimals ${decimals}`, quantityDecimals: decimals });
    }
    expect(found.told()).toEqual({
      outcome: 'told',
      listings: [{ symbol: 'ACME', tickSize: '0.050', lotSize: '10', priceDecimals: 2 }],
      passedOver: 1 + 6 + 14 + 4,
    });
  });

  it('has an end, however long the venue goes on', () => {
    const found = new ListingCollector();
    for (let at = 0; at < MAX_VENUE_LISTINGS + 5; at += 1) found.add({ symbol: `S${at}` });
    const told = found.told();
    expect(told).toMatchObject({ outcome: 'told', passedOver: 5 });
    expect(told.outcome === 'told' && told.listings.length).toBe(MAX_VENUE_LISTINGS);
  });

  it('writes an instrument in the decimals of a venue', () => {
    const { id, symbol } = TEST_INSTRUMENT;
    expect(listingOf(TEST_INSTRUMENT, true)).toMatchObject({
      ...{ symbol, instrument: id, status: 'halted' },
      tickSize: (TEST_INSTRUMENT.tickSize / 10 ** TEST_INSTRUMENT.priceDecimals).toString(),
    });
  });
});
