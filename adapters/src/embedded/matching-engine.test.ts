import type { Side, TimeInForce } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { EngineEvents } from './engine-events.ts';
import type { EngineEvent, EngineOrder, OrderRef } from './engine-types.ts';
import { MatchingEngine, type MatchingEngineOptions } from './matching-engine.ts';
import { compareEngines } from './testing/compare-engines.ts';

/** An engine whose operations answer what it told meanwhile. */
function newEngine(options: MatchingEngineOptions = {}) {
  const events = new EngineEvents();
  const engine = new MatchingEngine(events, options);
  const telling =
    <Input extends unknown[]>(operation: (...input: Input) => unknown) =>
    (...input: Input): EngineEvent[] => {
      operation(...input);
      return events.take();
    };
  return {
    submit: telling((order: EngineOrder) => engine.submit(order)),
    cancel: telling((ref: OrderRef) => engine.cancel(ref)),
    reduce: telling((ref: OrderRef, by: number) => engine.reduce(ref, by)),
    reopen: telling((ref: OrderRef, by: number) => engine.reopen(ref, by)),
    replace: telling((ref: OrderRef, by: { ref: OrderRef; price: number; quantity: number }) =>
      engine.replace(ref, by),
    ),
    expire: telling((atMs: number, endOfDay: boolean) => engine.expire(atMs, endOfDay)),
    uncross: telling((reference: number | undefined) => engine.uncross(reference)),
    halt: telling(() => engine.halt()),
    resume: telling(() => engine.resume()),
    close: telling(() => engine.close()),
    startAuction: telling(() => engine.startAuction()),
    depth: (levels: number) => engine.depth(levels),
    order: (ref: OrderRef) => engine.order(ref),
    openOrders: () => engine.openOrders,
  };
}

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
    const engine = newEngine();
    engine.submit(limit('old', 'sell', 101, 10));
    engine.submit(limit('young', 'sell', 101, 10));
    engine.submit(limit('best', 'sell', 100, 10));
    const events = engine.submit(limit('taker', 'buy', 101, 25));
    expect(trades(events)).toEqual(['best 10@100', 'old 10@101', 'young 5@101']);
    expect(events.at(-1)).toMatchObject({ makerLeaves: 5, takerLeaves: 0 });
    expect(engine.depth(10)).toEqual({ bids: [], offers: [[101, 5, 1]] });
  });

  it('rests what a limit order could not fill, at its own price', () => {
    const engine = newEngine();
    engine.submit(limit('maker', 'buy', 100, 4));
    expect(trades(engine.submit(limit('taker', 'sell', 99, 10)))).toEqual(['maker 4@100']);
    expect(engine.depth(10)).toEqual({ bids: [], offers: [[99, 6, 1]] });
    expect(engine.order('taker')).toMatchObject({ cumulative: 4, leaves: 6, quantity: 10 });
  });

  it('cancels the rest of an immediate-or-cancel and of a market order', () => {
    const engine = newEngine();
    engine.submit(limit('maker', 'sell', 100, 4));
    const ioc = engine.submit(limit('ioc', 'buy', 100, 10, 'ioc'));
    expect(kinds(ioc)).toEqual(['accepted', 'trade', 'canceled remainder']);
    expect(ioc.at(-1)).toMatchObject({ canceled: 6 });
    engine.submit(limit('far', 'sell', 900, 1));
    const market = engine.submit(limit('market', 'buy', undefined, 2, 'gtc'));
    expect(trades(market)).toEqual(['far 1@900']);
    expect(market.at(-1)).toMatchObject({ kind: 'canceled', canceled: 1 });
    expect(engine.openOrders()).toBe(0);
  });

  it('fills a fill-or-kill whole or not at all', () => {
    const engine = newEngine();
    engine.submit(limit('a', 'sell', 100, 4));
    engine.submit(limit('b', 'sell', 101, 4));
    const killed = engine.submit(limit('kill', 'buy', 100, 5, 'fok'));
    expect(kinds(killed)).toEqual(['accepted', 'canceled unfillable']);
    const filled = engine.submit(limit('fill', 'buy', 101, 8, 'fok'));
    expect(trades(filled)).toEqual(['a 4@100', 'b 4@101']);
  });

  it('keeps the place of an order whose quantity goes down, by reduce or by replace', () => {
    const engine = newEngine();
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
    const engine = newEngine();
    engine.submit(limit('first', 'buy', 100, 10));
    engine.submit(limit('second', 'buy', 100, 10));
    engine.replace('first', { ref: 'first-2', price: 100, quantity: 11 });
    expect(trades(engine.submit(limit('taker', 'sell', 100, 12)))).toEqual([
      'second 10@100',
      'first-2 2@100',
    ]);
  });

  it('counts what was executed in a replacement, which may trade at its new price', () => {
    const engine = newEngine();
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
    const engine = newEngine();
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
    const engine = newEngine();
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

  it('never lets the total of a side leave the safe integers', () => {
    const engine = newEngine();
    engine.submit(limit('a', 'buy', 100, Number.MAX_SAFE_INTEGER));
    expect(kinds(engine.submit(limit('b', 'buy', 100, 1)))).toEqual([
      'accepted',
      'canceled book-full',
    ]);
    expect(engine.openOrders()).toBe(1);
  });
});

