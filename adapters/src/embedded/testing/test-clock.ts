/** A clock that a test moves, with the timers that hang on it. */
export class TestClock {
  #nowMs: number;
  #timers: { readonly dueMs: number; readonly call: () => void }[] = [];

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  readonly nowMs = (): number => this.#nowMs;

  readonly timer = (delayMs: number, call: () => void): (() => void) => {
    const timer = { dueMs: this.#nowMs + delayMs, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  /** Moves on, calling what is due on the way. */
  passTo(atMs: number): void {
    for (;;) {
      const [next] = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs);
      if (next === undefined || next.dueMs > atMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#timers = this.#timers.filter((other) => other !== next);
      next.call();
    }
    this.#nowMs = Math.max(this.#nowMs, atMs);
  }
}
