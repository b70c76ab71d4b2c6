import { invariant, type Level, type RouteLeg, type VenueId } from '@stoa/schema';
import type { VenueBook } from '../market/market-view.ts';
import { AllocationSearch } from './allocation-search.ts';
import { CostCurves } from './cost-curves.ts';
import {
  MAX_EXACT_VENUES,
  ROUTER_VERSION,
  type Route,
  type RouteExclusion,
  type RouteInput,
  type RouteOrder,
  type RouteVenue,
} from './route.ts';

/** Nodes of the search tree that one call may look at; a node takes a few microseconds. */
const BUDGET = 20_000;
/** The same where there are more venues than are searched to the end. */
const BUDGET_BEYOND = 500;

/**
 * Room for one call's arithmetic, kept because making it anew costs more than a search. A call never
 * waits, so no two overlap, and each writes all that it reads: nothing passes from call to call.
 */
const curves = new CostCurves();
const search = new AllocationSearch(curves);
/** Prices in ticks and lots of the levels that may be used, venue after venue. */
const levelRoom = { prices: new Float64Array(0), lots: new Float64Array(0) };

/** A venue that may be used: the best price first, off-grid levels and broken lots left out. */
interface Usable {
  readonly venue: VenueId;
  readonly known: RouteVenue;
  /** Its first level in the room, and the one after its last. */
  readonly first: number;
  end: number;
  /** Lots of all its levels. */
  total: number;
}

/**
 * Where an order goes: what fills the most, then costs least in all, then gives the home venue and
 * after it the lower venue ids most. The cost is price × quantity, each venue's fee for its leg, and
 * a leg's own cost (see {@link VenueCost}); for a sale, what is paid less what is received.
 *
 * A level counts in whole lots, and only on the price grid: nothing else could be sent. A venue gets
 * nothing, or at least its smallest order.
 *
 * Fill-or-kill and all-or-none go whole to one venue, the cheapest that shows enough, or nowhere: no
 * two books fill or kill as one. What the investor could not settle is not routed, wherever it is shown:
 * of `settleable` no more is taken over all venues together. `home-first` takes all that home's book shows within the limit, and
 * then the rest as above. A minimum quantity that all venues together do not show routes nothing.
 *
 * Up to 16 venues the result is exact. Beyond, or in a case made to be hard, the search ends at a
 * budget with the best that it has found by then, and the route says so.
 */
export function route(input: RouteInput): Route {
  const { order, home } = input;
  const exclusions: RouteExclusion[] = [];
  const wanted = wantedLots(input);
  const usable: Usable[] = [];
  makeRoom(input);
  let used = 0;
  for (const quoted of input.book.venues) {
    const venue = usableVenue(quoted, { wanted, first: used }, input, exclusions);
    if (!venue) continue;
    usable.push(venue);
    used = venue.end;
  }
  usable.sort((one, other) => byPreference(one.venue, other.venue, home));
  const { taken, exact } = allocate(usable, wanted, input);
  const legs = legsOf(usable, taken, input);
  const filled = legs.reduce((sum, { quantity }) => sum + quantity, 0);
  invariant(filled <= order.quantity, 'a route is larger than its order');
  const enough = filled >= (order.minQuantity ?? 0);
  return {
    routerVersion: ROUTER_VERSION,
    legs: enough ? legs : [],
    unrouted: enough ? order.quantity - filled : order.quantity,
    exclusions: exclusions.toSorted((a, b) => byPreference(a.venue, b.venue, '')),
    exact,
  };
}

/** What may be taken over all venues together: none of an order that goes whole and could not settle so. */
function wantedLots({ order, lotSize }: RouteInput): number {
  const { quantity, settleable } = order;
  const most = Math.min(quantity, settleable?.quantity ?? quantity);
  return isWhole(order) && most < quantity ? 0 : (most - (most % lotSize)) / lotSize;
}

function isWhole({ timeInForce, allOrNone }: RouteOrder): boolean {
  return timeInForce === 'fok' || allOrNone === true;
}

