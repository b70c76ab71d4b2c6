import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';

/** What the worker works on, and how often. */
export interface WorkerOptions {
  /** One round of all work; returns in how many milliseconds the next should come. */
  readonly round: () => Promise<number>;
  /** What a delay after a failed round begins with. */
  readonly pollIntervalMs: number;
}

const maxBackoffMs = 5_000;
const stopTimeoutMs = 1_500;

/**
 * Runs rounds one after the other, never two at a time. A round that fails is no more than a delay,
 * which doubles up to five seconds: every round begins with what the store and the chain say.
 */
export class SettlementWorker {
  readonly #options: WorkerOptions;
  readonly #needs: { readonly logger: Logger; readonly metrics: SettlementMetrics };
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | undefined;
  #trouble: string | undefined = 'settlement has not started';

  constructor(options: WorkerOptions, needs: { logger: Logger; metrics: SettlementMetrics }) {
    this.#options = options;
    this.#needs = needs;
  }

  readiness(): { readonly ready: boolean; readonly reason?: string } {
    return this.#trouble === undefined ? { ready: true } : { ready: false, reason: this.#trouble };
  }

  start(signal: AbortSignal): void {
    this.#running ??= this.#work(AbortSignal.any([signal, this.#stopping.signal]));
  }

  /** There is something to do at once. A chain that does not answer is not asked more often for it. */
  wake(): void {
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    // Whatever is in hand may be left at any point: it is resumed from the store.
    await Promise.race([this.#running, sleep(stopTimeoutMs, undefined, { ref: false })]);
  }

  async #work(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const pauseMs = await this.#round(failures);
      failures = this.#trouble === undefined ? 0 : failures + 1;
      const pause = failures === 0 ? AbortSignal.any([signal, this.#wake.signal]) : signal;
      await sleep(pauseMs, undefined, { signal: pause }).catch(() => undefined);
    }
  }

  async #round(failures: number): Promise<number> {
    const { round, pollIntervalMs } = this.#options;
    const { logger, metrics } = this.#needs;
    try {
      const nextInMs = await round();
      if (failures > 0) logger.info({ failures }, 'settlement works again');
      this.#trouble = undefined;
      return nextInMs;
    } catch (error) {
      // The first line only: the rest names the RPC's address, which may hold an access key.
      this.#trouble = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
      if (failures === 0) logger.error({ reason: this.#trouble }, 'settlement round failed');
      metrics.chainErrors.inc();
      return Math.min(pollIntervalMs * 2 ** Math.min(failures + 1, 10), maxBackoffMs);
    }
  }
}
