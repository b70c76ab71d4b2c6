import { invariant } from '@stoa/schema';
import { COST_MICROS, type VenueCost } from './venue-cost.ts';

/** The states of a venue in an allocation, as bits: unused, fee below its cap, fee at its cap. */
export const UNUSED = 1;
export const BELOW_CAP = 2;
export const AT_CAP = 4;
export const USED = BELOW_CAP | AT_CAP;
export const ANY = UNUSED | USED;

/** A level's end, and where the curve bends inside one: smallest order, minimum fee, cap. */
const BENDS = 8;
/** Beyond a relative difference of this, two quotients of doubles compare as the true ones do. */
const NEAR = 2 ** -50;
const MICROS = 1_000_000;

/**
 * What each venue charges for so many lots, as points with straight lines between them, and the lower
 * convex hulls of those curves over a choice of states.
 *
 * Within one state a curve is convex: prices get worse with the quantity, and so does the fee. The
 * whole curve is not: the first lot costs the fixed cost at once, and a capped fee stops growing.
 *
 * Costs are whole multiples of one unit, found per call: the greatest common divisor of everything
 * that adds up. So they are exact in doubles up to 2^53 of that unit, which is asserted; beyond, costs
 * are kept as bigints beside the doubles, and whatever doubles cannot tell apart is decided by them.
 *
 * The arrays are kept from call to call and grow with the largest one; every call writes what it reads.
 */
export class CostCurves {
  /** Venues of this call, the preferred first. */
  count = 0;
  /** Whether costs do not fit doubles. */
  wide = false;
  /** Capacity of a venue in points. */
  stride = 0;
  /** Points of each venue: lots, cost, state. */
  lots = new Float64Array(0);
  costs = new Float64Array(0);
  states = new Uint8Array(0);
  /** Points of each hull, as indexes into a venue's points, and slopes to the next. */
  hulls = new Uint16Array(0);
  slopes = new Float64Array(0);
  /** Points of each hull; 0 where it was not built yet. */
  hullLengths = new Uint16Array(0);
  pointCounts = new Uint16Array(0);
  /** The smallest and the largest quantity of each venue, in lots. */
  smallest = new Float64Array(0);
  largest = new Float64Array(0);
  /** For each venue the last one before it whose curve is the very same; -1 where there is none. */
  twins = new Int16Array(0);
  #exactCosts: bigint[] = [];

  #venues = 0;
  #levels = 0;
  #levelCounts = new Uint16Array(0);
  #prices = new Float64Array(0);
  #endLots = new Float64Array(0);
  #endNotional = new Float64Array(0);
  #terms: VenueCost[] = [];
  #sign = 1;
  /** Price × quantity of one tick and one lot. */
  #grain = 1;
  #rates = new Float64Array(0);
  #minimums = new Float64Array(0);
  #caps = new Float64Array(0);
  #fixed = new Float64Array(0);
  #perNotional = 0;
  readonly #bends = new Float64Array(5);

