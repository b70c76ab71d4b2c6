import { openJournalledVenue } from './journalled-venue.ts';
import { BROKER_WALLET, INSTRUMENT, SECOND_WALLET } from './test-network.ts';

/**
 * A venue that runs until it is killed. First it fills its book, with queues that the order of
 * acceptance alone would not bring back, and says its digest when all is durable; told to go on (a
 * line on standard input) it then trades without end.
 */
const [url = '', folder = ''] = process.argv.slice(2);
const { node, book } = await openJournalledVenue(url, folder);

const first = await node.place({ timeInForce: 'gtc', quantity: 100 });
await node.place({ timeInForce: 'gtc', quantity: 100 });
await node.place({ timeInForce: 'gtc', quantity: 100, limitPrice: 995 });
// More quantity: it goes behind the second one, which was accepted after it.
await node.replace(first.id, { quantity: 150 });
await node.place({ side: 'sell', account: SECOND_WALLET, timeInForce: 'ioc', quantity: 40 });
await book.reconcile();
process.stdout.write(`${JSON.stringify(book.digests()[INSTRUMENT.id])}\n`);

await new Promise((resolve) => process.stdin.once('data', resolve));
for (let step = 1; ; step += 1) {
  const side = step % 3 === 0 ? ('sell' as const) : ('buy' as const);
  const account = side === 'sell' ? SECOND_WALLET : BROKER_WALLET;
  const limitPrice = 990 + 5 * (step % 4);
  await node.place({
    side,
    account,
    timeInForce: 'gtc',
    quantity: 10 * (1 + (step % 5)),
    limitPrice,
  });
  if (step % 5 === 0) process.stdout.write(`${step}\n`);
}
