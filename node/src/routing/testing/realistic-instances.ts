import type { SeededRandom } from '@stoa/adapters/seeded-random';
import type { Level } from '@stoa/schema';
import type { VenueBook } from '../../market/market-view.ts';
import type { RouteInput, RouteVenue } from '../route.ts';
import { bookOf } from './random-instances.ts';

const NOW_MS = 1_700_000_000_000;
/** Cents, about a hundred in cash; whole units. */
const MID_PRICE = 10_000;

/**
 * A book as a busy instrument has it: many venues around one price, each with its own schedule of
 * fees (rates in half basis points, some rebates, minimums, caps) and a cost of each leg.
 */
export function realisticInstance(
  random: SeededRandom,
  size: { readonly venues: number; readonly levels: number },
): RouteInput {
  const side = random.pick(['buy', 'sell'] as const);
  const ids = Array.from({ length: size.venues }, (_, index) => `venue-${index + 10}`);
  const legCost = BigInt(random.between(0, 100));
  const books = ids.map(
    (venue): VenueBook => ({
      ...{ venue, state: 'live', sinceMs: NOW_MS, halted: false, haltReason: undefined },
      ...{ firm: true, validUntilMs: NOW_MS + 1_000 },
      bids: depth(random, -1, size.levels),
      offers: depth(random, 1, size.levels),
    }),
  );
  const shown = books.flatMap(({ bids, offers }) => (side === 'buy' ? offers : bids));
  const total = shown.reduce((sum, { quantity }) => sum + quantity, 0);
  // From a few lots to half of all that is shown, small ones as often as large ones.
  const quantity = Math.ceil(total ** random.next() / 2);
  const limited = random.between(1, 4) > 1;
  const limit = random.between(3, 40);
  return {
    order: {
      ...{ side, timeInForce: 'ioc', quantity, strategy: 'best' },
      limitPrice: limited ? MID_PRICE + (side === 'buy' ? limit : -limit) : undefined,
    },
    book: bookOf(books),
    ...{ tickSize: 1, lotSize: 1, nowMs: NOW_MS, home: random.pick(ids) },
    exclusions: new Map(),
    venues: new Map(ids.map((venue) => [venue, terms(random, legCost)])),
  };
}

function depth(random: SeededRandom, direction: number, count: number): Level[] {
  let price = MID_PRICE + direction * random.between(1, 6);
  return Array.from({ length: count }, () => {
    const level = { price, quantity: random.between(1, 20) * 25 };
    price += direction * random.between(1, 3);
    return level;
  });
}

function terms(random: SeededRandom, legCost: bigint): RouteVenue {
  const rebate = random.between(1, 6) === 1;
  const takerPpm = rebate ? -50 * random.between(1, 5) : 50 * random.between(0, 60);
  const hasMinimum = random.between(1, 3) === 1;
  const hasCap = random.between(1, 3) === 1;
  return {
    cost: {
      takerPpm,
      minimum: hasMinimum && !rebate ? BigInt(random.between(10, 500)) : 0n,
      cap: hasCap ? BigInt(random.between(1_000, 20_000)) : undefined,
      fixed: legCost,
    },
    minimumLots: random.pick([1, 1, 1, 10, 100]),
  };
}