/** Room for every level that is shown. */
function makeRoom({ book }: RouteInput): void {
  let most = 0;
  for (const { bids, offers } of book.venues) most += Math.max(bids.length, offers.length);
  if (most <= levelRoom.prices.length) return;
  levelRoom.prices = new Float64Array(most);
  levelRoom.lots = new Float64Array(most);
}

/** What can be taken at a venue; undefined, with the exclusion noted, where it is nothing. */
function usableVenue(
  quoted: VenueBook,
  { wanted, first }: { readonly wanted: number; readonly first: number },
  input: RouteInput,
  exclusions: RouteExclusion[],
): Usable | undefined {
  const { venue } = quoted;
  const known = input.venues.get(venue);
  const reason = whyUnusable(quoted, known, wanted, input);
  if (reason !== undefined || known === undefined) {
    exclusions.push({ venue, reason: reason ?? 'terms-unknown' });
    return undefined;
  }
  const usable: Usable = { venue, known, first, end: first, total: 0 };
  const selfTradeFrom = addLevels(quoted, usable, wanted, input);
  const { total } = usable;
  const tooLittle = total > 0 && total < known.minimumLots;
  if (selfTradeFrom !== undefined) {
    const all = total === 0 || tooLittle;
    exclusions.push({ venue, reason: 'self-trade', ...(!all && { fromPrice: selfTradeFrom }) });
  } else if (tooLittle) {
    exclusions.push({ venue, reason: 'below-minimum' });
  }
  return total > 0 && !tooLittle ? usable : undefined;
}

function whyUnusable(
  quoted: VenueBook,
  known: RouteVenue | undefined,
  wanted: number,
  { order, exclusions, nowMs, lotSize }: RouteInput,
): string | undefined {
  const excluded = exclusions.get(quoted.venue);
  if (excluded !== undefined) return excluded;
  if (order.strategy === 'directed' && quoted.venue !== order.directedTo) return 'not-directed';
  if (quoted.halted) return 'halted';
  if (quoted.state !== 'live') return quoted.state;
  if (!quoted.firm) return 'indicative';
  // The boundary counts as valid, as it does for everybody who reads the quote.
  if (quoted.validUntilMs < nowMs) return 'expired';
  if (known === undefined) return 'terms-unknown';
  if (order.settleable !== undefined && wanted === 0) return 'not-settleable';
  if ((known.agreed ?? lotSize) < lotSize) return 'no-agreement';
  return undefined;
}

/**
 * Adds the levels that can be taken, up to the quantity wanted.
 *
 * @returns the price from which on the investor's own order stands in the way, if a level was left out
 * for it
 */
function addLevels(
  quoted: VenueBook,
  usable: Usable,
  wanted: number,
  { order, tickSize, lotSize }: RouteInput,
): number | undefined {
  const { known } = usable;
  const { side, limitPrice } = order;
  const better = side === 'buy' ? 1 : -1;
  const levels: readonly Level[] = side === 'buy' ? quoted.offers : quoted.bids;
  const { ownOppositePrice } = known;
  const most = known.agreed ?? order.quantity;
  let left = Math.min(wanted, (most - (most % lotSize)) / lotSize);
  let last: number | undefined;
  for (const { price, quantity } of levels) {
    const inOrder = last === undefined || (price - last) * better > 0;
    invariant(inOrder && price > 0, 'the levels of a book are not in order', { price });
    last = price;
    if (limitPrice !== undefined && (price - limitPrice) * better > 0) return undefined;
    if (ownOppositePrice !== undefined && (price - ownOppositePrice) * better >= 0) return price;
    const whole = Math.min((quantity - (quantity % lotSize)) / lotSize, left);
    if (whole <= 0 || price % tickSize !== 0) continue;
    levelRoom.prices[usable.end] = price / tickSize;
    levelRoom.lots[usable.end] = whole;
    usable.end += 1;
    usable.total += whole;
    left -= whole;
    if (left === 0) return undefined;
  }
  return undefined;
}

