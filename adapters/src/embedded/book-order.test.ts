import { describe, expect, it } from 'vitest';
import { BookOrders } from './book-order.ts';

const from = { ref: 1, side: 'buy', price: 1, quantity: 1, timeInForce: 'gtc' } as const;

describe('the orders of a book', () => {
  it('never have a number at the same time, however many were done before', () => {
    const orders = new BookOrders(10);
    // More than it keeps for the next ones.
    const take = () => Array.from({ length: 70_000 }, () => orders.take(from));
    for (const order of take()) orders.release(order);
    const taken = take();
    expect(new Set(taken.map(({ number }) => number)).size).toBe(taken.length);
    expect(taken.every((order) => orders.at(order.number) === order)).toBe(true);
    expect(taken.every(({ number }) => number > 0 && number <= taken.length)).toBe(true);
    expect(orders.later.length).toBeGreaterThan(taken.length);
  });
});
