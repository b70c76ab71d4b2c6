import { describe, expect, it } from 'vitest';
import { compareAmounts, fromUnits, sumAmounts, toUnits } from './amounts.ts';

describe('amounts', () => {
  it('are read and written exactly', () => {
    expect(toUnits('9007199254740993.0001', 4)).toBe(90_071_992_547_409_930_001n);
    expect(fromUnits(90_071_992_547_409_930_001n, 4)).toBe('9007199254740993.0001');
    expect(sumAmounts(['0.1', '0.2'])).toBe('0.3');
    expect(['10', '9', '9.50', '9.5'].sort(compareAmounts)).toEqual(['9', '9.50', '9.5', '10']);
  });

  it('are refused where they say more than the instrument can', () => {
    expect(() => toUnits('1.001', 2)).toThrow(
      expect.objectContaining({
        code: 'AMOUNT_INVALID',
        message: '"1.001" has more than 2 decimals.',
      }),
    );
    expect(() => sumAmounts(['1e3'])).toThrow(expect.objectContaining({ code: 'AMOUNT_INVALID' }));
  });
});
