import { expect, it } from 'vitest';
import { createSettlementResolvers } from './settlement-resolvers.ts';
import { sampleDirectory } from './testing/sample-market.ts';
import { sampleSettlements } from './testing/sample-services.ts';

it('reads the settlements of a page of orders together, and gives each its own', async () => {
  const asked: (readonly string[])[] = [];
  const { Order } = createSettlementResolvers({
    venue: 'alpha',
    directory: sampleDirectory,
    settlements: {
      ...sampleSettlements,
      async forOrders(ids) {
        asked.push(ids);
        return await sampleSettlements.forOrders(ids.filter((id) => id !== 'alpha-2'));
      },
    },
  });
  const page = ['alpha-1', 'alpha-2', 'alpha-3'];
  const found = await Promise.all(page.map((id) => Order.settlements({ id })));
  expect(found.map((settlements) => settlements.length)).toEqual([1, 0, 1]);
  expect(asked).toEqual([page]);
});
