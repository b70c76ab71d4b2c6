import type { RouteLeg, VenueId } from '@stoa/schema';
import type { RouteInput } from '../route.ts';

/** What a router should answer, as far as it is a matter of the rules. */
export interface ExpectedRoute {
  /** In the order of venue ids. */
  readonly legs: readonly RouteLeg[];
  readonly unrouted: number;
}

/** What a venue offers, lot by lot, and what the first so many of them cost in all. */
interface Offer {
  readonly venue: VenueId;
  /** Price of each single lot, best first. */
  readonly prices: readonly number[];
  /** Cost of 0, 1, 2 … lots, in millionths of price × quantity. */
  readonly costs: readonly bigint[];
  readonly smallest: number;
}

/**
 * The rules of the router as plainly as they can be written: every allocation of single lots is
 * tried. It shares nothing with the router but the text of the rules, and is for small orders only.
 */
export function bruteForceRoute(input: RouteInput): ExpectedRoute {
  const { order, lotSize, home } = input;
  const settleable = order.settleable?.quantity ?? order.quantity;
  const offers = [...input.book.venues]
    .map(({ venue }) => venue)
    .toSorted((a, b) => Number(b === home) - Number(a === home) || (a < b ? -1 : 1))
    .map((venue) => offerOf(input, venue));
  const onlyOne = order.timeInForce === 'fok' || order.allOrNone === true;
  // Whole or not at all: not even the part that could settle.
  const most = onlyOne && settleable < order.quantity ? 0 : Math.min(settleable, order.quantity);
  const wanted = Math.floor(most / lotSize);
  const best = onlyOne ? bestWhole(offers, wanted, input) : bestSplit(offers, wanted, input);
  const filled = best.reduce((sum, lots) => sum + lots, 0) * lotSize;
  if (filled < (order.minQuantity ?? 0)) return { legs: [], unrouted: order.quantity };
  const legs = offers.flatMap(({ venue, prices }, index) => {
    const lots = best[index] ?? 0;
    const limitPrice = prices[lots - 1] ?? 0;
    return lots === 0 ? [] : [{ venue, quantity: lots * lotSize, limitPrice }];
  });
  legs.sort((a, b) => (a.venue < b.venue ? -1 : 1));
  return { legs, unrouted: order.quantity - filled };
}

function bestWhole(offers: readonly Offer[], wanted: number, input: RouteInput): number[] {
  const none = offers.map(() => 0);
  let best = none;
  let bestCost: bigint | undefined;
  for (const [index, { venue, costs, smallest }] of offers.entries()) {
    const cost = costs[wanted];
    if (cost === undefined || wanted < smallest || wanted === 0) continue;
    if (bestCost !== undefined && cost >= bestCost) continue;
    best = none.with(index, wanted);
    bestCost = cost;
    if (input.order.strategy === 'home-first' && venue === input.home) return best;
  }
  return best;
}

function bestSplit(offers: readonly Offer[], wanted: number, input: RouteInput): number[] {
  const [first] = offers;
  const homeFirst = input.order.strategy === 'home-first' && first?.venue === input.home;
  let forced = 0;
  if (homeFirst) {
    forced = Math.min(first.prices.length, wanted);
    if (forced < first.smallest) forced = 0;
  }
  let best: { readonly lots: number[]; readonly total: number; readonly cost: bigint } | undefined;
  const visit = (index: number, lots: number[], total: number, cost: bigint): void => {
    const offer = offers[index];
    if (offer === undefined) {
      const better =
        best === undefined ||
        total > best.total ||
        (total === best.total && cost < best.cost) ||
        (total === best.total && cost === best.cost && isMore(lots, best.lots));
      if (better) best = { lots: [...lots], total, cost };
      return;
    }
    for (let count = 0; count <= Math.min(offer.prices.length, wanted - total); count += 1) {
      if (count > 0 && count < offer.smallest) continue;
      if (index === 0 && homeFirst && count !== forced) continue;
      lots[index] = count;
      visit(index + 1, lots, total + count, cost + (offer.costs[count] ?? 0n));
    }
  };
  visit(0, [], 0, 0n);
  return best?.lots ?? offers.map(() => 0);
}

function isMore(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((count, each) => count !== b[each]);
  return index >= 0 && (a[index] ?? 0) > (b[index] ?? 0);
}

function offerOf(input: RouteInput, venue: VenueId): Offer {
  const { order, lotSize } = input;
  const terms = input.venues.get(venue);
  const prices = lotPrices(input, venue);
  const sign = order.side === 'buy' ? 1n : -1n;
  const costs = [0n];
  let notional = 0n;
  for (const price of prices) {
    notional += BigInt(price) * BigInt(lotSize);
    let fee = notional * BigInt(terms?.cost.takerPpm ?? 0);
    const minimum = (terms?.cost.minimum ?? 0n) * 1_000_000n;
    if (minimum > 0n && fee < minimum) fee = minimum;
    const cap = terms?.cost.cap;
    if (cap !== undefined && fee > cap * 1_000_000n) fee = cap * 1_000_000n;
    costs.push(sign * notional * 1_000_000n + fee + (terms?.cost.fixed ?? 0n) * 1_000_000n);
  }
  return { venue, prices, costs, smallest: terms?.minimumLots ?? 1 };
}

/** The price of each lot that could be taken at a venue; none where it may not be used. */
function lotPrices(input: RouteInput, venue: VenueId): number[] {
  const { order, lotSize, tickSize, nowMs } = input;
  const shown = input.book.venues.find((each) => each.venue === venue);
  const terms = input.venues.get(venue);
  if (!shown || !terms || input.exclusions.has(venue)) return [];
  if (order.strategy === 'directed' && order.directedTo !== venue) return [];
  const firm = shown.state === 'live' && !shown.halted && shown.firm && shown.validUntilMs >= nowMs;
  if (!firm) return [];
  const buys = order.side === 'buy';
  const single: number[] = [];
  for (const { price, quantity } of buys ? shown.offers : shown.bids) {
    const { limitPrice } = order;
    if (limitPrice !== undefined && (buys ? price > limitPrice : price < limitPrice)) continue;
    const own = terms.ownOppositePrice;
    if (own !== undefined && (buys ? price >= own : price <= own)) continue;
    if (price % tickSize !== 0) continue;
    for (let lot = 1; lot * lotSize <= quantity; lot += 1) single.push(price);
  }
  const { agreed = single.length * lotSize } = terms;
  return single.slice(0, Math.floor(agreed / lotSize));
}
