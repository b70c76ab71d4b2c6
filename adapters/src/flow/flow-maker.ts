import type { Side } from '@stoa/schema';
import { EngineEvents } from '../embedded/engine-events.ts';
import type { EngineEvent } from '../embedded/engine-types.ts';
import { MatchingEngine } from '../embedded/matching-engine.ts';
import { type SeededRandom, seededRandom } from '../seeded-random.ts';

/** What one made file of order flow looks like. */
export interface FlowRecipe {
  readonly seed: number;
  /** Shared by files whose price shall move together, as one instrument's does at all its venues. */
  readonly priceSeed: number;
  /** US dollars × 10,000; added to the common price of 100.00. A whole number of ticks. */
  readonly offset: number;
  /** Actions a second after the opening book; some give several messages. */
  readonly pace: number;
  /** A short trading halt near the end. */
  readonly halt: boolean;
}

/** The files that ship with the project. */
export const SHIPPED_FLOWS: Readonly<Record<'alpha' | 'beta' | 'gamma', FlowRecipe>> = {
  alpha: { seed: 11, priceSeed: 7, offset: 0, pace: 7, halt: false },
  beta: { seed: 22, priceSeed: 7, offset: 100, pace: 6, halt: false },
  gamma: { seed: 33, priceSeed: 7, offset: -100, pace: 5, halt: true },
};

const TICK = 100;
const BASE_PRICE = 1_000_000;
const OPENING_LEVELS = 14;
/** A side with fewer prices than this gets orders at new prices, not cancels. */
const LEAST_LEVELS = 12;
const OPENS_AT = 34_200;
const LASTS_SECONDS = 600;
const HALT_AT = 590;
const HALT_SECONDS = 3;
const FIRST_ORDER_ID = 10_000_001;
/** Recorded orders from before the file have lower numbers. */
const OLDER_ORDER_ID = 9_000_000;

/**
 * Makes a file of order flow in LOBSTER's message columns: plausible, not recorded anywhere. A book
 * of our own stands behind it, so that every message about an order is true when it is written. One
 * recipe always gives the same text.
 */
export function makeFlow(recipe: FlowRecipe): string {
  const maker = new FlowMaker(recipe);
  return maker.make();
}

class FlowMaker {
  readonly #recipe: FlowRecipe;
  readonly #random: SeededRandom;
  readonly #events = new EngineEvents();
  readonly #book = new MatchingEngine(this.#events);
  readonly #fair: readonly number[];
  readonly #lines: string[] = [];
  /** Open order numbers; a random one is found without walking the book. */
  readonly #open: number[] = [];
  #time = OPENS_AT;
  #nextOrder = FIRST_ORDER_ID;

  constructor(recipe: FlowRecipe) {
    this.#recipe = recipe;
    this.#random = seededRandom(recipe.seed);
    this.#fair = fairPrices(recipe);
  }

  make(): string {
    this.#openBook();
    let halts = this.#recipe.halt;
    for (;;) {
      this.#time += -Math.log(1 - this.#random.next()) / this.#recipe.pace;
      if (this.#elapsed() >= LASTS_SECONDS) break;
      if (halts && this.#elapsed() >= HALT_AT) {
        halts = false;
        this.#halt();
      }
      this.#act();
    }
    return `${this.#lines.join('\n')}\n`;
  }

  #openBook(): void {
    for (let level = 1; level <= OPENING_LEVELS; level += 1) {
      for (const side of ['buy', 'sell'] as const) {
        for (let order = this.#random.between(1, 2); order > 0; order -= 1) {
          this.#time += 0.01;
          this.#submit(side, this.#awayFrom(this.#fairNow(), side, level + 1));
        }
      }
    }
  }