  /** Forgets the last call. `grain` is tick × lot; `sign` is 1 for a buy, -1 for a sale. */
  begin(sign: number, grain: number, venues: number, levels: number): void {
    this.count = 0;
    this.#sign = sign;
    this.#grain = grain;
    this.#terms.length = 0;
    if (venues > this.#venues || levels > this.#levels) this.#grow(venues, levels);
  }

  /** Adds a venue; its levels follow by {@link addLevel}. */
  addVenue(cost: VenueCost, minimumLots: number): void {
    this.#terms.push(cost);
    this.smallest[this.count] = minimumLots;
    this.largest[this.count] = 0;
    this.#levelCounts[this.count] = 0;
    this.count += 1;
  }

  /** Takes the last venue back: it offers too little. */
  dropVenue(): void {
    this.count -= 1;
    this.#terms.length = this.count;
  }

  /** Adds a level to the last venue, best first: price in ticks, and quantity in lots. */
  addLevel(price: number, lots: number): void {
    const venue = this.count - 1;
    const index = this.#levelCounts[venue] ?? 0;
    const at = venue * this.#levels + index;
    const notional = index === 0 ? 0 : (this.#endNotional[at - 1] ?? 0);
    const total = (this.largest[venue] ?? 0) + lots;
    this.#prices[at] = price;
    this.#endLots[at] = total;
    this.#endNotional[at] = notional + price * lots;
    this.largest[venue] = total;
    this.#levelCounts[venue] = index + 1;
  }

  /** Turns levels and terms into points. */
  build(): void {
    this.#chooseUnit();
    this.hullLengths.fill(0, 0, this.count * 8);
    for (let venue = 0; venue < this.count; venue += 1) {
      this.#sortBends(venue);
      if (this.wide) this.#buildWide(venue);
      else this.#build(venue);
      this.twins[venue] = this.#twinOf(venue);
    }
  }

  #twinOf(venue: number): number {
    for (let other = venue - 1; other >= 0; other -= 1) {
      if (this.#isSame(venue, other)) return other;
    }
    return -1;
  }

  #isSame(venue: number, other: number): boolean {
    const points = this.pointCounts[venue] ?? 0;
    if (points !== this.pointCounts[other]) return false;
    // From the end: costs that add up are the least likely to be equal there.
    for (let index = points - 1; index > 0; index -= 1) {
      const at = venue * this.stride + index;
      const there = other * this.stride + index;
      if (this.costs[at] !== this.costs[there] || this.lots[at] !== this.lots[there]) return false;
      if (this.wide && this.#exactCosts[at] !== this.#exactCosts[there]) return false;
    }
    return true;
  }

  /** The hull of a venue over states, built when first asked for: offset of its points. */
  hull(venue: number, states: number): number {
    const index = venue * 8 + states;
    if (this.hullLengths[index] === 0) this.#buildHull(venue, states);
    return index * this.stride;
  }

  /** Cost of so many lots at a venue; exact unless {@link wide}. */
  costOf(venue: number, lots: number): number {
    const at = this.#pointBefore(venue, lots);
    const from = this.lots[at] ?? 0;
    const cost = this.costs[at] ?? 0;
    if (from === lots) return cost;
    const slope = ((this.costs[at + 1] ?? 0) - cost) / ((this.lots[at + 1] ?? 0) - from);
    return cost + slope * (lots - from);
  }

  /** The same to the last digit, whatever its size. */
  exactCostOf(venue: number, lots: number): bigint {
    if (!this.wide) return BigInt(this.costOf(venue, lots));
    const at = this.#pointBefore(venue, lots);
    const from = this.lots[at] ?? 0;
    const cost = this.#exactCosts[at] ?? 0n;
    if (from === lots) return cost;
    const rise = (this.#exactCosts[at + 1] ?? 0n) - cost;
    return cost + (rise / BigInt((this.lots[at + 1] ?? 0) - from)) * BigInt(lots - from);
  }

  /**
   * Whether going from one point to the next costs less a lot at one venue than at another; points as
   * indexes into {@link lots}. Exact; meant for slopes that doubles hold for equal.
   */
  isCheaper(from: number, to: number, otherFrom: number, otherTo: number): boolean {
    const run = (this.lots[to] ?? 0) - (this.lots[from] ?? 0);
    const otherRun = (this.lots[otherTo] ?? 0) - (this.lots[otherFrom] ?? 0);
    if (!this.wide) {
      const one = ((this.costs[to] ?? 0) - (this.costs[from] ?? 0)) * otherRun;
      const other = ((this.costs[otherTo] ?? 0) - (this.costs[otherFrom] ?? 0)) * run;
      const safe = Number.MAX_SAFE_INTEGER;
      if (Math.abs(one) <= safe && Math.abs(other) <= safe) return one < other;
    }
    const rise = this.#exactRise(from, to) * BigInt(otherRun);
    return rise < this.#exactRise(otherFrom, otherTo) * BigInt(run);
  }

  #exactRise(from: number, to: number): bigint {
    if (this.wide) return (this.#exactCosts[to] ?? 0n) - (this.#exactCosts[from] ?? 0n);
    return BigInt((this.costs[to] ?? 0) - (this.costs[from] ?? 0));
  }

  #slope(from: number, to: number): number {
    const run = (this.lots[to] ?? 0) - (this.lots[from] ?? 0);
    if (this.wide) return Number(this.#exactRise(from, to)) / run;
    return ((this.costs[to] ?? 0) - (this.costs[from] ?? 0)) / run;
  }

  /** The last point of a venue with no more than so many lots. */
  #pointBefore(venue: number, lots: number): number {
    let at = venue * this.stride + (this.pointCounts[venue] ?? 1) - 1;
    while ((this.lots[at] ?? 0) > lots) at -= 1;
    return at;
  }

  /**
   * The unit that every cost is a multiple of, what each charge is in it, and whether the sum of all
   * that could be charged fits a double.
   */
  #chooseUnit(): void {
    const { count } = this;
    let shared = MICROS;
    for (let venue = 0; venue < count; venue += 1) {
      shared = gcd(shared, Math.abs(this.#terms[venue]?.takerPpm ?? 0));
    }
    let unit = this.#grain * shared;
    this.wide = this.#grain > Number.MAX_SAFE_INTEGER / MICROS;
    if (this.wide) unit = 1;
    for (let venue = 0; venue < count; venue += 1) {
      const { minimum, cap = 0n, fixed } = this.#termsOf(venue);
      if (minimum > 0n) unit = sharedUnit(unit, minimum);
      if (cap > 0n) unit = sharedUnit(unit, cap);
      if (fixed > 0n) unit = sharedUnit(unit, fixed);
    }
    const perNotional = (this.#grain * MICROS) / unit;
    let most = 0;
    for (let venue = 0; venue < count; venue += 1) {
      const { takerPpm, minimum, cap, fixed } = this.#termsOf(venue);
      const rate = (this.#grain * takerPpm) / unit;
      this.#rates[venue] = rate;
      this.#minimums[venue] = (Number(minimum) * MICROS) / unit;
      this.#caps[venue] = cap === undefined ? -1 : (Number(cap) * MICROS) / unit;
      this.#fixed[venue] = (Number(fixed) * MICROS) / unit;
      const last = venue * this.#levels + (this.#levelCounts[venue] ?? 1) - 1;
      most += (this.#endNotional[last] ?? 0) * (perNotional + Math.abs(rate));
      most +=
        (this.#minimums[venue] ?? 0) + (this.#caps[venue] ?? 0) + (this.#fixed[venue] ?? 0) + 1;
    }
    this.#perNotional = perNotional;
    // Half, so that no difference of two sums leaves the range either. NaN and infinity are wide.
    this.wide ||= !(most <= Number.MAX_SAFE_INTEGER / 2);
  }

  #termsOf(venue: number): VenueCost {
    const terms = this.#terms[venue];
    invariant(terms !== undefined, 'a venue has no cost');
    return terms;
  }

  /** Where the curve bends inside levels: the smallest order, the minimum fee's end, the cap. */
  #sortBends(venue: number): void {
    const bends = this.#bends;
    bends.fill(Number.POSITIVE_INFINITY);
    const smallest = this.smallest[venue] ?? 1;
    bends[0] = smallest;
    if (this.wide) {
      const { takerPpm, minimum, cap } = this.#termsOf(venue);
      if (takerPpm <= 0) return;
      if (minimum > 0n) bends[1] = this.#wideLotsWithin(venue, minimum);
      if (cap !== undefined) bends[3] = cap <= minimum ? 0 : this.#wideLotsWithin(venue, cap);
    } else {
      const minimum = this.#minimums[venue] ?? 0;
      const cap = this.#caps[venue] ?? -1;
      if ((this.#rates[venue] ?? 0) <= 0) return;
      if (minimum > 0) bends[1] = this.#lotsWithin(venue, minimum);
      if (cap >= 0) bends[3] = cap <= minimum ? 0 : this.#lotsWithin(venue, cap);
    }
    bends[2] = (bends[1] ?? 0) + 1;
    bends[4] = (bends[3] ?? 0) + 1;
  }

  /** The most lots whose proportional fee is within an amount; infinite where all are. */
  #lotsWithin(venue: number, amount: number): number {
    const rate = this.#rates[venue] ?? 0;
    const first = venue * this.#levels;
    let lots = 0;
    let fee = 0;
    for (let at = first; at < first + (this.#levelCounts[venue] ?? 0); at += 1) {
      const end = (this.#endNotional[at] ?? 0) * rate;
      if (end > amount) {
        const perLot = (this.#prices[at] ?? 0) * rate;
        let more = Math.floor((amount - fee) / perLot);
        // The quotient may be rounded up to the next whole number.
        if (more * perLot > amount - fee) more -= 1;
        return lots + more;
      }
      lots = this.#endLots[at] ?? 0;
      fee = end;
    }
    return Number.POSITIVE_INFINITY;
  }

  #wideLotsWithin(venue: number, amount: bigint): number {
    const rate = BigInt(this.#termsOf(venue).takerPpm) * BigInt(this.#grain);
    const most = amount * COST_MICROS;
    const first = venue * this.#levels;
    let lots = 0;
    let fee = 0n;
    for (let at = first; at < first + (this.#levelCounts[venue] ?? 0); at += 1) {
      const perLot = BigInt(this.#prices[at] ?? 0) * rate;
      const end = fee + perLot * BigInt((this.#endLots[at] ?? 0) - lots);
      if (end > most) return lots + Number((most - fee) / perLot);
      lots = this.#endLots[at] ?? 0;
      fee = end;
    }
    return Number.POSITIVE_INFINITY;
  }

  #build(venue: number): void {
    const first = venue * this.#levels;
    const rate = this.#rates[venue] ?? 0;
    const minimum = this.#minimums[venue] ?? 0;
    const cap = this.#caps[venue] ?? -1;
    const fixed = this.#fixed[venue] ?? 0;
    const perNotional = this.#perNotional * this.#sign;
    let lots = 0;
    let notional = 0;
    let at = this.#addUnused(venue);
    for (let level = first; level < first + (this.#levelCounts[venue] ?? 0); level += 1) {
      const price = this.#prices[level] ?? 0;
      const end = this.#endLots[level] ?? 0;
      for (let x = this.#nextPoint(lots, end); x > 0; x = this.#nextPoint(x, end)) {
        const traded = notional + price * (x - lots);
        let fee = traded * rate;
        if (minimum > 0 && fee < minimum) fee = minimum;
        if (cap >= 0 && fee > cap) fee = cap;
        at = this.#addPoint(at, x, traded * perNotional + fee + fixed);
      }
      lots = end;
      notional = this.#endNotional[level] ?? 0;
    }
    this.pointCounts[venue] = at - venue * this.stride;
  }

  #buildWide(venue: number): void {
    const { takerPpm, minimum, cap, fixed } = this.#termsOf(venue);
    const grain = BigInt(this.#grain);
    const first = venue * this.#levels;
    let lots = 0;
    let notional = 0n;
    let at = this.#addUnused(venue);
    this.#exactCosts[at - 1] = 0n;
    for (let level = first; level < first + (this.#levelCounts[venue] ?? 0); level += 1) {
      const price = BigInt(this.#prices[level] ?? 0) * grain;
      const end = this.#endLots[level] ?? 0;
      for (let x = this.#nextPoint(lots, end); x > 0; x = this.#nextPoint(x, end)) {
        const traded = notional + price * BigInt(x - lots);
        let fee = traded * BigInt(takerPpm);
        if (minimum > 0n && fee < minimum * COST_MICROS) fee = minimum * COST_MICROS;
        if (cap !== undefined && fee > cap * COST_MICROS) fee = cap * COST_MICROS;
        const cost = (traded * BigInt(this.#sign) + fixed) * COST_MICROS + fee;
        this.#exactCosts[at] = cost;
        at = this.#addPoint(at, x, Number(cost));
      }
      notional += price * BigInt(end - lots);
      lots = end;
    }
    this.pointCounts[venue] = at - venue * this.stride;
  }

  #addUnused(venue: number): number {
    const at = venue * this.stride;
    this.lots[at] = 0;
    this.costs[at] = 0;
    this.states[at] = UNUSED;
    return at + 1;
  }

  #addPoint(at: number, lots: number, cost: number): number {
    this.lots[at] = lots;
    this.costs[at] = cost;
    this.states[at] = lots <= (this.#bends[3] ?? 0) ? BELOW_CAP : AT_CAP;
    return at + 1;
  }

  /** The next place in a level where a point stands; 0 behind its end. None before the smallest order. */
  #nextPoint(after: number, end: number): number {
    const bends = this.#bends;
    const smallest = bends[0] ?? 1;
    if (after >= end || end < smallest) return 0;
    let next = end;
    for (let index = 0; index < bends.length; index += 1) {
      const bend = bends[index] ?? 0;
      if (bend > after && bend < next && bend >= smallest) next = bend;
    }
    return next;
  }

  /** Andrew's monotone chain from below, over the points in these states. */
  #buildHull(venue: number, states: number): void {
    const first = venue * this.stride;
    const offset = (venue * 8 + states) * this.stride;
    let length = 0;
    for (let index = 0; index < (this.pointCounts[venue] ?? 0); index += 1) {
      if (((this.states[first + index] ?? 0) & states) === 0) continue;
      while (length > 1 && this.#isAbove(first, offset + length - 2, first + index)) length -= 1;
      if (length > 0) {
        const before = first + (this.hulls[offset + length - 1] ?? 0);
        this.slopes[offset + length - 1] = this.#slope(before, first + index);
      }
      this.hulls[offset + length] = index;
      length += 1;
    }
    if (length > 0) this.slopes[offset + length - 1] = Number.POSITIVE_INFINITY;
    this.hullLengths[venue * 8 + states] = length;
  }

  /** Whether the last point of a hull lies above the line from the one before to a new one. */
  #isAbove(first: number, lastButOne: number, point: number): boolean {
    const from = first + (this.hulls[lastButOne] ?? 0);
    const middle = first + (this.hulls[lastButOne + 1] ?? 0);
    const slope = this.slopes[lastButOne] ?? 0;
    const next = this.#slope(middle, point);
    if (Math.abs(slope - next) > NEAR * Math.max(Math.abs(slope), Math.abs(next))) {
      return slope > next;
    }
    return this.isCheaper(middle, point, from, middle);
  }

  #grow(venues: number, levels: number): void {
    const most = (this.#venues = Math.max(venues, this.#venues));
    this.#levels = Math.max(levels, this.#levels);
    this.stride = this.#levels + BENDS;
    const points = most * this.stride;
    this.lots = new Float64Array(points);
    this.costs = new Float64Array(points);
    this.states = new Uint8Array(points);
    this.hulls = new Uint16Array(points * 8);
    this.slopes = new Float64Array(points * 8);
    this.hullLengths = new Uint16Array(most * 8);
    this.pointCounts = new Uint16Array(most);
    this.smallest = new Float64Array(most);
    this.largest = new Float64Array(most);
    this.twins = new Int16Array(most);
    this.#levelCounts = new Uint16Array(most);
    this.#prices = new Float64Array(most * this.#levels);
    this.#endLots = new Float64Array(most * this.#levels);
    this.#endNotional = new Float64Array(most * this.#levels);
    this.#rates = new Float64Array(most);
    this.#minimums = new Float64Array(most);
    this.#caps = new Float64Array(most);
    this.#fixed = new Float64Array(most);
  }
}

/** The greatest unit that a unit and an amount of notional units are both multiples of. */
function sharedUnit(unit: number, amount: bigint): number {
  const micros = Number(amount) * MICROS;
  if (micros <= Number.MAX_SAFE_INTEGER) return gcd(unit, micros % unit);
  return gcd(unit, Number((amount * COST_MICROS) % BigInt(unit)));
}

function gcd(one: number, other: number): number {
  let a = one;
  let b = other;
  while (b > 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}
