import { describe, expect, it } from 'vitest';
import { identifiersOf, readIdentifier } from './instrument-identifiers.ts';

describe('the identifiers in an instrument’s entry', () => {
  it.each([
    ['US0378331005', { isin: 'US0378331005', cusip: '037833100' }],
    ['DE000BAY0017', { isin: 'DE000BAY0017' }],
    ['', {}],
    // The last digit is 5.
    ['US0378331006', { issue: 'isin-check-digit' }],
    // Two letters have changed places.
    ['US0378313005', { issue: 'isin-check-digit' }],
    ['us0378331005', { issue: 'isin-malformed' }],
    ['ACME', { issue: 'isin-malformed' }],
    // A good ISIN around a CUSIP whose digit is not.
    ['US0378331013', { isin: 'US0378331013', issue: 'cusip-check-digit' }],
  ])('of "%s" are those that hold', (isin, expected) => {
    expect(identifiersOf({ isin })).toEqual(expected);
  });
});

describe('an identifier that somebody typed', () => {
  it.each([
    ['us0378331005', { scheme: 'isin', value: 'US0378331005' }],
    ['US0378331006', { scheme: 'isin', wrong: true }],
    ['037833100', { scheme: 'cusip', value: '037833100' }],
    ['037833109', { scheme: 'cusip', wrong: true }],
    ['BBG000BLNNH6', { scheme: 'figi', value: 'BBG000BLNNH6' }],
    ['BBG000BLNNH9', { scheme: 'figi', wrong: true }],
    ['HWUPKR0MPOU8FGXBT394', { scheme: 'lei', value: 'HWUPKR0MPOU8FGXBT394' }],
    ['HWUPKR0MPOU8FGXBT395', { scheme: 'lei', wrong: true }],
    ['4H95J0R2X', { scheme: 'dti', value: '4H95J0R2X' }],
    [
      `EIP155:1/erc20:0x${'A1'.repeat(20)}`,
      { scheme: 'instrument', value: `eip155:1/erc20:0x${'a1'.repeat(20)}` },
    ],
    [`0x${'A1'.repeat(20)}`, { scheme: 'token', value: `0x${'a1'.repeat(20)}` }],
    ['Acme Class A', undefined],
    ['', undefined],
  ])('"%s" is known by its form and check digit', (text, expected) => {
    expect(readIdentifier(text)).toEqual(expected);
  });
});
