import { describe, expect, it } from 'vitest';
import { isOpaque, mostThatPasses } from './opaque-rules.ts';

describe('a rule that does not say how much it lets pass', () => {
  it('is asked until the quantity is known to the lot, in few calls', async () => {
    for (const most of [1n, 2n, 16n, 17n, 18n, 300n, 1_000_003n]) {
      for (const passing of [0n, 1n, most / 3n, most - 1n].filter((lots) => lots < most)) {
        let calls = 0;
        const found = await mostThatPasses(most, async (asked) => {
          calls += 1;
          expect(asked.every((lots) => lots > 0n && lots < most)).toBe(true);
          return asked.map((lots) => lots <= passing);
        });
        expect(found).toBe(passing);
        expect(calls).toBeLessThanOrEqual(5);
      }
    }
  });

  it('is told from one that no quantity would pass', () => {
    const holding = { code: 'HOLDING_PERIOD', message: 'held' } as const;
    const low = { code: 'BALANCE_TOO_LOW', message: 'low', most: 7n } as const;
    const frozen = { code: 'WALLET_FROZEN', message: 'frozen' } as const;
    expect(isOpaque([holding, low])).toBe(true);
    expect(isOpaque([low])).toBe(false);
    expect(isOpaque([holding, frozen])).toBe(false);
  });
});