describe('the matching engine’s order terms', () => {
  it('fills an all-or-none order whole or lets it wait unseen, behind what is shown', () => {
    const engine = newEngine();
    engine.submit({ ...limit('aon', 'buy', 100, 10), allOrNone: true });
    expect(engine.depth(10)).toEqual({ bids: [], offers: [] });
    expect(kinds(engine.submit(limit('small', 'sell', 100, 9)))).toEqual(['accepted']);
    const events = engine.submit(limit('rest', 'sell', 100, 3));
    expect(trades(events)).toEqual(['small 9@100', 'rest 1@100']);
    expect(events[1]).toMatchObject({ taker: 'aon' });
    expect(engine.depth(10)).toEqual({ bids: [], offers: [[100, 2, 1]] });
    engine.submit({ ...limit('behind', 'sell', 100, 2), allOrNone: true });
    expect(trades(engine.submit(limit('taker', 'buy', 100, 4)))).toEqual([
      'rest 2@100',
      'behind 2@100',
    ]);
  });

  it('passes an all-or-none order that is too large for what comes', () => {
    const engine = newEngine();
    engine.submit({ ...limit('large', 'sell', 99, 10), allOrNone: true });
    engine.submit(limit('next', 'sell', 100, 5));
    expect(trades(engine.submit(limit('taker', 'buy', 100, 6)))).toEqual(['next 5@100']);
    expect(engine.order('large')).toMatchObject({ leaves: 10 });
  });

  it('cancels an order whose minimum cannot trade at once', () => {
    const engine = newEngine();
    engine.submit(limit('maker', 'sell', 100, 4));
    const short = engine.submit({ ...limit('short', 'buy', 100, 10), minQuantity: 5 });
    expect(kinds(short)).toEqual(['accepted', 'canceled below-minimum']);
    const met = engine.submit({ ...limit('met', 'buy', 100, 10), minQuantity: 4 });
    expect(kinds(met)).toEqual(['accepted', 'trade']);
    expect(engine.order('met')).toMatchObject({ leaves: 6 });
  });

  it('shows one slice of a hidden order; the next goes to the end of the queue', () => {
    const engine = newEngine();
    engine.submit({ ...limit('iceberg', 'sell', 100, 10), displayQuantity: 3 });
    engine.submit(limit('plain', 'sell', 100, 3));
    expect(engine.depth(10).offers).toEqual([[100, 6, 2]]);
    expect(trades(engine.submit(limit('taker', 'buy', 100, 8)))).toEqual([
      'iceberg 3@100',
      'plain 3@100',
      'iceberg 2@100',
    ]);
    expect(engine.order('iceberg')).toMatchObject({ leaves: 5, shown: 1 });
  });

  it.each([
    ['cancel-newest', ['canceled self-trade'], ['own', 'other']],
    ['cancel-oldest', ['canceled self-trade', 'trade'], []],
    ['cancel-both', ['canceled self-trade', 'canceled self-trade'], ['other']],
  ] as const)('lets no owner trade with itself: %s', (onSelfTrade, said, left) => {
    const engine = newEngine({ onSelfTrade });
    engine.submit({ ...limit('own', 'sell', 100, 5), owner: 'anna' });
    engine.submit({ ...limit('other', 'sell', 100, 5), owner: 'bob' });
    const events = engine.submit({ ...limit('taker', 'buy', 100, 5), owner: 'anna' });
    expect(kinds(events)).toEqual(['accepted', ...said]);
    expect(['own', 'other', 'taker'].filter((ref) => engine.order(ref))).toEqual(left);
  });

  it('counts nothing behind an own order towards a fill-or-kill', () => {
    const engine = newEngine();
    engine.submit({ ...limit('slices', 'sell', 100, 10), displayQuantity: 2 });
    engine.submit({ ...limit('own', 'sell', 100, 5), owner: 'anna' });
    const events = engine.submit({ ...limit('fok', 'buy', 100, 3, 'fok'), owner: 'anna' });
    expect(kinds(events)).toEqual(['accepted', 'canceled unfillable']);
  });

  it('expires what is out of time, and at the end of a day what was for the day', () => {
    const engine = newEngine();
    engine.submit(limit('day', 'buy', 100, 1));
    engine.submit(limit('gtc', 'buy', 100, 1, 'gtc'));
    engine.submit({ ...limit('gtd', 'buy', 100, 1, 'gtd'), expireAtMs: 1_000 });
    expect(engine.expire(1_000, false)).toEqual([]);
    expect(engine.expire(1_001, false)).toMatchObject([{ ref: 'gtd', reason: 'expired' }]);
    expect(engine.expire(1_001, true)).toMatchObject([{ ref: 'day', reason: 'expired' }]);
    expect(engine.openOrders()).toBe(1);
  });

  it('gives an open order back what a trade that was undone had executed', () => {
    const engine = newEngine();
    engine.submit(limit('first', 'buy', 100, 10));
    engine.submit(limit('second', 'buy', 100, 10));
    engine.submit(limit('hit', 'sell', 100, 4));
    expect(engine.reopen('first', 4)).toEqual([
      { kind: 'reopened', ref: 'first', quantity: 10, leaves: 10 },
    ]);
    expect(trades(engine.submit(limit('taker', 'sell', 100, 11)))).toEqual([
      'second 10@100',
      'first 1@100',
    ]);
    expect(kinds(engine.reopen('first', 2))).toEqual(['rejected invalid-quantity']);
    expect(kinds(engine.reopen('hit', 4))).toEqual(['rejected unknown-order']);
  });
});

