import { describe, expect, it } from 'vitest';
import { seededRandom } from '../seeded-random.ts';
import { type BookOrder, BookOrders } from './book-order.ts';
import type { EngineOrder, OrderRef } from './engine-types.ts';
import { OrderIndex } from './order-index.ts';

describe('the order index', () => {
  it('agrees with a map over random names, texts and numbers', () => {
    const random = seededRandom(7);
    const orders = new BookOrders(0);
    const index = new OrderIndex(orders, 0);
    const map = new Map<OrderRef, BookOrder>();
    for (let step = 0; step < 60_000; step += 1) {
      const number = random.between(-3, 4_000) * (random.next() < 0.1 ? 0.5 : 1);
      const ref = random.next() < 0.5 ? number : `order-${number}`;
      const known = map.get(ref);
      expect(index.get(ref)).toBe(known);
      if (known === undefined) {
        const order = orders.take(named(ref));
        index.add(order);
        map.set(ref, order);
      } else {
        index.remove(known);
        map.delete(ref);
        orders.release(known);
      }
    }
    expect(index.size).toBe(map.size);
    for (const [ref, order] of map) expect(index.get(ref)).toBe(order);
  });

  it('finds texts that differ in their beginning alone as fast as others', () => {
    const orders = new BookOrders(0);
    const index = new OrderIndex(orders, 0);
    const added = Array.from({ length: 20_000 }, (_, at) => {
      const order = orders.take(named(`${at}-of-one-long-and-common-name`));
      index.add(order);
      return order;
    });
    for (const order of added) {
      expect(index.get(order.ref)).toBe(order);
      // Of a chain that held them all it would be the last, after as many steps.
      let steps = 0;
      const { sameBucket } = orders;
      for (let at = sameBucket[order.number]; at !== 0; at = sameBucket[at ?? 0]) steps += 1;
      expect(steps).toBeLessThanOrEqual(32);
    }
  });

  it('tells numbers from texts that look like them', () => {
    const orders = new BookOrders(0);
    const index = new OrderIndex(orders, 0);
    const order = orders.take(named('12'));
    index.add(order);
    expect(index.get(12)).toBeUndefined();
    expect(index.get('12')).toBe(order);
  });
});

function named(ref: OrderRef): EngineOrder {
  return { ref, side: 'buy', price: 1, quantity: 1, timeInForce: 'gtc' };
}
