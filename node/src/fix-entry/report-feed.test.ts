import { expect, it } from 'vitest';
import type { OrderFeedItem } from '../orders/blotter/order-feed.ts';
import { request, sent } from '../orders/testing/state-matrices.ts';
import { directoryOf, INSTRUMENT } from '../orders/testing/test-network.ts';
import { EntryJournal } from './entry-journal.ts';
import { EntrySymbols } from './entry-symbols.ts';
import { ReportFeed } from './report-feed.ts';
import { ToldOrders } from './told-orders.ts';

it('an event that was being read when the connection went is told over the next one, once', async () => {
  const journal = new EntryJournal();
  journal.entered('A', 'A');
  const { kind, ...data } = sent(10_000);
  const about = { orderId: 'alpha-1', status: 'pending-new', filled: 0, atMs: 0 } as const;
  const placed = { ...request, clientOrderId: 'A', instrument: INSTRUMENT.id };
  const events: OrderFeedItem[] = [
    { sequence: 1, event: { ...about, orderSequence: 1, kind: 'placed', data: placed } },
    { sequence: 2, event: { ...about, orderSequence: 2, kind, data } },
    {
      sequence: 3,
      event: { ...about, orderSequence: 3, kind: 'leg-accepted', data: { legId: 'leg1' } },
    },
  ];
  let cut: AbortController | undefined;
  const told: string[] = [];
  const reports = new ReportFeed(
    {
      ...{ member: 'broker', version: 'FIX.4.4', accountNames: new Map() },
      symbols: new EntrySymbols([INSTRUMENT], {}, directoryOf(['alpha'])),
    },
    {
      feed: {
        latest: async () => 0,
        async *follow(_member, after) {
          for (const item of events.slice(after)) {
            // The event is read, and before anything is told of it the connection is gone.
            if (item.sequence === 2) queueMicrotask(() => cut?.abort());
            yield item;
          }
        },
      },
      // Every order is at hand: the store is not asked.
      ...{ journal, note: () => undefined, told: new ToldOrders(undefined as never, () => true) },
      send: (_type, _body, note) => void told.push(note.toString()),
    },
  );
  cut = new AbortController();
  await reports.follow(cut.signal);
  cut = undefined;
  await reports.follow(new AbortController().signal);
  expect(told).toEqual(['{"feed":1,"part":0}', '{"feed":3,"part":0}']);
});
