import type { VenueId } from '@stoa/schema';
import type {
  LinkState,
  Receipt,
  VenueAdapter,
  VenueCapabilities,
  VenueEvent,
  VenueListings,
  VenueOrder,
  VenueRequest,
  VenueStart,
} from './venue-adapter.ts';

/**
 * A venue's adapter behind one that looks on: everything passes, both ways and unchanged. What looks
 * on at requests overrides {@link submit}; what looks on at events overrides {@link seen}.
 */
export abstract class PassingVenue implements VenueAdapter {
  readonly venue: VenueId;
  readonly capabilities: VenueCapabilities;
  protected readonly adapter: VenueAdapter;

  constructor(adapter: VenueAdapter) {
    this.adapter = adapter;
    this.venue = adapter.venue;
    this.capabilities = adapter.capabilities;
  }

  get link(): LinkState {
    return this.adapter.link;
  }

  async start(start: VenueStart): Promise<void> {
    const { sink } = start;
    await this.adapter.start({
      ...start,
      sink: {
        deliver: async (events) => {
          for (const event of events) this.seen(event);
          await sink.deliver(events);
        },
      },
    });
  }

  submit(request: VenueRequest): Promise<Receipt> {
    return this.adapter.submit(request);
  }

  accepts(order: VenueOrder): boolean {
    return this.adapter.accepts?.(order) ?? false;
  }

  reconcile(): Promise<void> {
    return this.adapter.reconcile();
  }

  instruments(): Promise<VenueListings> {
    return this.adapter.instruments();
  }

  stop(): Promise<void> {
    return this.adapter.stop();
  }

  /** Called with each event before it is delivered; must not throw. */
  protected abstract seen(event: VenueEvent): void;
}
