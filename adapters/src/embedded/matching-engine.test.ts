import type { Side, TimeInForce } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { type SeededRandom, seededRandom } from '../seeded-random.ts';
import type { EngineEvent, EngineOrder, OrderRef } from './engine-types.ts';
import { MatchingEngine } from './matching-engine.ts';
import { NaiveMatchingEngine } from './testing/naive-matching-engine.ts';

function limit(
  ref: OrderRef,
  side: Side,
  price: number | undefined,
  quantity: number,
  timeInForce: TimeInForce = 'day',
): EngineOrder {
  return { ref, side, price, quantity, timeInForce };
}

/** Trades as [maker, quantity@price], in order. */
function trades(events: readonly EngineEvent[]): string[] {
  return events.flatMap((event) =>
    event.kind === 'trade' ? [`${event.maker} ${event.quantity}@${event.price}`] : [],
  );
}

function kinds(events: readonly EngineEvent[]): string[] {
  return events.map((event) => ('reason' in event ? `${event.kind} ${event.reason}` : event.kind));
}

describe('the matching engine', () => {
  it('fills the best price first and, at one price, the oldest order first', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('old', 'sell', 101, 10));
    engine.submit(limit('young', 'sell', 101, 10));
    engine.submit(limit('best', 'sell', 100, 10));
    const events = engine.submit(limit('taker', 'buy', 101, 25));
    expect(trades(events)).toEqual(['best 10@100', 'old 10@101', 'young 5@101']);
    expect(events.at(-1)).toMatchObject({ makerLeaves: 5, takerLeaves: 0 });
    expect(engine.depth(10)).toEqual({ bids: [], offers: [[101, 5, 1]] });
  });

  it('rests what a limit order could not fill, at its own price', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('maker', 'buy', 100, 4));
    expect(trades(engine.submit(limit('taker', 'sell', 99, 10)))).toEqual(['maker 4@100']);
    expect(engine.depth(10)).toEqual({ bids: [], offers: [[99, 6, 1]] });
    expect(engine.order('taker')).toMatchObject({ cumulative: 4, leaves: 6, quantity: 10 });
  });

  it('cancels the rest of an immediate-or-cancel and of a market order', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('maker', 'sell', 100, 4));
    const ioc = engine.submit(limit('ioc', 'buy', 100, 10, 'ioc'));
    expect(kinds(ioc)).toEqual(['accepted', 'trade', 'canceled remainder']);
    expect(ioc.at(-1)).toMatchObject({ canceled: 6 });
    engine.submit(limit('far', 'sell', 900, 1));
    const market = engine.submit(limit('market', 'buy', undefined, 2, 'gtc'));
    expect(trades(market)).toEqual(['far 1@900']);
    expect(market.at(-1)).toMatchObject({ kind: 'canceled', canceled: 1 });
    expect(engine.openOrders).toBe(0);
  });

  it('fills a fill-or-kill whole or not at all', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('a', 'sell', 100, 4));
    engine.submit(limit('b', 'sell', 101, 4));
    const killed = engine.submit(limit('kill', 'buy', 100, 5, 'fok'));
    expect(kinds(killed)).toEqual(['accepted', 'canceled unfillable']);
    const filled = engine.submit(limit('fill', 'buy', 101, 8, 'fok'));
    expect(trades(filled)).toEqual(['a 4@100', 'b 4@101']);
  });

  it('keeps the place of an order whose quantity goes down, by reduce or by replace', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('first', 'buy', 100, 10));
    engine.submit(limit('second', 'buy', 100, 10));
    expect(engine.reduce('first', 3)).toEqual([
      { kind: 'reduced', ref: 'first', quantity: 7, leaves: 7 },
    ]);
    const same = engine.replace('first', { ref: 'first', price: 100, quantity: 7 });
    expect(same).toMatchObject([{ kind: 'replaced', keptPriority: true, leaves: 7 }]);
    const replaced = engine.replace('first', { ref: 'first-2', price: 100, quantity: 5 });
    expect(replaced).toMatchObject([{ kind: 'replaced', keptPriority: true, leaves: 5 }]);
    expect(trades(engine.submit(limit('taker', 'sell', 100, 6)))).toEqual([
      'first-2 5@100',
      'second 1@100',
    ]);
  });

  it('sends an order whose price or quantity goes up to the end of the queue', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('first', 'buy', 100, 10));
    engine.submit(limit('second', 'buy', 100, 10));
    engine.replace('first', { ref: 'first-2', price: 100, quantity: 11 });
    expect(trades(engine.submit(limit('taker', 'sell', 100, 12)))).toEqual([
      'second 10@100',
      'first-2 2@100',
    ]);
  });

  it('counts what was executed in a replacement, which may trade at its new price', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('order', 'buy', 100, 10));
    engine.submit(limit('hit', 'sell', 100, 4));
    expect(kinds(engine.replace('order', { ref: 'x', price: 100, quantity: 4 }))).toEqual([
      'rejected below-executed',
    ]);
    engine.submit(limit('offer', 'sell', 101, 2));
    const events = engine.replace('order', { ref: 'x', price: 101, quantity: 9 });
    expect(events[0]).toMatchObject({ kind: 'replaced', leaves: 5, keptPriority: false });
    expect(trades(events)).toEqual(['offer 2@101']);
    expect(engine.order('x')).toMatchObject({ cumulative: 6, leaves: 3, quantity: 9 });
  });

  it('takes cancels but no orders while halted', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('a', 'buy', 100, 5));
    engine.submit(limit('b', 'buy', 100, 5));
    engine.halt();
    expect(kinds(engine.submit(limit('c', 'sell', 100, 5)))).toEqual(['rejected halted']);
    expect(kinds(engine.replace('a', { ref: 'a2', price: 101, quantity: 5 }))).toEqual([
      'rejected halted',
    ]);
    expect(kinds(engine.cancel('a'))).toEqual(['canceled requested']);
    engine.resume();
    expect(trades(engine.submit(limit('c', 'sell', 100, 5)))).toEqual(['b 5@100']);
  });

  it('refuses what is no positive safe integer, no open order or no new name', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('a', 'buy', 100, 5));
    for (const price of [0, -1, 0.5, Number.NaN, 2 ** 53]) {
      expect(kinds(engine.submit(limit('x', 'buy', price, 1)))).toEqual(['rejected invalid-price']);
      expect(kinds(engine.submit(limit('x', 'buy', 1, price)))).toEqual([
        'rejected invalid-quantity',
      ]);
    }
    expect(kinds(engine.submit(limit('a', 'buy', 1, 1)))).toEqual(['rejected duplicate-order']);
    expect(kinds(engine.cancel('gone'))).toEqual(['rejected unknown-order']);
    expect(engine.depth(10)).toEqual({ bids: [[100, 5, 1]], offers: [] });
  });

  it('never lets the total of a price leave the safe integers', () => {
    const engine = new MatchingEngine();
    engine.submit(limit('a', 'buy', 100, Number.MAX_SAFE_INTEGER));
    expect(kinds(engine.submit(limit('b', 'buy', 100, 1)))).toEqual([
      'accepted',
      'canceled level-full',
    ]);
    expect(engine.openOrders).toBe(1);
  });
});

