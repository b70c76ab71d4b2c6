import { setImmediate, setTimeout } from 'node:timers/promises';
import type { VenueEvent, VenueSink } from './venue-adapter.ts';

/** A delivery ends with the operation that takes it to so many events. */
const MAX_BATCH = 1_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

/** What one operation of the venue caused, and who wants to know that it is durable. */
interface Operation {
  readonly events: readonly VenueEvent[];
  readonly onDurable: (() => void) | undefined;
}

export interface EventOutboxNeeds {
  readonly sink: VenueSink;
  /** Resolves when what caused the events up to now is durable; none is delivered before. */
  readonly durable: () => Promise<unknown> | undefined;
  /** Books that changed since they were last asked for; added to the end of a delivery. */
  readonly changedBooks: () => VenueEvent[];
  /** Told when a delivery fails, and when one succeeds again. */
  readonly onHealth: (healthy: boolean, cause?: unknown) => void;
}

/**
 * Carries a venue's events to its sink in order, one delivery at a time, and never ahead of it: the
 * next one starts when the last is durable. A failed delivery is repeated as it was. Books are not
 * queued: the sink gets the latest when it has time for it.
 *
 * What one operation caused is delivered whole, however much it is: a crash between two parts of it
 * would leave a fill-or-kill filled in part.
 */
export class EventOutbox {
  readonly #needs: EventOutboxNeeds;
  readonly #queue: Operation[] = [];
  #pending = 0;
  readonly #waiting = new Set<{ below: number; resolve: () => void }>();
  readonly #ended = new AbortController();
  #bookChanged = false;
  #delivering = false;

  constructor(needs: EventOutboxNeeds) {
    this.#needs = needs;
  }

  /** Events that are not yet durable. */
  get pending(): number {
    return this.#pending;
  }

  /** Takes what one operation caused. */
  push(...events: readonly VenueEvent[]): void {
    this.pushAll(events);
  }

  /**
   * As {@link push}, of however many events. `onDurable` is called when the sink has them and all
   * before them: then what caused them may be acknowledged to the venue.
   */
  pushAll(events: readonly VenueEvent[], onDurable?: () => void): void {
    if (this.#ended.signal.aborted || (events.length === 0 && onDurable === undefined)) return;
    this.#queue.push({ events, onDurable });
    this.#pending += events.length;
    this.#wake();
  }

  bookChanged(): void {
    this.#bookChanged = true;
    this.#wake();
  }

  /** Resolves when fewer than `limit` events wait, or the outbox is closed; undefined if so now. */
  room(limit: number): Promise<void> | undefined {
    if (this.#ended.signal.aborted || this.#pending < limit) return undefined;
    return new Promise((resolve) => this.#waiting.add({ below: limit, resolve }));
  }

  /** Resolves when everything pushed so far is durable, or the outbox is closed. */
  async drained(): Promise<void> {
    if (
      this.#ended.signal.aborted ||
      (this.#queue.length === 0 && !this.#bookChanged && !this.#delivering)
    )
      return;
    await new Promise<void>((resolve) => this.#waiting.add({ below: 0, resolve }));
  }

  /** Drops what is not yet delivered, as a crash would. */
  close(): void {
    this.#ended.abort();
    this.#queue.length = 0;
    this.#pending = 0;
    this.#releaseWaiting();
  }

  #wake(): void {
    if (this.#delivering || this.#ended.signal.aborted) return;
    this.#delivering = true;
    void this.#deliverAll();
  }

  async #deliverAll(): Promise<void> {
    while (!this.#ended.signal.aborted && (this.#queue.length > 0 || this.#bookChanged)) {
      // One turn's changes make one delivery: a busy book would otherwise be told at every step.
      await setImmediate();
      const events: VenueEvent[] = [];
      let operations = 0;
      for (; operations < this.#queue.length && events.length < MAX_BATCH; operations += 1) {
        for (const event of this.#queue[operations]?.events ?? []) events.push(event);
      }
      this.#bookChanged = false;
      const books = this.#needs.changedBooks();
      await this.#needs.durable();
      if (this.#ended.signal.aborted) break;
      await this.#deliver([...events, ...books]);
      if (this.#ended.signal.aborted) break;
      const told = this.#queue.splice(0, operations);
      this.#pending -= events.length;
      for (const { onDurable } of told) onDurable?.();
      this.#releaseWaiting();
    }
    this.#delivering = false;
    this.#releaseWaiting();
  }

  async #deliver(batch: readonly VenueEvent[]): Promise<void> {
    const { sink, onHealth } = this.#needs;
    const { signal } = this.#ended;
    for (
      let retryMs = FIRST_RETRY_MS;
      !this.#ended.signal.aborted;
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
    ) {
      try {
        if (batch.length > 0) await sink.deliver(batch);
        onHealth(true);
        return;
      } catch (cause) {
        onHealth(false, cause);
        await setTimeout(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #releaseWaiting(): void {
    const idle = this.#queue.length === 0 && !this.#delivering;
    for (const waiting of this.#waiting) {
      if (!this.#ended.signal.aborted && !idle && this.#pending >= waiting.below) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }
}
