/** So many requests wait at most; more are refused before the wire. */
const MAX_WAITING = 1_000;
/** The venue counts when requests arrive, which is not as even as when they leave. */
const MARGIN_MS = 10;

interface Waiting {
  readonly urgent: boolean;
  readonly go: () => void;
}

export interface RequestGateOptions {
  /** Each window lets so many requests through; all hold. */
  readonly limits: readonly { readonly requests: number; readonly perMs: number }[];
  /** One at a time. */
  readonly serial: boolean;
}

/**
 * Lets requests through as fast as the venue wants them: orders before questions. Whoever asks waits;
 * nothing is dropped.
 */
export class RequestGate {
  readonly #options: RequestGateOptions;
  readonly #waiting: Waiting[] = [];
  /** When requests went out, oldest first, as far back as the longest window. */
  #times: number[] = [];
  #busy = false;
  #pausedUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RequestGateOptions) {
    this.#options = options;
  }

  /** Runs a request when it may go; undefined where too many wait already. */
  async pass<T>(urgent: boolean, request: () => Promise<T>): Promise<T | undefined> {
    if (this.#waiting.length >= MAX_WAITING) return undefined;
    await new Promise<void>((go) => {
      this.#waiting.push({ urgent, go });
      this.#next();
    });
    try {
      return await request();
    } finally {
      this.#busy = false;
      this.#next();
    }
  }

  /** The venue wants nothing for so long. */
  pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, performance.now() + ms);
  }

  #next(): void {
    if (this.#timer !== undefined) return;
    while (this.#waiting.length > 0 && !(this.#options.serial && this.#busy)) {
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#next();
        }, waitMs);
        return;
      }
      const first = this.#waiting.findIndex(({ urgent }) => urgent);
      const [next] = this.#waiting.splice(Math.max(0, first), 1);
      this.#times.push(performance.now());
      this.#busy = true;
      next?.go();
    }
  }

  #waitMs(): number {
    const { limits } = this.#options;
    const now = performance.now();
    const longest = limits.reduce((most, { perMs }) => Math.max(most, perMs), 0);
    this.#times = this.#times.filter((at) => now - at < longest);
    const waits = limits.map(({ requests, perMs }) => {
      const before = this.#times.at(-requests);
      return before === undefined ? 0 : before + perMs + MARGIN_MS - now;
    });
    return Math.ceil(Math.max(0, this.#pausedUntilMs - now, ...waits));
  }
}