type Engine = MatchingEngine | NaiveMatchingEngine;

/** One random operation on few prices and names, so that orders meet, and some that must fail. */
function randomOperation(random: SeededRandom, step: number): (engine: Engine) => EngineEvent[] {
  const known = (): OrderRef => Math.max(0, step - random.between(0, 120));
  const price = random.between(95, 105);
  const quantity = random.between(1, 40);
  const roll = random.next();
  if (roll < 0.6) {
    const ref = random.next() < 0.02 ? known() : step;
    const side = random.pick<Side>(['buy', 'sell']);
    const timeInForce = random.pick<TimeInForce>(['day', 'gtc', 'day', 'gtc', 'ioc', 'fok']);
    const size = random.next() < 0.01 ? random.pick([0, -1, 1.5, 2 ** 53]) : quantity;
    const limitPrice = random.next() < 0.05 ? undefined : price;
    const cumulative = random.next() < 0.05 ? random.between(-1, quantity) : 0;
    const order = { ref, side, price: limitPrice, quantity: size, timeInForce, cumulative };
    return (engine) => engine.submit(order);
  }
  const ref = known();
  if (roll < 0.72) return (engine) => engine.cancel(ref);
  if (roll < 0.84) return (engine) => engine.reduce(ref, quantity);
  if (roll < 0.98) {
    const by = { ref: random.next() < 0.9 ? step : known(), price, quantity };
    return (engine) => engine.replace(ref, by);
  }
  const halts = random.next() < 0.4;
  return (engine) => {
    if (halts) engine.halt();
    else engine.resume();
    return [];
  };
}

describe('the matching engine and its naive twin', () => {
  it.each([1, 2, 3, 20261123])('agree on 5,000 random operations from seed %i', (seed) => {
    const random = seededRandom(seed);
    const engine = new MatchingEngine();
    const naive = new NaiveMatchingEngine();
    let traded = 0;
    for (let step = 1; step <= 5_000; step += 1) {
      const operation = randomOperation(random, step);
      const events = operation(engine);
      const where = `seed ${seed}, step ${step}`;
      expect(events, where).toEqual(operation(naive));
      expect(engine.depth(5), where).toEqual(naive.depth(5));
      expect(engine.digest(), where).toBe(naive.digest());
      traded += trades(events).length;
    }
    expect(traded).toBeGreaterThan(1_000);
  });
});
