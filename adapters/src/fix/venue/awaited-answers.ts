import type { Awaited } from './venue-orders.ts';

interface Waiting {
  readonly kind: Awaited;
  readonly orderId: string;
  readonly turn: number;
  readonly sinceMs: number;
  readonly done: () => void;
}

/**
 * Requests whose answer has not come, and answers that need no venue but must not overtake theirs:
 * what is asked first is answered first.
 */
export class AwaitedAnswers {
  readonly #waiting = new Map<string, Waiting>();
  #local: { readonly turn: number; readonly say: () => void }[] = [];
  #turn = 0;

  has(kind: Awaited, orderId: string): boolean {
    return this.#waiting.has(`${kind} ${orderId}`);
  }

  /** Resolves when it is answered, given up, or all is forgotten. */
  ask(kind: Awaited, orderId: string, nowMs: number): Promise<void> {
    this.answered(kind, orderId);
    this.#turn += 1;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { kind, orderId, turn: this.#turn, sinceMs: nowMs, done: resolve };
    this.#waiting.set(`${kind} ${orderId}`, waiting);
    return promise;
  }

  answered(kind: Awaited, orderId: string): void {
    const key = `${kind} ${orderId}`;
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    waiting.done();
  }

  /** To be called when what the answer said was passed on. */
  release(): void {
    if (this.#local.length === 0) return;
    const first = Math.min(...[...this.#waiting.values()].map(({ turn }) => turn));
    const due = this.#local.filter(({ turn }) => turn < first);
    this.#local = this.#local.filter(({ turn }) => turn >= first);
    for (const { say } of due) say();
  }

  /** Says something now, or once all that was asked before is answered. */
  inTurn(say: () => void): void {
    this.#turn += 1;
    this.#local.push({ turn: this.#turn, say });
    this.release();
  }

  /** Those that have waited so long, which wait no longer. */
  expire(nowMs: number, afterMs: number): { kind: Awaited; orderId: string }[] {
    const late = [...this.#waiting.values()].filter(({ sinceMs }) => nowMs - sinceMs >= afterMs);
    for (const { kind, orderId } of late) this.answered(kind, orderId);
    return late;
  }
}
