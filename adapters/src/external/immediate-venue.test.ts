import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Receipt, VenueAdapter, VenueRequest, VenueSink } from '../venue-adapter.ts';
import { ImmediateVenue } from './immediate-venue.ts';

const ORDER = { orderId: 'one', instrument: 'eip155:1/erc20:0x01', timeInForce: 'ioc' };
const NEW = { kind: 'new', order: ORDER } as unknown as VenueRequest;
const WAIT_MS = 5;

/** A venue of day orders that answers requests as it is told, and what was asked of it. */
async function venueThat(answer: (request: VenueRequest, sink: VenueSink) => Promise<Receipt>) {
  const asked: string[] = [];
  let sink: VenueSink = { deliver: async () => undefined };
  const adapter = {
    ...{ venue: 'alpha', capabilities: { timesInForce: ['day'] }, link: 'ready' },
    start: async (start: { readonly sink: VenueSink }) => {
      sink = start.sink;
    },
    submit: async (request: VenueRequest) => {
      asked.push(request.kind);
      return answer(request, sink);
    },
    stop: async () => undefined,
  } as unknown as VenueAdapter;
  const venue = new ImmediateVenue(adapter, { waitMs: WAIT_MS });
  await venue.start({
    ...{ sink: { deliver: async () => undefined }, openOrders: [], nextTradeNumber: 1 },
    signal: new AbortController().signal,
  });
  return { venue, asked };
}

it('cancels nothing of an order whose end was told before its request was answered', async () => {
  const { venue, asked } = await venueThat(async (_request, sink) => {
    await sink.deliver([
      { kind: 'done', orderId: 'one', state: 'filled', filled: 100, reason: 'filled' },
    ]);
    return { outcome: 'taken' };
  });
  await venue.submit(NEW);
  await sleep(10 * WAIT_MS);
  await venue.stop();
  expect(asked).toEqual(['new']);
});

it('cancels nothing of an order that was refused before the wire', async () => {
  const rejection = { code: 'NOT_SUPPORTED', message: 'Not here.' } as const;
  const { venue, asked } = await venueThat(async () => ({ outcome: 'refused', rejection }));
  await venue.submit(NEW);
  await sleep(10 * WAIT_MS);
  await venue.stop();
  expect(asked).toEqual(['new']);
});

it('cancels again where a cancel could not even be said', async () => {
  const { venue, asked } = await venueThat(async ({ kind }) => {
    if (kind === 'cancel') throw new Error('the journal cannot be written');
    return { outcome: 'taken' };
  });
  await venue.submit(NEW);
  while (asked.length < 4) await sleep(WAIT_MS);
  await venue.stop();
});
