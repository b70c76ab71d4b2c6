import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Execution, Instrument, OrderStatus } from '@stoa/schema';
import { isRefusal } from '@stoa/schema';
import { restVenue } from '../../rest/rest-venue.ts';
import { seededRandom } from '../../seeded-random.ts';
import type { OpenOrder, VenueEvent, VenueOrder } from '../../venue-adapter.ts';

/** What its parent starts it with. */
export interface KillClientStart {
  readonly instrument: Instrument;
  readonly folder: string;
  readonly settings: unknown;
  readonly orders: number;
  readonly seed: number;
}

/** What a node keeps of an order. */
interface Kept {
  readonly order: VenueOrder;
  status: OrderStatus;
  readonly executions: Map<string, Execution>;
}

type Line = { readonly order: VenueOrder } | { readonly events: readonly VenueEvent[] };

const ENDED: ReadonlySet<string> = new Set(['filled', 'canceled', 'expired', 'rejected']);
const BETWEEN_ORDERS_MS = 3;

/**
 * A node in small, for tests that kill it: it records an order before it asks for it and an event
 * before it takes the next one, knows executions by id, and starts again from its record.
 */
const start = JSON.parse(process.argv[2] ?? '{}') as KillClientStart;
const record = join(start.folder, 'node.jsonl');
const journal = join(start.folder, 'journal');
mkdirSync(journal, { recursive: true });
const kept = new Map<string, Kept>();
for (const line of recorded()) take(line);

const settings = restVenue.parse(start.settings, start.folder);
if (isRefusal(settings)) throw new Error(settings.message);
const adapter = await restVenue.create(settings, {
  ...{ venue: 'alpha', instruments: [start.instrument], folder: journal, nowMs: Date.now },
  counterparties: { walletOf: () => `0x${'c1'.repeat(20)}` },
  log: { info() {}, warn() {}, error: (fields, message) => console.error(message, fields) },
});
const highest = [...kept.values()]
  .flatMap(({ executions }) => [...executions.values()])
  .reduce((most, { tradeNumber }) => Math.max(most, tradeNumber), 0);
await adapter.start({
  sink: {
    async deliver(events) {
      const ofOrders = events.filter(({ kind }) => !['book', 'link', 'print'].includes(kind));
      if (ofOrders.length > 0) note({ events: ofOrders });
    },
  },
  openOrders: openOrders(),
  nextTradeNumber: highest + 1,
  signal: new AbortController().signal,
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });

for (const { order, status } of kept.values()) {
  if (status === 'pending-new') await adapter.submit({ kind: 'new', order });
}
const random = seededRandom(start.seed + kept.size);
while (kept.size < start.orders) {
  if (adapter.link === 'ready') {
    const order = nextOrder();
    note({ order });
    const receipt = await adapter.submit({ kind: 'new', order });
    if (receipt.outcome === 'refused') refused(order.orderId);
  }
  await new Promise((resolve) => setTimeout(resolve, BETWEEN_ORDERS_MS));
}
for (;;) {
  const open = [...kept.values()].filter(({ status }) => !ENDED.has(status));
  if (open.length === 0) break;
  for (const { order, status } of open) {
    const { orderId, instrument } = order;
    if (status === 'pending-new') await adapter.submit({ kind: 'new', order });
    else await adapter.submit({ kind: 'cancel', orderId, instrument });
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
}
process.send?.({ finished: true });

function nextOrder(): VenueOrder {
  const { id, tickSize, lotSize } = start.instrument;
  const number = kept.size + 1;
  return {
    ...{ orderId: `alpha-${number}.1.1`, instrument: id, timeInForce: 'day' },
    side: number % 2 === 0 ? 'sell' : 'buy',
    quantity: random.between(1, 5) * lotSize,
    limitPrice: (100 + random.between(-1, 1)) * tickSize,
    owner: { member: 'broker', account: `0x${'a1'.repeat(20)}` },
    homeVenue: 'alpha',
  };
}

function refused(orderId: string): void {
  const rejection = { code: 'REFUSED', message: 'Before the wire.' };
  note({ events: [{ kind: 'rejected', orderId, rejection }] });
}

function openOrders(): OpenOrder[] {
  return [...kept.values()].flatMap(({ order, status, executions }) => {
    if (ENDED.has(status) || status === 'pending-new') return [];
    const filled = [...executions.values()].reduce((sum, { quantity }) => sum + quantity, 0);
    return [{ order, filled }];
  });
}

function note(line: Line): void {
  appendFileSync(record, `${JSON.stringify(line)}\n`);
  take(line);
}

function take(line: Line): void {
  if ('order' in line) {
    const { order } = line;
    kept.set(order.orderId, { order, status: 'pending-new', executions: new Map() });
    return;
  }
  for (const event of line.events) {
    if (event.kind === 'executed') {
      const { buyOrderId, sellOrderId } = event.parties;
      const one = kept.get(buyOrderId ?? sellOrderId ?? '');
      const { executionId } = event.execution;
      if (one && !one.executions.has(executionId)) one.executions.set(executionId, event.execution);
      continue;
    }
    const one = 'orderId' in event ? kept.get(event.orderId) : undefined;
    if (!one || ENDED.has(one.status)) continue;
    if (event.kind === 'accepted') one.status = 'new';
    if (event.kind === 'rejected') one.status = 'rejected';
    if (event.kind === 'done') one.status = event.state;
  }
}

function recorded(): Line[] {
  if (!existsSync(record)) return [];
  const lines = readFileSync(record, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}
