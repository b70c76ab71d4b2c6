import type { VenueEvent, VenueRequest } from '@stoa/adapters';
import { Histogram, type Registry } from 'prom-client';

/**
 * What an order waits for on its way, in this order. At its home: `checked` (limits, the investor's
 * eligibility), `recorded` (durable, its legs sent), `answered` (every venue's first word, where
 * somebody waits for it). At each leg's venue: `leg-taken` (from the message's arrival to the commit),
 * `booked` (from there until the book's answer comes), `told` (that is durable, and sent). And at home
 * again: `report-taken` (an acceptance is recorded). A leg whose book accepts it beforehand is answered
 * with its commit: of it nothing after `leg-taken` is waited for.
 */
export type OrderStage =
  | 'checked'
  | 'recorded'
  | 'answered'
  | 'leg-taken'
  | 'booked'
  | 'told'
  | 'report-taken';

/** Notes how long a stage took, from `performance.now()` at its begin. */
export type NoteStage = (stage: OrderStage, begunMs: number) => void;

const NAME = 'stoa_order_stage_seconds';
const BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** How long orders wait at each stage. Sessions and order work of one node share it. */
export function orderStages(registry: Registry): NoteStage {
  const known = registry.getSingleMetric(NAME) as Histogram<'stage'> | undefined;
  const histogram =
    known ??
    new Histogram({
      name: NAME,
      help: 'How long orders waited at each stage of their way.',
      labelNames: ['stage'],
      buckets: BUCKETS,
      registers: [registry],
    });
  return (stage, begunMs) => histogram.observe({ stage }, (performance.now() - begunMs) / 1_000);
}

/** Orders whose time in the book's hands is taken, at most. */
const MOST_AT_ONCE = 10_000;

/** How long a book has new orders in its hands before it answers. */
export class BookTimes {
  readonly #givenMs = new Map<string, number>();
  readonly #note: NoteStage;

  constructor(note: NoteStage) {
    this.#note = note;
  }

  given(request: VenueRequest): void {
    if (request.kind !== 'new' || this.#givenMs.size >= MOST_AT_ONCE) return;
    this.#givenMs.set(request.order.orderId, performance.now());
  }

  /** It did not take it. */
  refused(request: VenueRequest): void {
    if (request.kind === 'new') this.#givenMs.delete(request.order.orderId);
  }

  answered(events: readonly VenueEvent[]): void {
    for (const event of events) {
      if (!('orderId' in event)) continue;
      const begunMs = this.#givenMs.get(event.orderId);
      if (begunMs !== undefined) this.#note('booked', begunMs);
      this.#givenMs.delete(event.orderId);
    }
  }
}
