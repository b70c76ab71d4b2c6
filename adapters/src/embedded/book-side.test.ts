import { describe, expect, it } from 'vitest';
import { seededRandom } from '../seeded-random.ts';
import { type BookOrder, BookOrders } from './book-order.ts';
import { BookSide } from './book-side.ts';

describe('one side of a book', () => {
  it.each(['buy', 'sell'] as const)(
    'keeps hundreds of prices in order as they come and go: %s',
    (side) => {
      const random = seededRandom(5);
      const orders = new BookOrders(0);
      const shown = new BookSide(side, orders);
      let open: BookOrder[] = [];
      for (let step = 1; step <= 6_000; step += 1) {
        // It fills, empties by half, changes, and empties nearly to the end.
        const fills = step <= 2_000 || (step > 3_000 && random.next() < 0.5);
        if (fills && step <= 5_000) {
          const [price, quantity] = [random.between(1, 400), random.between(1, 9)];
          const order = orders.take({ ref: step, side, price, quantity, timeInForce: 'gtc' });
          shown.append(order);
          open.push(order);
        } else if (open.length > 0) {
          const gone = step > 5_000 ? open[0] : random.pick(open);
          if (gone === undefined) continue;
          shown.remove(gone);
          orders.release(gone);
          open = open.filter((order) => order !== gone);
        }
        if (step % 50 !== 0) continue;
        const better = side === 'buy' ? -1 : 1;
        // The sort is stable: those of one price stay as they came.
        const expected = open.toSorted((one, other) => better * (one.price - other.price));
        expect([...shown.orders()]).toEqual(expected);
        expect(shown.first()).toBe(expected[0]);
        expect(shown.total).toBe(open.reduce((sum, { leaves }) => sum + leaves, 0));
        const prices = [...new Set(expected.map(({ price }) => price))];
        expect(shown.depth(1_000).map(([price]) => price)).toEqual(prices);
      }
    },
  );
});
