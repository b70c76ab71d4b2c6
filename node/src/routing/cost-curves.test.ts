import { type SeededRandom, seededRandom } from '@stoa/adapters/seeded-random';
import { describe, expect, it } from 'vitest';
import { ANY, AT_CAP, BELOW_CAP, CostCurves, UNUSED, USED } from './cost-curves.ts';
import { feeMicros, type VenueCost } from './venue-cost.ts';

interface Sample {
  readonly cost: VenueCost;
  readonly smallest: number;
  /** Price in ticks and lots of each level. */
  readonly levels: readonly (readonly [price: number, lots: number])[];
}

const CHOICES = [ANY, UNUSED, USED, BELOW_CAP, AT_CAP, UNUSED | BELOW_CAP];

function randomSample(random: SeededRandom, sign: number, grain: number): Sample {
  let price = 40 + sign * random.between(-20, 0);
  const levels = Array.from({ length: random.between(1, 4) }, () => {
    price += sign * random.between(1, 3);
    return [price, random.between(1, 12)] as const;
  });
  const total = levels.reduce((sum, [, lots]) => sum + lots, 0);
  const amount = (): bigint => BigInt(random.between(0, 60)) * BigInt(grain);
  const cost = {
    takerPpm: random.between(-100_000, 300_000),
    minimum: random.between(0, 1) === 0 ? 0n : amount(),
    cap: random.between(0, 1) === 0 ? undefined : amount(),
    fixed: amount(),
  };
  return { cost, levels, smallest: random.between(1, Math.min(total, 3)) };
}

/** Cost of so many lots in millionths of a notional unit, as the definition says. */
function costOf({ cost, levels }: Sample, lots: number, sign: number, grain: number): bigint {
  let left = lots;
  let notional = 0n;
  for (const [price, shown] of levels) {
    const taken = Math.min(shown, left);
    notional += BigInt(price) * BigInt(taken) * BigInt(grain);
    left -= taken;
  }
  return (BigInt(sign) * notional + cost.fixed) * 1_000_000n + feeMicros(cost, notional);
}

function load(curves: CostCurves, samples: readonly Sample[], sign: number, grain: number): void {
  curves.begin(sign, grain, samples.length, 4);
  for (const { cost, smallest, levels } of samples) {
    curves.addVenue(cost, smallest);
    for (const [price, lots] of levels) curves.addLevel(price, lots);
  }
  curves.build();
}

/** Points of a hull: lots, exact cost, state. */
function hullOf(curves: CostCurves, venue: number, states: number) {
  const offset = curves.hull(venue, states);
  return Array.from({ length: curves.hullLengths[venue * 8 + states] ?? 0 }, (_, index) => {
    const at = venue * curves.stride + (curves.hulls[offset + index] ?? 0);
    const lots = curves.lots[at] ?? 0;
    const exact = lots === 0 ? 0n : curves.exactCostOf(venue, lots);
    return { lots, exact, state: curves.states[at] ?? 0 };
  });
}

describe.each([
  ['within doubles', 1],
  ['beyond doubles', 1_000_003 * 99_991 * 8_191],
])('cost curves %s', (_name, grain) => {
  it('are the cost of every quantity, in one unit for all venues', () => {
    const random = seededRandom(11);
    const curves = new CostCurves();
    for (let instance = 0; instance < 400; instance += 1) {
      const sign = random.pick([1, -1]);
      const samples = [1, 2, 3].map(() => randomSample(random, sign, grain));
      load(curves, samples, sign, grain);
      expect(curves.wide).toBe(grain > 1);
      let unit: bigint | undefined;
      for (const [venue, sample] of samples.entries()) {
        for (let lots = sample.smallest; lots <= (curves.largest[venue] ?? 0); lots += 1) {
          const cost = costOf(sample, lots, sign, grain);
          const found = curves.exactCostOf(venue, lots);
          if (found !== 0n) unit ??= cost / found;
          expect(found * (unit ?? 1n), `instance ${instance}, ${lots} lots`).toBe(cost);
        }
      }
    }
  });

  it('have hulls that bend upwards only and lie below every quantity of their states', () => {
    const random = seededRandom(12);
    const curves = new CostCurves();
    for (let instance = 0; instance < 400; instance += 1) {
      const sign = random.pick([1, -1]);
      load(curves, [randomSample(random, sign, grain)], sign, grain);
      for (const states of CHOICES) {
        const hull = hullOf(curves, 0, states);
        for (const [index, point] of hull.entries()) {
          const [before, next] = [hull[index - 1], hull[index + 1]];
          if (!next) continue;
          const run = BigInt(next.lots - point.lots);
          const rise = next.exact - point.exact;
          if (before) {
            const earlier = (point.exact - before.exact) * run;
            expect(earlier <= rise * BigInt(point.lots - before.lots)).toBe(true);
          }
          for (
            let lots = Math.max(point.lots, curves.smallest[0] ?? 1);
            lots < next.lots;
            lots += 1
          ) {
            const above = curves.exactCostOf(0, lots) - point.exact;
            const line = rise * BigInt(lots - point.lots);
            const isInside = point.state === next.state;
            expect(isInside ? above * run === line : above * run >= line).toBe(true);
          }
        }
      }
    }
  });
});

describe('venues with the very same curve', () => {
  it('are found, whatever stands between them', () => {
    const sample = randomSample(seededRandom(5), 1, 1);
    const other = { ...sample, smallest: sample.smallest + 1 };
    const curves = new CostCurves();
    load(curves, [sample, other, sample, other, sample], 1, 1);
    expect([...curves.twins.subarray(0, 5)]).toEqual([-1, -1, 0, 1, 2]);
  });
});
