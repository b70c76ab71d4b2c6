import { describe, expect, it } from 'vitest';
import { isCusip, isDti, isFigi, isIsin, isLei } from './identifiers.ts';
import { instrumentIdOf, instrumentParts, isInstrumentId, isMemberId } from './ids.ts';

describe('identifiers with check digits', () => {
  it.each([
    ['ISIN', isIsin, ['US0378331005', 'DE000BAY0017', 'US5949181045']],
    ['CUSIP', isCusip, ['037833100', '594918104', '38259P508']],
    ['FIGI', isFigi, ['BBG000BLNNH6', 'BBG000B9XRY4']],
    ['LEI', isLei, ['HWUPKR0MPOU8FGXBT394', '5493001KJTIIGC8Y1R12']],
  ])('accepts real %ss and refuses each with a changed digit', (_name, isValid, samples) => {
    for (const sample of samples) {
      expect(isValid(sample), sample).toBe(true);
      const last = Number(sample.at(-1));
      expect(isValid(`${sample.slice(0, -1)}${(last + 1) % 10}`), sample).toBe(false);
      expect(isValid(` ${sample}`), sample).toBe(false);
    }
  });

  it('checks a DTI by pattern only', () => {
    expect(isDti('4H95J0R2X')).toBe(true);
    expect(isDti('0H95J0R2X')).toBe(false);
    expect(isDti('4H95J0R2A')).toBe(false);
  });
});

describe('ids', () => {
  it('takes member ids that fit the registry and refuses others', () => {
    for (const id of ['alpha', 'a', 'north-1', 'a'.repeat(31)]) expect(isMemberId(id)).toBe(true);
    for (const id of ['', 'Alpha', '1a', 'a_b', 'a'.repeat(32), 'a b']) {
      expect(isMemberId(id)).toBe(false);
    }
  });

  it('takes an instrument id apart and puts it together', () => {
    const token = '0xAbCdEf0123456789abcdef0123456789abcdef01';
    const id = instrumentIdOf(31_337, token);
    expect(isInstrumentId(id)).toBe(true);
    expect(instrumentParts(id)).toEqual({ chainId: 31_337, token: token.toLowerCase() });
    expect(instrumentParts(id.replace('erc20', 'ERC20'))).toBeUndefined();
  });
});
