import { setTimeout as wait } from 'node:timers/promises';
import type { EntryMessage } from './entry-message.ts';

export interface RequestInboxNeeds {
  /** Does one request; what it throws is tried again. */
  readonly handle: (message: EntryMessage) => Promise<void>;
  readonly onFault: (error: unknown, message: EntryMessage) => void;
  /** Stops the reading of more, and goes on with it. */
  readonly pause: () => void;
  readonly resume: () => void;
}

/** Requests that wait for their turn. */
const MAX_WAITING = 256;
const RETRY_MS = 1_000;

/**
 * A session's requests, one after the other in the order they came: that is the time of price-time
 * priority. One that fails, as where the store is away for a moment, is tried again, since what became
 * of it is not known; every request may be repeated.
 */
export class RequestInbox {
  readonly #needs: RequestInboxNeeds;
  readonly #waiting: EntryMessage[] = [];
  readonly #ended = new AbortController();
  #working: Promise<void> | undefined;

  constructor(needs: RequestInboxNeeds) {
    this.#needs = needs;
  }

  add(message: EntryMessage): void {
    this.#waiting.push(message);
    if (this.#waiting.length >= MAX_WAITING) this.#needs.pause();
    this.#working ??= this.#work();
  }

  /** Resolves when the one under way is done; what waits comes again with the next start. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (this.#ended.signal.aborted) return;
      if (!(await this.#isDone(next))) {
        // It may have been done all the same, and is no repeat of itself.
        this.#waiting[0] = { ...next, possDup: true };
        continue;
      }
      this.#waiting.shift();
      if (this.#waiting.length <= MAX_WAITING / 2) this.#needs.resume();
    }
    this.#working = undefined;
  }

  async #isDone(message: EntryMessage): Promise<boolean> {
    try {
      await this.#needs.handle(message);
      return true;
    } catch (error) {
      this.#needs.onFault(error, message);
      await wait(RETRY_MS, undefined, { signal: this.#ended.signal }).catch(() => undefined);
      return false;
    }
  }
}
