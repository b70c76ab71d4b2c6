import { TERMINAL_STATUSES } from '@stoa/schema';
import type { OrderFeedEvent } from '../orders/blotter/order-feed.ts';
import type { FinishedSpan } from './tracing.ts';

/** What is over once an event has come: spans beneath the order's, and the order's own. */
export interface OrderSpans {
  readonly spans: readonly FinishedSpan[];
  /** The first span of the order's trace; the last to be over. */
  readonly root?: FinishedSpan;
}

interface Begun {
  readonly startMs: number;
  readonly attributes: Record<string, string | number | boolean>;
}

interface OpenOrder {
  readonly placed: Begun;
  readonly legs: Map<string, Begun>;
}

/** Orders that are followed at a time; of one that came before them, only its legs are told. */
const MAX_OPEN_ORDERS = 10_000;
const LEG_ENDS: ReadonlySet<string> = new Set(['leg-done', 'leg-rejected']);

/**
 * Turns what happens to orders into spans: one of each leg, from its sending to its end at the venue,
 * one of each execution, and one of the order as a whole. Without clock or network.
 */
export class OrderSpanMaker {
  readonly #orders = new Map<string, OpenOrder>();

  take({ orderId, kind, data, status, filled, atMs }: OrderFeedEvent): OrderSpans {
    if (kind === 'placed') this.#open(orderId, { startMs: atMs, attributes: namesOf(data) });
    const order = this.#orders.get(orderId);
    const spans: FinishedSpan[] = [];
    for (const leg of sentLegs(kind, data)) {
      order?.legs.set(leg.id, {
        startMs: atMs,
        attributes: { 'stoa.leg': leg.id, 'stoa.venue': leg.venue, 'stoa.quantity': leg.quantity },
      });
    }
    const legId = textOf(data['legId']);
    const leg = order?.legs.get(legId);
    if (leg && kind === 'leg-executed') {
      spans.push({ name: 'execution', startMs: atMs, endMs: atMs, attributes: leg.attributes });
    }
    if (leg && kind === 'leg-silent') {
      spans.push({ name: 'leg without answer', startMs: leg.startMs, endMs: atMs, ...failed(leg) });
    }
    if (leg && LEG_ENDS.has(kind)) {
      order?.legs.delete(legId);
      const error = kind === 'leg-rejected' ? textOf(data['code']) : undefined;
      spans.push({
        ...{ name: 'leg', startMs: leg.startMs, endMs: atMs, attributes: leg.attributes },
        ...(error !== undefined && { error }),
      });
    }
    // An order that is filled waits for its last leg's end, which the venue tells after the fill.
    const isOver = TERMINAL_STATUSES.has(status) && order?.legs.size === 0;
    if (!order || !isOver) return { spans };
    this.#orders.delete(orderId);
    const { startMs, attributes } = order.placed;
    const ended = { ...attributes, 'stoa.status': status, 'stoa.filled': filled };
    return { spans, root: { name: 'order', startMs, endMs: atMs, attributes: ended } };
  }

  #open(orderId: string, placed: Begun): void {
    placed.attributes['stoa.order'] = orderId;
    this.#orders.set(orderId, { placed, legs: new Map() });
    for (const oldest of this.#orders.keys()) {
      if (this.#orders.size <= MAX_OPEN_ORDERS) return;
      this.#orders.delete(oldest);
    }
  }
}

/** No wallet and no client: a trace goes to other people's systems. */
function namesOf(data: OrderFeedEvent['data']): Record<string, string | number | boolean> {
  return { 'stoa.instrument': textOf(data['instrument']) };
}

function failed({ attributes }: Begun) {
  return { attributes, error: 'the venue has not answered' };
}

function sentLegs(kind: string, data: OrderFeedEvent['data']) {
  if (kind !== 'routed' || !Array.isArray(data['legs'])) return [];
  return (data['legs'] as readonly Record<string, unknown>[]).map((leg) => ({
    id: textOf(leg['id']),
    venue: textOf(leg['venue']),
    quantity: Number(leg['quantity']),
  }));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