  #act(): void {
    this.#followPrice();
    const roll = this.#random.next();
    const side = this.#random.pick<Side>(['buy', 'sell']);
    const thin = this.#levels(side) < LEAST_LEVELS;
    if (thin) this.#submit(side, this.#newDeepPrice(side));
    else if (roll < 0.47) this.#submit(side, this.#quotePrice(side));
    else if (roll < 0.8) this.#delete();
    else if (roll < 0.87) this.#reduce();
    else if (roll < 0.955) this.#executeBest(side, this.#random.between(10, 300));
    else if (roll < 0.99) this.#executeHidden(side);
    else if (roll < 0.997) this.#olderOrder(side);
    else this.#line(6, -1, this.#size(), this.#fairNow(), -1);
  }

  /** Orders that the common price has moved through are executed: someone always takes them. */
  #followPrice(): void {
    for (const side of ['buy', 'sell'] as const) {
      for (;;) {
        const [best] = this.#best(side);
        const fair = this.#fairNow();
        const through = side === 'buy' ? best >= fair : best <= fair;
        if (!through || this.#levels(side) < LEAST_LEVELS) break;
        this.#executeBest(side, this.#best(side)[1]);
      }
    }
  }

  #submit(side: Side, price: number): void {
    const quantity = this.#size();
    const ref = this.#nextOrder;
    this.#nextOrder += 1;
    this.#book.submit({ ref, side, price, quantity, timeInForce: 'day' });
    this.#open.push(ref);
    this.#line(1, ref, quantity, price, direction(side));
  }

  #delete(): void {
    const order = this.#book.order(this.#takeOpen(true));
    if (order === undefined) return;
    this.#book.cancel(order.ref);
    this.#line(3, Number(order.ref), order.leaves, order.price, direction(order.side));
  }

  #reduce(): void {
    const order = this.#book.order(this.#takeOpen(false));
    if (order === undefined || order.leaves < 20) return;
    const size = this.#random.between(1, Math.floor(order.leaves / 10)) * 5;
    this.#book.reduce(order.ref, size);
    this.#line(2, Number(order.ref), size, order.price, direction(order.side));
  }

  /** Someone takes `quantity` at one side's best price: a message for each order that is hit. */
  #executeBest(side: Side, quantity: number): void {
    const [price, available] = this.#best(side);
    this.#events.take();
    this.#book.submit({
      ref: 0,
      side: side === 'buy' ? 'sell' : 'buy',
      price,
      quantity: Math.min(quantity, available),
      timeInForce: 'ioc',
    });
    for (const trade of this.#events.take().filter(isTrade)) {
      this.#line(4, Number(trade.maker), trade.quantity, trade.price, direction(side));
    }
  }

  #executeHidden(side: Side): void {
    const [bid] = this.#best('buy');
    const [offer] = this.#best('sell');
    const price = bid + this.#random.between(1, Math.max(1, (offer - bid) / TICK - 1)) * TICK;
    this.#line(5, 0, this.#random.between(1, 20) * 5, price, direction(side));
  }

  /** A message about an order that was entered before the file begins. */
  #olderOrder(side: Side): void {
    const orderId = OLDER_ORDER_ID + this.#random.between(1, 900_000);
    const price = this.#awayFrom(this.#fairNow(), side, this.#random.between(2, 12));
    this.#line(this.#random.pick([2, 3, 4]), orderId, this.#size(), price, direction(side));
  }

  #halt(): void {
    this.#line(7, 0, 0, -1, -1);
    this.#time += HALT_SECONDS;
    this.#line(7, 0, 0, 0, -1);
    this.#time += 0.5;
    this.#line(7, 0, 0, 1, -1);
  }

  /** A random open order; one that is to go must not leave its side too thin. */
  #takeOpen(goes: boolean): number {
    for (let tries = 0; tries < 50 && this.#open.length > 0; tries += 1) {
      const index = this.#random.between(0, this.#open.length - 1);
      const ref = this.#open[index] ?? 0;
      const order = this.#book.order(ref);
      if (order !== undefined && (!goes || this.#levels(order.side) >= LEAST_LEVELS)) return ref;
      // Executed or deleted since: the last one takes its place.
      if (order === undefined) this.#open[index] = this.#open.pop() ?? 0;
    }
    return 0;
  }

  /** One to eight ticks from the common price, near ones more often, never across the book. */
  #quotePrice(side: Side): number {
    const ticks = 1 + Math.floor(-Math.log(1 - this.#random.next()) * 3);
    const price = this.#awayFrom(this.#fairNow(), side, ticks);
    const [other] = this.#best(side === 'buy' ? 'sell' : 'buy');
    return side === 'buy' ? Math.min(price, other - TICK) : Math.max(price, other + TICK);
  }

  /** A price behind all others of its side. */
  #newDeepPrice(side: Side): number {
    const { bids, offers } = this.#book.depth(LEAST_LEVELS);
    const worst = (side === 'buy' ? bids : offers).at(-1)?.[0] ?? this.#fairNow();
    return this.#awayFrom(worst, side, 1);
  }

  #best(side: Side): readonly [price: number, quantity: number] {
    const { bids, offers } = this.#book.depth(1);
    const best = (side === 'buy' ? bids : offers)[0];
    if (best === undefined) throw new RangeError('a made book ran empty');
    return [best[0], best[1]];
  }

  #levels(side: Side): number {
    const { bids, offers } = this.#book.depth(LEAST_LEVELS);
    return (side === 'buy' ? bids : offers).length;
  }

  #awayFrom(price: number, side: Side, ticks: number): number {
    return side === 'buy' ? price - ticks * TICK : price + ticks * TICK;
  }

  #size(): number {
    return this.#random.between(5, 50) * 10;
  }

  #fairNow(): number {
    const second = Math.min(LASTS_SECONDS, Math.floor(this.#elapsed()));
    return (this.#fair[second] ?? BASE_PRICE) + this.#recipe.offset;
  }

  #elapsed(): number {
    return this.#time - OPENS_AT;
  }

  #line(type: number, orderId: number, size: number, price: number, side: 1 | -1): void {
    this.#lines.push([this.#time.toFixed(9), type, orderId, size, price, side].join(','));
  }
}

/** The common price at each second: a random walk of whole ticks within eight ticks of the base. */
function fairPrices({ priceSeed }: FlowRecipe): number[] {
  const random = seededRandom(priceSeed);
  const prices: number[] = [];
  let ticks = 0;
  for (let second = 0; second <= LASTS_SECONDS; second += 1) {
    if (second > 2 && random.next() < 0.12) ticks += random.next() * 16 < 8 - ticks ? 1 : -1;
    prices.push(BASE_PRICE + ticks * TICK);
  }
  return prices;
}

function direction(side: Side): 1 | -1 {
  return side === 'buy' ? 1 : -1;
}

function isTrade(event: EngineEvent): event is Extract<EngineEvent, { kind: 'trade' }> {
  return event.kind === 'trade';
}
