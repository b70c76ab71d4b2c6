/** Without a sign of life for this many heartbeat intervals the peer is asked for one. */
const SILENT_INTERVALS = 1.2;

/** When to give a sign of life, and when to ask for one. FIX 4.4 volume 2, "Heartbeat", "Test Request". */
export class PeerWatch {
  /** Zero: no signs of life are agreed on. */
  heartbeatMs: number;
  #sentAtMs = 0;
  #receivedAtMs = 0;
  #askedAtMs: number | undefined;

  constructor(heartbeatMs: number) {
    this.heartbeatMs = heartbeatMs;
  }

  sent(nowMs: number): void {
    this.#sentAtMs = nowMs;
  }

  received(nowMs: number): void {
    this.#receivedAtMs = nowMs;
    this.#askedAtMs = undefined;
  }

  /** What is due at a moment: the peer is asked once, and then given up. */
  due(nowMs: number): { readonly lost: boolean; readonly ask: boolean; readonly beat: boolean } {
    if (this.heartbeatMs === 0) return { lost: false, ask: false, beat: false };
    const silentMs = this.heartbeatMs * SILENT_INTERVALS;
    const lost = this.#askedAtMs !== undefined && nowMs - this.#askedAtMs >= silentMs;
    const ask = this.#askedAtMs === undefined && nowMs - this.#receivedAtMs >= silentMs;
    if (ask) this.#askedAtMs = nowMs;
    return { lost, ask, beat: !ask && nowMs - this.#sentAtMs >= this.heartbeatMs };
  }
}
