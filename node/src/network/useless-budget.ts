export interface UselessBudgetOptions {
  /** So many useless messages are taken at once, when there were none for a while. */
  readonly burst: number;
  readonly perSecond: number;
  /** Above this the sender is asked to wait; messages beyond four times as much are dropped. */
  readonly pauseAboveBytes: number;
}

interface UselessBudgetNeeds {
  /** Handles a message; true when it was of use. */
  take(message: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** Milliseconds of a clock that only rises. */
  now(): number;
}

const DRAIN_INTERVAL_MS = 10;
/** Even useful messages that waited come in turns, so that other peers are heard between them. */
const MAX_TAKEN_AT_ONCE = 64;

/**
 * Bounds what one peer can cost. Messages are taken as they come as long as they are of use; each one
 * that was not uses up some of a budget that refills with time. Whoever has used it up waits, so that
 * a flood of garbage or of repeats takes a known part of the processor, whatever its rate, and honest
 * peers keep theirs. To wait is no penalty: nothing is charged, and nothing of an honest peer is lost
 * that it does not send again.
 */
export class UselessBudget {
  readonly #options: UselessBudgetOptions;
  readonly #needs: UselessBudgetNeeds;
  #tokens: number;
  #filledAtMs: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isPaused = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: UselessBudgetOptions, needs: UselessBudgetNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#tokens = options.burst;
    this.#filledAtMs = needs.now();
  }

  /** Bytes that wait for budget. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Takes a message now or when the budget allows; false when it was dropped. */
  offer(message: Uint8Array): boolean {
    if (this.#isStopped) return false;
    if (this.#waiting.length === 0 && this.#hasBudget()) {
      this.#spend(message);
      return true;
    }
    if (this.#waitingBytes + message.length > 4 * this.#options.pauseAboveBytes) return false;
    this.#waiting.push(message);
    this.#waitingBytes += message.length;
    if (!this.#isPaused && this.#waitingBytes > this.#options.pauseAboveBytes) {
      this.#isPaused = true;
      this.#needs.pause();
    }
    this.#timer ??= setTimeout(() => this.#drain(), DRAIN_INTERVAL_MS);
    return true;
  }

  /** Drops what waits. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #spend(message: Uint8Array): void {
    if (!this.#needs.take(message)) this.#tokens -= 1;
  }

  #hasBudget(): boolean {
    if (this.#tokens >= 1) return true;
    const nowMs = this.#needs.now();
    const refilled = ((nowMs - this.#filledAtMs) / 1_000) * this.#options.perSecond;
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(this.#options.burst, this.#tokens + refilled);
    return this.#tokens >= 1;
  }

  #drain(): void {
    this.#timer = undefined;
    let taken = 0;
    while (taken < Math.min(this.#waiting.length, MAX_TAKEN_AT_ONCE) && this.#hasBudget()) {
      const message = this.#waiting[taken] as Uint8Array;
      taken += 1;
      this.#waitingBytes -= message.length;
      this.#spend(message);
    }
    this.#waiting = this.#waiting.slice(taken);
    if (this.#waiting.length > 0) {
      this.#timer = setTimeout(() => this.#drain(), DRAIN_INTERVAL_MS);
    } else if (this.#isPaused) {
      this.#isPaused = false;
      this.#needs.resume();
    }
  }
}
