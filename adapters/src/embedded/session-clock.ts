import { nextTransitionMs, phaseAt, type TradingCalendar, type TradingPhase } from '@stoa/schema';

/** A timer never waits longer: Node's own would overflow. */
const MAX_WAIT_MS = 3_600_000;

export interface SessionClockNeeds {
  readonly nowMs: () => number;
  /** Calls back once after so many milliseconds; the answer cancels it. */
  readonly timer: (delayMs: number, call: () => void) => () => void;
  /** Told once for every phase that begins, in order, at the moment it is noticed. */
  readonly onPhase: (phase: TradingPhase, before: TradingPhase) => void;
  /** Told when orders may have run out of time. */
  readonly onExpiry: (nowMs: number) => void;
}

/**
 * Notices when a venue's session begins and ends, and when orders run out of time. It looks whenever
 * it is asked to, and by a timer while nobody asks: so an order that comes after the close never
 * meets one that had only not expired yet.
 */
export class SessionClock {
  readonly #calendar: TradingCalendar | undefined;
  readonly #needs: SessionClockNeeds;
  #phase: TradingPhase;
  #transitionMs: number;
  #expiryMs = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;

  constructor(calendar: TradingCalendar | undefined, needs: SessionClockNeeds) {
    this.#calendar = calendar;
    this.#needs = needs;
    const nowMs = needs.nowMs();
    this.#phase = phaseAt(calendar, nowMs);
    this.#transitionMs = nextTransitionMs(calendar, nowMs) ?? Number.POSITIVE_INFINITY;
    this.#arm(nowMs);
  }

  get phase(): TradingPhase {
    return this.#phase;
  }

  /** An order is good until this moment, inclusive. */
  expires(atMs: number): void {
    if (atMs >= this.#expiryMs) return;
    this.#expiryMs = atMs;
    this.#arm(this.#needs.nowMs());
  }

  /** Does what is due. */
  look(): void {
    const nowMs = this.#needs.nowMs();
    while (nowMs >= this.#transitionMs) {
      const atMs = this.#transitionMs;
      this.#expire(atMs);
      const before = this.#phase;
      this.#phase = phaseAt(this.#calendar, atMs);
      this.#transitionMs = nextTransitionMs(this.#calendar, atMs) ?? Number.POSITIVE_INFINITY;
      this.#needs.onPhase(this.#phase, before);
    }
    this.#expire(nowMs);
    this.#arm(nowMs);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #expire(nowMs: number): void {
    if (nowMs <= this.#expiryMs) return;
    this.#expiryMs = Number.POSITIVE_INFINITY;
    this.#needs.onExpiry(nowMs);
  }

  #arm(nowMs: number): void {
    const dueMs = Math.min(this.#transitionMs, this.#expiryMs + 1);
    if (dueMs === this.#armedForMs && this.#cancelTimer !== undefined) return;
    this.stop();
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#armedForMs = dueMs;
    const delayMs = Math.min(Math.max(0, dueMs - nowMs), MAX_WAIT_MS);
    this.#cancelTimer = this.#needs.timer(delayMs, () => {
      this.#cancelTimer = undefined;
      this.look();
    });
  }
}
