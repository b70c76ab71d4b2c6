import fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Instrument, isRefusal } from '@stoa/schema';
import { FRACTIONAL_INSTRUMENT } from '../../testing/test-instrument.ts';
import type { OpenOrder, VenueEvent, VenueOrder } from '../../venue-adapter.ts';
import { readDialect } from '../dialect/shipped-dialects.ts';
import { SESSION_LIMITS } from '../session/session-settings.ts';
import { FixVenue } from '../venue/fix-venue.ts';

/**
 * An adapter with a sink that is a file, which sends orders until it is killed, and goes on where it
 * was when it is started again. With `finish` it sends no new ones and ends when all have their fill.
 *
 * FOLDER PORT DIALECT [finish]
 */
const [folder = '', port = '', name = 'fix44', mode = ''] = process.argv.slice(2);
const WINDOW = 16;

const orders = fs.openSync(join(folder, 'orders.txt'), 'a+');
const sink = fs.openSync(join(folder, 'sink.txt'), 'a+');
const asked = linesOf('orders.txt');
const told = linesOf('sink.txt').map((line) => JSON.parse(line) as VenueEvent);
const filled = new Set<string>();
let nextTradeNumber = 1;
for (const event of told) take(event);

function take(event: VenueEvent): void {
  if (event.kind !== 'executed') return;
  filled.add(event.parties.buyOrderId ?? '');
  nextTradeNumber = Math.max(nextTradeNumber, event.execution.tradeNumber + 1);
}

/** Whole lines: the last may have been cut off by the kill. */
function linesOf(file: string): string[] {
  const path = join(folder, file);
  const text = fs.readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) fs.truncateSync(path, Buffer.byteLength(whole));
  return whole.split('\n').filter((line) => line !== '');
}

function orderOf(orderId: string, { id }: Instrument): VenueOrder {
  return {
    ...{ orderId, instrument: id, side: 'buy', timeInForce: 'day', quantity: 10, limitPrice: 500 },
    ...{ owner: { member: 'anna', account: '0x000000000000000000000000000000000000a11a' } },
    homeVenue: 'alpha',
  };
}

const dialect = readDialect(name);
if (isRefusal(dialect)) throw new Error(dialect.message);
const venue = new FixVenue({
  ...{ venue: 'alpha', dialect, instruments: [FRACTIONAL_INSTRUMENT], symbols: new Map(), folder },
  ...{ walletOf: () => '0x00000000000000000000000000000000000000c1', durability: 'page-cache' },
  nowMs: Date.now,
  orders: {
    settings: {
      ...{ role: 'initiator', senderCompId: 'STOA', targetCompId: 'VENUE', heartbeatSeconds: 5 },
      beginString: dialect.version === 'FIX.5.0SP2' ? 'FIXT.1.1' : dialect.version,
      ...(dialect.version === 'FIX.5.0SP2' && { defaultApplVerId: '9' }),
      ...{ resetOnLogon: false, maxClockSkewMs: 120_000, resendChunk: 0, logonFields: [] },
    },
    limits: SESSION_LIMITS,
    connection: {
      hosts: [{ host: '127.0.0.1', port: Number(port) }],
      ...{ firstRetryMs: 10, lastRetryMs: 50 },
    },
  },
  ...{ maxRequestsPerSecond: 100_000, answerTimeoutMs: 5_000, throttleRestMs: 50 },
  startTimeoutMs: 20_000,
  onNotice: (notice) =>
    fs.appendFileSync(join(folder, 'notices.txt'), `${JSON.stringify(notice)}\n`),
});

const openOrders: OpenOrder[] = asked
  .filter((orderId) => !filled.has(orderId))
  .map((orderId) => ({ order: orderOf(orderId, FRACTIONAL_INSTRUMENT), filled: 0 }));
await venue.start({
  ...{ openOrders, nextTradeNumber, signal: new AbortController().signal },
  sink: {
    deliver: async (events) => {
      const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
      fs.writeSync(sink, lines);
      for (const event of events) take(event);
    },
  },
});

/** Asked until it is taken, under the same id: whatever became of it before. */
async function submit(orderId: string): Promise<void> {
  for (;;) {
    const order = orderOf(orderId, FRACTIONAL_INSTRUMENT);
    const { outcome } = await venue.submit({ kind: 'new', order });
    if (outcome === 'taken') return;
    await wait(5);
  }
}

for (const { order } of openOrders) await submit(order.orderId);
while (mode !== 'finish' || asked.some((orderId) => !filled.has(orderId))) {
  const open = asked.length - filled.size;
  if (mode === 'finish' || open >= WINDOW) {
    await wait(1);
    continue;
  }
  const orderId = `o${asked.length + 1}`;
  asked.push(orderId);
  fs.writeSync(orders, `${orderId}\n`);
  await submit(orderId);
}
await venue.stop();
