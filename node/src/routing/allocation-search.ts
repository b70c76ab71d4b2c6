import { ANY, AT_CAP, type CostCurves, UNUSED, USED } from './cost-curves.ts';

/** See cost-curves.ts: below this relative difference doubles are not trusted to compare quotients. */
const NEAR = 2 ** -50;
/** Relative error of a sum of costs, generously. */
const SUM_ERROR = 2 ** -46;

/**
 * Finds the allocation of lots to venues that fills the most and, of those, costs least; of those,
 * the one that gives the preferred venues most, in their order.
 *
 * Branch and bound over the venues' states (unused, below the cap, at the cap). The bound of a node
 * replaces every curve by its convex hull over the states that are left, and fills the cheapest slopes
 * first: that is optimal for convex curves, and leaves at most one venue inside a straight piece of
 * hull where its true cost is higher. Where none is left, the node's allocation is the best of its
 * kind; otherwise that one venue's states are split. A venue has three states, so the search ends.
 */
export class AllocationSearch {
  /** Lots of each venue in the allocation found. */
  best = new Float64Array(0);
  /** Nodes that the last search has looked at. */
  nodes = 0;

  readonly #curves: CostCurves;
  #target = 0;
  #budget = 0;
  #found = false;
  #bestCost = 0;
  #bestExact = 0n;
  /** States left of each venue, one row for each depth. */
  #states = new Uint8Array(0);
  #heads = new Uint32Array(0);
  #headSlopes = new Float64Array(0);
  #trial = new Float64Array(0);
  /** Venues that can fill the target together. */
  #chosen = new Uint8Array(0);
  /** Of the last relaxation: its bound and how exact it is, the split venue and its take. */
  #bound = 0;
  #error = 0;
  #split = -1;
  #take = 0;

  constructor(curves: CostCurves) {
    this.#curves = curves;
  }