/** Lots of each usable venue. */
function allocate(
  usable: readonly Usable[],
  wanted: number,
  input: RouteInput,
): { readonly taken: readonly number[]; readonly exact: boolean } {
  const { order, home } = input;
  if (isWhole(order)) {
    const one = wholeAt(usable, wanted, input);
    return { taken: usable.map((venue) => (venue === one ? wanted : 0)), exact: true };
  }
  const [first] = usable;
  const homeFirst = order.strategy === 'home-first' && first?.venue === home;
  const atHome = homeFirst ? first.total : 0;
  if (atHome >= wanted)
    return { taken: usable.map((_, index) => (index === 0 ? wanted : 0)), exact: true };
  const searched = homeFirst ? usable.slice(1) : usable;
  const { taken, exact } = cheapest(searched, wanted - atHome, input);
  return { taken: homeFirst ? [atHome, ...taken] : taken, exact };
}

/** The venue that takes the whole order at the least cost; home at once where it comes first. */
function wholeAt(usable: readonly Usable[], wanted: number, input: RouteInput): Usable | undefined {
  const able = usable.filter(({ total, known }) => total >= wanted && known.minimumLots <= wanted);
  const [first] = able;
  if (input.order.strategy === 'home-first' && first?.venue === input.home) return first;
  load(able, wanted, input);
  let best: { readonly venue: Usable; readonly cost: bigint } | undefined;
  for (const [index, venue] of able.entries()) {
    const cost = curves.exactCostOf(index, wanted);
    if (best === undefined || cost < best.cost) best = { venue, cost };
  }
  return best?.venue;
}

function cheapest(
  usable: readonly Usable[],
  wanted: number,
  input: RouteInput,
): { readonly taken: readonly number[]; readonly exact: boolean } {
  // A venue whose smallest order is larger than what is left has no part in this.
  const able = usable.filter(({ known }) => known.minimumLots <= wanted);
  if (able.length === 0 || wanted === 0) return { taken: usable.map(() => 0), exact: true };
  load(able, wanted, input);
  const budget = able.length <= MAX_EXACT_VENUES ? BUDGET : BUDGET_BEYOND;
  const exact = search.run(wanted, budget);
  let index = 0;
  const taken = usable.map((venue) => (venue === able[index] ? (search.best[index++] ?? 0) : 0));
  return { taken, exact };
}

/** Gives the venues' levels, up to what is wanted, to the curves. */
function load(usable: readonly Usable[], wanted: number, input: RouteInput): void {
  const sign = input.order.side === 'buy' ? 1 : -1;
  const most = usable.reduce((levels, { first, end }) => Math.max(levels, end - first), 0);
  curves.begin(sign, input.tickSize * input.lotSize, usable.length, most);
  const { prices, lots } = levelRoom;
  for (const { known, first, end } of usable) {
    curves.addVenue(known.cost, known.minimumLots);
    let left = wanted;
    for (let level = first; level < end && left > 0; level += 1) {
      const taken = Math.min(lots[level] ?? 0, left);
      curves.addLevel(prices[level] ?? 0, taken);
      left -= taken;
    }
  }
  curves.build();
}

/** One leg a venue, at the worst price used there; the venue with the best price first. */
function legsOf(
  usable: readonly Usable[],
  taken: readonly number[],
  { order, tickSize, lotSize }: RouteInput,
): RouteLeg[] {
  const used = usable.flatMap((venue, index) => {
    const lots = taken[index] ?? 0;
    return lots > 0 ? [{ venue, lots }] : [];
  });
  const better = order.side === 'buy' ? 1 : -1;
  const { prices, lots: shown } = levelRoom;
  used.sort((a, b) => ((prices[a.venue.first] ?? 0) - (prices[b.venue.first] ?? 0)) * better);
  return used.map(({ venue, lots }) => {
    let left = lots;
    let level = venue.first;
    for (; left > (shown[level] ?? left); level += 1) left -= shown[level] ?? 0;
    const limitPrice = (prices[level] ?? 0) * tickSize;
    return { venue: venue.venue, quantity: lots * lotSize, limitPrice };
  });
}

function byPreference(a: VenueId, b: VenueId, home: VenueId): number {
  if (a === b) return 0;
  if (a === home) return -1;
  if (b === home) return 1;
  return a < b ? -1 : 1;
}
