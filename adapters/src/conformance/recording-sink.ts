import type { VenueEvent, VenueSink } from '../venue-adapter.ts';

const WAIT_MS = 15_000;

/** A sink that keeps what it gets, and whose deliveries a test can hold back or fail. */
export class RecordingSink implements VenueSink {
  readonly events: VenueEvent[] = [];
  deliveries = 0;
  #held: { release: () => void; wait: Promise<void> } | undefined;
  #failures = 0;
  readonly #watchers = new Set<() => void>();

  async deliver(events: readonly VenueEvent[]): Promise<void> {
    this.deliveries += 1;
    await this.#held?.wait;
    if (this.#failures > 0) {
      this.#failures -= 1;
      throw new Error('the sink was told to fail');
    }
    this.events.push(...events);
    for (const check of this.#watchers) check();
  }

  /** Deliveries that begin from now on do not end until `release`. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = { wait: promise, release: resolve };
  }

  release(): void {
    this.#held?.release();
    this.#held = undefined;
  }

  failNext(times: number): void {
    this.#failures = times;
  }

  of<Kind extends VenueEvent['kind']>(kind: Kind): Extract<VenueEvent, { kind: Kind }>[] {
    return this.events.filter(
      (event): event is Extract<VenueEvent, { kind: Kind }> => event.kind === kind,
    );
  }

  /** What was said about one order, in order, without executions. */
  about(orderId: string): VenueEvent[] {
    return this.events.filter((event) => 'orderId' in event && event.orderId === orderId);
  }

  /** Resolves with the first event, told already or not, that the test accepts. */
  until(wanted: (event: VenueEvent) => boolean, what: string): Promise<VenueEvent> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.events.find(wanted);
        if (found === undefined) return;
        clearTimeout(timer);
        this.#watchers.delete(check);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#watchers.delete(check);
        reject(new Error(`the venue never said: ${what}; it said ${JSON.stringify(this.events)}`));
      }, WAIT_MS);
      this.#watchers.add(check);
      check();
    });
  }

  /** Resolves when the order was told to be done, and says how. */
  async done(orderId: string): Promise<Extract<VenueEvent, { kind: 'done' }>> {
    const event = await this.until(
      (one) => one.kind === 'done' && one.orderId === orderId,
      `${orderId} done`,
    );
    if (event.kind !== 'done') throw new Error('not a done event');
    return event;
  }

  /** Resolves when something of this kind was told about the order. */
  told(orderId: string, kind: VenueEvent['kind']): Promise<VenueEvent> {
    return this.until(
      (event) => event.kind === kind && 'orderId' in event && event.orderId === orderId,
      `${orderId} ${kind}`,
    );
  }
}
