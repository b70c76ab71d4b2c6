import { describe, expect, it } from 'vitest';
import { formatDecimal, parseDecimal, parseSafeDecimal } from './money.ts';

describe('decimal amounts', () => {
  it.each([
    ['100.25', 4, 1_002_500n],
    ['0.0001', 4, 1n],
    ['-3', 2, -300n],
    ['7.1000', 1, 71n],
    ['12345678901234567890.123456789012345678', 18, 12345678901234567890123456789012345678n],
  ])('reads %s exactly', (text, decimals, value) => {
    expect(parseDecimal(text, decimals)).toBe(value);
  });

  it.each([
    ['0.00001', 4, 'TOO_MANY_DECIMALS'],
    ['1e5', 4, 'DECIMAL_INVALID'],
    ['', 4, 'DECIMAL_INVALID'],
    ['.5', 4, 'DECIMAL_INVALID'],
    ['١', 4, 'DECIMAL_INVALID'],
    [`1${'0'.repeat(50)}`, 4, 'DECIMAL_INVALID'],
  ])('refuses %s, never rounds it', (text, decimals, code) => {
    expect(parseDecimal(text, decimals)).toMatchObject({ refused: true, code });
  });

  it('refuses what the hot path cannot carry', () => {
    expect(parseSafeDecimal('9007199254740992', 0)).toMatchObject({ code: 'OUT_OF_RANGE' });
    expect(parseSafeDecimal('-1', 0)).toMatchObject({ code: 'OUT_OF_RANGE' });
    expect(parseSafeDecimal('9007199254740991', 0)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('writes back what it read, without trailing zeros', () => {
    for (const [value, decimals, text] of [
      [1_002_500n, 4, '100.25'],
      [-1n, 4, '-0.0001'],
      [0n, 6, '0'],
      [42n, 0, '42'],
    ] as const) {
      expect(formatDecimal(value, decimals)).toBe(text);
    }
  });
});
