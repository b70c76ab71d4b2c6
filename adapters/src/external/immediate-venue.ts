import type { InstrumentId, VenueId } from '@stoa/schema';
import { CodedError } from '@stoa/schema';
import type {
  LinkState,
  OpenOrder,
  Receipt,
  VenueAdapter,
  VenueCapabilities,
  VenueEvent,
  VenueListings,
  VenueOrder,
  VenueRequest,
  VenueStart,
} from '../venue-adapter.ts';

export interface ImmediateVenueOptions {
  /** How long an immediate order may stand at the venue before what is left of it is canceled. */
  readonly waitMs: number;
}

const KEPT_OVER = 10_000;

/** An order that stands at the venue as a day order, and must not stay. */
interface Standing {
  readonly instrument: InstrumentId;
  timer: NodeJS.Timeout | undefined;
  /** Cancels that the node asked for and that are not answered. */
  asked: number;
}

/**
 * Lets a venue that takes no immediate orders take them: as day orders, of which what is left after a
 * while is canceled. FIX TimeInForce(59) 3, made of 0 and an OrderCancelRequest(F).
 *
 * Nothing of its own is kept. The order and what it was asked as are in the node's record before they
 * are here, and in the adapter's journal before the wire; who finds an immediate order open after a
 * crash knows that it has to go. A cancel may be said as often as it takes: it is said again until the
 * venue has told the order's end, which a fill may have been first to bring. An order of which nobody
 * knows whether it came is in doubt as it is without this, and canceled should it be there.
 */
export class ImmediateVenue implements VenueAdapter {
  readonly venue: VenueId;
  readonly capabilities: VenueCapabilities;
  readonly #adapter: VenueAdapter;
  readonly #waitMs: number;
  readonly #standing = new Map<string, Standing>();
  /** Those that ended last: the answer to a cancel may come after a fill was told. */
  readonly #over = new Map<string, Standing>();

  /** @throws CodedError `IMMEDIATE_NOT_NEEDED` where the venue takes immediate orders, or no day orders */
  constructor(adapter: VenueAdapter, { waitMs }: ImmediateVenueOptions) {
    const { timesInForce } = adapter.capabilities;
    if (timesInForce.includes('ioc') || !timesInForce.includes('day')) {
      const message = 'Immediate orders are made of day orders, where a venue has only those.';
      throw new CodedError('IMMEDIATE_NOT_NEEDED', message);
    }
    this.venue = adapter.venue;
    this.capabilities = {
      ...adapter.capabilities,
      timesInForce: [...timesInForce, 'ioc'],
      immediateAfterMs: waitMs,
    };
    this.#adapter = adapter;
    this.#waitMs = waitMs;
  }

  get link(): LinkState {
    return this.#adapter.link;
  }

  async start(start: VenueStart): Promise<void> {
    const { sink, openOrders } = start;
    for (const { order } of openOrders) if (order.timeInForce === 'ioc') this.#stands(order);
    start.signal.addEventListener('abort', () => this.#forget(), { once: true });
    await this.#adapter.start({
      ...start,
      openOrders: openOrders.map((open): OpenOrder => ({ ...open, order: asDay(open.order) })),
      sink: { deliver: (events) => sink.deliver(events.filter((event) => this.#passes(event))) },
    });
  }

  async submit(request: VenueRequest): Promise<Receipt> {
    if (request.kind === 'new' && request.order.timeInForce === 'ioc') {
      return this.#enter(request.order);
    }
    const standing = request.kind === 'cancel' ? this.#of(request.orderId) : undefined;
    if (standing) standing.asked += 1;
    const receipt = await this.#adapter.submit(request);
    if (standing && receipt.outcome === 'refused') standing.asked -= 1;
    return receipt;
  }

  async #enter(order: VenueOrder): Promise<Receipt> {
    const wasStanding = this.#standing.has(order.orderId);
    // Before the venue hears of it: its end may be told before the receipt comes.
    this.#stands(order);
    const receipt = await this.#adapter.submit({ kind: 'new', order: asDay(order) });
    if (receipt.outcome === 'refused' && !wasStanding) {
      clearTimeout(this.#standing.get(order.orderId)?.timer);
      this.#standing.delete(order.orderId);
    }
    return receipt;
  }

  reconcile(): Promise<void> {
    return this.#adapter.reconcile();
  }

  instruments(): Promise<VenueListings> {
    return this.#adapter.instruments();
  }

  async stop(): Promise<void> {
    this.#forget();
    await this.#adapter.stop();
  }

  #forget(): void {
    for (const { timer } of this.#standing.values()) clearTimeout(timer);
    this.#standing.clear();
  }

  #of(orderId: string): Standing | undefined {
    return this.#standing.get(orderId) ?? this.#over.get(orderId);
  }

  #stands({ orderId, instrument }: VenueOrder): void {
    if (this.#standing.has(orderId)) return;
    this.#standing.set(orderId, { instrument, timer: undefined, asked: 0 });
    this.#cancelLater(orderId);
  }

  #cancelLater(orderId: string): void {
    const standing = this.#standing.get(orderId);
    if (standing) standing.timer = setTimeout(() => void this.#cancel(orderId), this.#waitMs);
  }

  /** Again and again, until the order's end was told: a venue may be away, or not have the order yet. */
  async #cancel(orderId: string): Promise<void> {
    const standing = this.#standing.get(orderId);
    if (!standing) return;
    const { instrument } = standing;
    // Whatever became of it: the order's end is what counts, and until then it is said again.
    await this.#adapter.submit({ kind: 'cancel', orderId, instrument }).catch(() => undefined);
    this.#cancelLater(orderId);
  }

  /** Whether the node is to hear of it: not of a cancel that it did not ask for. */
  #passes(event: VenueEvent): boolean {
    if (!('orderId' in event)) return true;
    const { orderId } = event;
    const standing = this.#of(orderId);
    if (!standing) return true;
    if (event.kind === 'done' || event.kind === 'rejected') this.#ended(orderId, standing);
    if (event.kind !== 'cancel-rejected') return true;
    if (standing.asked === 0) return false;
    standing.asked -= 1;
    return true;
  }

  #ended(orderId: string, standing: Standing): void {
    clearTimeout(standing.timer);
    this.#standing.delete(orderId);
    this.#over.set(orderId, standing);
    const oldest = this.#over.keys().next().value;
    if (this.#over.size > KEPT_OVER && oldest !== undefined) this.#over.delete(oldest);
  }
}

function asDay(order: VenueOrder): VenueOrder {
  return order.timeInForce === 'ioc' ? { ...order, timeInForce: 'day' } : order;
}