  /**
   * Searches for the best allocation of at most `lots`.
   *
   * @param budget nodes to look at
   * @returns whether the search came to its end: {@link best} is then the optimum, else the best found
   */
  run(lots: number, budget: number): boolean {
    const { count, largest, smallest } = this.#curves;
    this.#grow(count);
    this.best.fill(0, 0, count);
    this.#found = false;
    this.nodes = 0;
    this.#budget = budget;
    let all = 0;
    let least = 0;
    for (let venue = 0; venue < count; venue += 1) {
      all += largest[venue] ?? 0;
      least += smallest[venue] ?? 0;
    }
    if (all <= lots) {
      for (let venue = 0; venue < count; venue += 1) this.best[venue] = largest[venue] ?? 0;
      return true;
    }
    this.#target = lots;
    this.#chosen.fill(1, 0, count);
    // Smallest orders can make it impossible to fill all of it.
    if (least > lots) this.#chooseTarget(lots, all);
    if (this.#target === 0) return this.nodes <= budget;
    this.#states.fill(ANY, 0, count);
    this.#explore(0);
    if (!this.#found) this.#takeChosen();
    return this.nodes <= budget;
  }

  /** The most that any choice of venues can fill, and that choice. */
  #chooseTarget(lots: number, all: number): void {
    const { largest, smallest, count } = this.#curves;
    const chosen = new Uint8Array(count);
    this.#target = 0;
    this.#chosen.fill(0, 0, count);
    const visit = (venue: number, least: number, most: number, left: number): void => {
      this.nodes += 1;
      if (least > lots || this.nodes > this.#budget) return;
      const fills = Math.min(lots, most);
      if (fills > this.#target) {
        this.#target = fills;
        this.#chosen.set(chosen);
      }
      if (venue === count || Math.min(lots, most + left) <= this.#target) return;
      const more = largest[venue] ?? 0;
      chosen[venue] = 1;
      visit(venue + 1, least + (smallest[venue] ?? 0), most + more, left - more);
      chosen[venue] = 0;
      visit(venue + 1, least, most, left - more);
    };
    visit(0, 0, 0, all);
  }

  /** What is better than nothing when the budget ended before any allocation was found. */
  #takeChosen(): void {
    for (let venue = 0; venue < this.#curves.count; venue += 1) {
      this.#states[venue] = this.#chosen[venue] === 1 ? USED : UNUSED;
    }
    if (this.#relax(0)) this.#offer();
  }

  /** Looks at the node whose states stand at `row`, and at what is below it. */
  #explore(row: number): void {
    this.nodes += 1;
    if (this.nodes > this.#budget || !this.#relax(row) || this.#isHopeless()) return;
    const { count, hulls, lots, smallest, states, stride } = this.#curves;
    const venue = this.#split;
    if (venue < 0) return this.#offer();
    const here = this.#heads[venue] ?? 0;
    const from = venue * stride + (hulls[here] ?? 0);
    const to = venue * stride + (hulls[here + 1] ?? 0);
    if (states[from] === states[to]) return this.#offer();
    // The true cost at this point is higher than the bound. It can be taken all the same, unless it
    // is less than the venue's smallest order.
    const upper = this.#take * 2 > (lots[to] ?? 0) - (lots[from] ?? 0);
    if ((lots[from] ?? 0) + this.#take >= (smallest[venue] ?? 1)) this.#offer();
    if (this.#isHopeless()) return;

    const left = this.#states[row + venue] ?? ANY;
    const apart = states[from] === UNUSED ? UNUSED : left & ~AT_CAP;
    const below = row + count;
    for (let pass = 0; pass < 2; pass += 1) {
      this.#states.copyWithin(below, row, row + count);
      this.#states[below + venue] = (pass === 0) === upper ? left & ~apart : apart;
      if (this.#orderTwins(below)) this.#explore(below);
    }
  }

  /**
   * Of venues with the very same curve the preferred one takes no less: any other allocation has an
   * equal with the two exchanged, which comes first. Without this, equal venues would be tried in
   * every combination.
   *
   * @returns false where that leaves a venue no state
   */
  #orderTwins(row: number): boolean {
    const { count, twins } = this.#curves;
    for (let venue = 1; venue < count; venue += 1) {
      const twin = twins[venue] ?? -1;
      if (twin < 0) continue;
      const highest = 31 - Math.clz32(this.#states[row + twin] ?? 0);
      this.#states[row + venue] = (this.#states[row + venue] ?? 0) & (2 ** (highest + 1) - 1);
      if (this.#states[row + venue] === 0) return false;
    }
    for (let venue = count - 1; venue > 0; venue -= 1) {
      const twin = twins[venue] ?? -1;
      if (twin < 0) continue;
      const states = this.#states[row + venue] ?? 0;
      const lowest = states & -states;
      this.#states[row + twin] = (this.#states[row + twin] ?? 0) & ~(lowest - 1);
      if (this.#states[row + twin] === 0) return false;
    }
    return true;
  }

  /** Whether nothing in the node that was last relaxed can be as good as what was found. */
  #isHopeless(): boolean {
    if (!this.#found) return false;
    const least = this.#bound - this.#error;
    if (this.#curves.wide) return least > this.#bestCost + this.#error;
    // Costs are whole.
    return Math.ceil(least) > this.#bestCost;
  }

  /**
   * Fills the target by the cheapest slopes of all hulls over the states at `row`; where slopes are
   * equal, at the preferred venue.
   *
   * @returns false where these states cannot fill it
   */
  #relax(row: number): boolean {
    const { count, hulls, lots, slopes, stride, hullLengths } = this.#curves;
    let rest = this.#target;
    let room = 0;
    for (let venue = 0; venue < count; venue += 1) {
      const states = this.#states[row + venue] ?? ANY;
      const head = this.#curves.hull(venue, states);
      const length = hullLengths[venue * 8 + states] ?? 0;
      if (length === 0) return false;
      const first = venue * stride;
      const least = lots[first + (hulls[head] ?? 0)] ?? 0;
      rest -= least;
      room += (lots[first + (hulls[head + length - 1] ?? 0)] ?? 0) - least;
      this.#heads[venue] = head;
      this.#headSlopes[venue] = slopes[head] ?? 0;
    }
    if (rest < 0 || rest > room) return false;
    this.#split = -1;
    this.#take = 0;
    while (rest > 0) {
      const venue = this.#cheapest(count);
      const head = this.#heads[venue] ?? 0;
      const first = venue * stride;
      const run =
        (lots[first + (hulls[head + 1] ?? 0)] ?? 0) - (lots[first + (hulls[head] ?? 0)] ?? 0);
      if (run > rest) {
        this.#split = venue;
        this.#take = rest;
        break;
      }
      rest -= run;
      this.#heads[venue] = head + 1;
      this.#headSlopes[venue] = slopes[head + 1] ?? 0;
    }
    this.#sumUp();
    return true;
  }

  /** The venue whose next slope is the least. */
  #cheapest(count: number): number {
    let cheapest = 0;
    let least = this.#headSlopes[0] ?? 0;
    for (let venue = 1; venue < count; venue += 1) {
      const slope = this.#headSlopes[venue] ?? 0;
      // A venue that has given all has an infinite slope, and is never the cheaper one.
      if (slope === Number.POSITIVE_INFINITY) continue;
      const margin = NEAR * Math.abs(slope);
      if (slope > least + margin) continue;
      if (slope < least - margin) {
        cheapest = venue;
        least = slope;
        continue;
      }
      if (this.#isCheaper(venue, cheapest)) {
        cheapest = venue;
        least = slope;
      }
    }
    return cheapest;
  }

  #isCheaper(venue: number, other: number): boolean {
    const { hulls, stride } = this.#curves;
    const head = this.#heads[venue] ?? 0;
    const otherHead = this.#heads[other] ?? 0;
    const first = venue * stride;
    const otherFirst = other * stride;
    return this.#curves.isCheaper(
      first + (hulls[head] ?? 0),
      first + (hulls[head + 1] ?? 0),
      otherFirst + (hulls[otherHead] ?? 0),
      otherFirst + (hulls[otherHead + 1] ?? 0),
    );
  }

  #sumUp(): void {
    const { count, costs, hulls, slopes, stride } = this.#curves;
    let bound = 0;
    let size = 0;
    for (let venue = 0; venue < count; venue += 1) {
      const cost = costs[venue * stride + (hulls[this.#heads[venue] ?? 0] ?? 0)] ?? 0;
      bound += cost;
      size += Math.abs(cost);
    }
    if (this.#split >= 0) {
      const part = (slopes[this.#heads[this.#split] ?? 0] ?? 0) * this.#take;
      bound += part;
      size += Math.abs(part);
    }
    this.#bound = bound;
    this.#error = size * SUM_ERROR;
  }

  /** Takes the last relaxation's allocation, at its true cost, if it is better than the best. */
  #offer(): void {
    const { count, hulls, lots, stride } = this.#curves;
    let cost = 0;
    for (let venue = 0; venue < count; venue += 1) {
      const at = lots[venue * stride + (hulls[this.#heads[venue] ?? 0] ?? 0)] ?? 0;
      const taken = venue === this.#split ? at + this.#take : at;
      this.#trial[venue] = taken;
      cost += this.#curves.costOf(venue, taken);
    }
    if (this.#found && !this.#isBetter(cost)) return;
    this.#found = true;
    this.#bestCost = cost;
    this.best.set(this.#trial.subarray(0, count));
    if (this.#curves.wide) this.#bestExact = this.#exactCost();
  }

  #isBetter(cost: number): boolean {
    const { count, wide } = this.#curves;
    if (wide) {
      const exact = this.#exactCost();
      if (exact !== this.#bestExact) return exact < this.#bestExact;
    } else if (cost !== this.#bestCost) {
      return cost < this.#bestCost;
    }
    for (let venue = 0; venue < count; venue += 1) {
      const difference = (this.#trial[venue] ?? 0) - (this.best[venue] ?? 0);
      if (difference !== 0) return difference > 0;
    }
    return false;
  }

  #exactCost(): bigint {
    let cost = 0n;
    for (let venue = 0; venue < this.#curves.count; venue += 1) {
      cost += this.#curves.exactCostOf(venue, this.#trial[venue] ?? 0);
    }
    return cost;
  }

  #grow(count: number): void {
    if (count <= this.best.length) return;
    this.best = new Float64Array(count);
    this.#trial = new Float64Array(count);
    this.#chosen = new Uint8Array(count);
    this.#heads = new Uint32Array(count);
    this.#headSlopes = new Float64Array(count);
    // Each split takes a state from one venue: no path is longer than two a venue.
    this.#states = new Uint8Array(count * (2 * count + 2));
  }
}
