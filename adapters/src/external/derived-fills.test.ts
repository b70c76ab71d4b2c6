import { describe, expect, it } from 'vitest';
import { seededRandom } from '../seeded-random.ts';
import { derivedFills } from './derived-fills.ts';

const GRID = { tickSize: 5, lotSize: 10 };
const NOTHING = { quantity: 0, amount: 0n };

describe('what was executed between two looks', () => {
  it('is one fill at one price, where that is what it cost', () => {
    expect(derivedFills(NOTHING, { quantity: 30, amount: 3_000n }, GRID)).toEqual([
      { price: 100, quantity: 30 },
    ]);
    const before = { quantity: 10, amount: 1_000n };
    expect(derivedFills(before, { quantity: 30, amount: 3_100n }, GRID)).toEqual([
      { price: 105, quantity: 20 },
    ]);
  });

  it('is two fills around the average, where no one price keeps the amount', () => {
    expect(derivedFills(NOTHING, { quantity: 30, amount: 3_050n }, GRID)).toEqual([
      { price: 100, quantity: 20 },
      { price: 105, quantity: 10 },
    ]);
  });

  it('is nothing that can be told, where there is less, a broken lot or no price', () => {
    expect(derivedFills({ quantity: 30, amount: 1n }, { quantity: 20, amount: 1n }, GRID)).toBe(
      undefined,
    );
    expect(derivedFills(NOTHING, { quantity: 15, amount: 1_500n }, GRID)).toBe(undefined);
    expect(derivedFills(NOTHING, { quantity: 10, amount: 0n }, GRID)).toBe(undefined);
  });

  it('keeps quantity and amount to the unit, however the venue rounds its average to six decimals', () => {
    const random = seededRandom(6);
    for (let round = 0; round < 2_000; round += 1) {
      let executed = { quantity: 0, amount: 0n };
      let told = { quantity: 0, amount: 0n };
      for (let look = 0; look < 4; look += 1) {
        for (let trades = random.between(0, 3); trades > 0; trades -= 1) {
          const quantity = random.between(1, 50) * GRID.lotSize;
          const price = random.between(1, 400) * GRID.tickSize;
          const amount = executed.amount + BigInt(quantity) * BigInt(price);
          executed = { quantity: executed.quantity + quantity, amount };
        }
        if (executed.quantity === told.quantity) continue;
        // The average, in a millionth of the price unit, and back.
        const cumulative = BigInt(executed.quantity);
        const average = (executed.amount * 2_000_000n + cumulative) / (cumulative * 2n);
        const amount = (average * cumulative + 500_000n) / 1_000_000n;
        const parts = derivedFills(told, { quantity: executed.quantity, amount }, GRID) ?? [];
        for (const part of parts) {
          const sum = told.amount + BigInt(part.quantity) * BigInt(part.price);
          told = { quantity: told.quantity + part.quantity, amount: sum };
        }
        expect([round, told]).toEqual([round, executed]);
      }
    }
  });
});
