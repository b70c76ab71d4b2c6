import {
  PassingVenue,
  type Receipt,
  type VenueAdapter,
  type VenueEvent,
  type VenueRequest,
} from '@stoa/adapters';
import { traceOfLeg } from './order-trace.ts';
import type { Tracing } from './tracing.ts';

interface Asked {
  readonly startMs: number;
  readonly kind: VenueRequest['kind'];
}

/** Requests whose answer is waited for; beyond them the oldest are no longer traced. */
const MAX_WAITING = 10_000;
const ANSWERS: ReadonlySet<VenueEvent['kind']> = new Set([
  'accepted',
  'rejected',
  'cancel-rejected',
  'replaced',
  'replace-rejected',
  'done',
]);

/** The venue's adapter, with a span from each request to the venue's first answer to it. */
export class TracedVenue extends PassingVenue {
  readonly #tracing: Pick<Tracing, 'told'>;
  readonly #nowMs: () => number;
  readonly #asked = new Map<string, Asked>();

  constructor(
    adapter: VenueAdapter,
    needs: { readonly tracing: Pick<Tracing, 'told'>; readonly nowMs: () => number },
  ) {
    super(adapter);
    this.#tracing = needs.tracing;
    this.#nowMs = needs.nowMs;
  }

  override async submit(request: VenueRequest): Promise<Receipt> {
    const orderId = orderIdOf(request);
    if (orderId !== undefined) this.#ask(orderId, { startMs: this.#nowMs(), kind: request.kind });
    const receipt = await super.submit(request);
    if (orderId !== undefined && receipt.outcome !== 'taken') {
      this.#answered(
        orderId,
        receipt.outcome,
        receipt.outcome === 'refused' ? receipt.rejection.code : 'the outcome is not known',
      );
    }
    return receipt;
  }

  protected override seen(event: VenueEvent): void {
    if ('orderId' in event && ANSWERS.has(event.kind)) this.#answered(event.orderId, event.kind);
  }

  #ask(orderId: string, asked: Asked): void {
    this.#asked.delete(orderId);
    this.#asked.set(orderId, asked);
    for (const oldest of this.#asked.keys()) {
      if (this.#asked.size <= MAX_WAITING) return;
      this.#asked.delete(oldest);
    }
  }

  #answered(orderId: string, answer: string, error?: string): void {
    const asked = this.#asked.get(orderId);
    if (!asked) return;
    this.#asked.delete(orderId);
    this.#tracing.told(traceOfLeg(orderId), {
      name: `venue ${asked.kind}`,
      startMs: asked.startMs,
      endMs: this.#nowMs(),
      attributes: { 'stoa.leg': orderId, 'stoa.venue': this.venue, 'stoa.answer': answer },
      ...(error !== undefined && { error }),
    });
  }
}

function orderIdOf(request: VenueRequest): string | undefined {
  if (request.kind === 'new') return request.order.orderId;
  return request.kind === 'cancel' || request.kind === 'replace' ? request.orderId : undefined;
}