describe('the matching engine’s auction', () => {
  it('collects orders, then trades at the price of most volume', () => {
    const engine = newEngine();
    engine.startAuction();
    engine.submit(limit('b1', 'buy', 102, 10));
    engine.submit(limit('b2', 'buy', 101, 10));
    engine.submit(limit('o1', 'sell', 99, 10));
    expect(engine.submit(limit('o2', 'sell', 101, 5))).toHaveLength(1);
    const events = engine.uncross(undefined);
    expect(events[0]).toEqual({ kind: 'uncrossed', price: 101, quantity: 15 });
    expect(trades(events)).toEqual(['b1 10@101', 'b2 5@101']);
    expect(engine.depth(10)).toEqual({ bids: [[101, 5, 1]], offers: [] });
    expect(trades(engine.submit(limit('after', 'sell', 101, 1)))).toEqual(['b2 1@101']);
  });

  it('breaks ties by the smaller imbalance, then by the reference, then by the lower price', () => {
    const priceOf = (reference: number | undefined, more: readonly EngineOrder[] = []) => {
      const engine = newEngine();
      engine.startAuction();
      engine.submit(limit('b', 'buy', 104, 10));
      engine.submit(limit('o', 'sell', 98, 10));
      for (const order of more) engine.submit(order);
      return engine.uncross(reference)[0];
    };
    expect(priceOf(undefined)).toMatchObject({ price: 98, quantity: 10 });
    expect(priceOf(100)).toMatchObject({ price: 100 });
    expect(priceOf(120)).toMatchObject({ price: 104 });
    expect(priceOf(101, [limit('o2', 'sell', 103, 10), limit('b2', 'buy', 99, 10)])).toMatchObject({
      price: 101,
    });
    expect(priceOf(98, [limit('b2', 'buy', 101, 5)])).toMatchObject({ price: 104 });
  });

  it('takes only what can wait, and trades once more where a self-trade left the book crossed', () => {
    const engine = newEngine();
    engine.startAuction();
    for (const timeInForce of ['ioc', 'fok'] as const) {
      expect(kinds(engine.submit(limit('x', 'buy', 100, 1, timeInForce)))).toEqual([
        'rejected auction',
      ]);
    }
    engine.submit({ ...limit('bid', 'buy', 105, 10), owner: 'anna' });
    engine.submit({ ...limit('own', 'sell', 100, 10), owner: 'anna' });
    engine.submit(limit('other', 'sell', 103, 4));
    const events = engine.uncross(undefined);
    expect(kinds(events)).toEqual(['uncrossed', 'canceled self-trade', 'uncrossed', 'trade']);
    expect(trades(events)).toEqual(['bid 4@103']);
  });

  it('waits for the end of a halt, and takes nothing when closed', () => {
    const engine = newEngine();
    engine.startAuction();
    engine.submit(limit('b', 'buy', 100, 1));
    engine.submit(limit('o', 'sell', 100, 1));
    engine.halt();
    expect(engine.uncross(undefined)).toEqual([]);
    engine.resume();
    expect(trades(engine.uncross(undefined))).toEqual(['b 1@100']);
    engine.close();
    expect(kinds(engine.submit(limit('late', 'buy', 100, 1)))).toEqual(['rejected closed']);
  });
});

describe('the matching engine and its naive twin', () => {
  it.each([
    [1, 'cancel-newest'],
    [2, 'cancel-oldest'],
    [20261123, 'cancel-both'],
  ] as const)('agree on random operations from seed %i, %s', (seed, onSelfTrade) => {
    const operations = 7_000;
    const result = compareEngines({ seed, operations, onSelfTrade, booksEvery: 20 });
    const { disagreement, trades: traded } = result;
    expect(disagreement && JSON.stringify(disagreement, undefined, 1)).toBeUndefined();
    expect(traded).toBeGreaterThan(1_000);
  });
});
