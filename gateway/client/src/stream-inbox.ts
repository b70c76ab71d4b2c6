import { type ApiError, apiErrorsOf, isObject } from './client-error.ts';
import type { StreamResult } from './stream-position.ts';

/** Why a connection of a stream gives no more results. */
export type StreamEnd =
  /** There is nothing more to tell. */
  | { readonly kind: 'complete' }
  /** The API says why. */
  | { readonly kind: 'refused'; readonly errors: readonly ApiError[] }
  /** The connection broke, or was never made. */
  | { readonly kind: 'cut'; readonly reason: string; readonly cause?: unknown }
  /** The reader does not keep up with a stream of which nothing may be left out. */
  | { readonly kind: 'full' };

/** What a reader takes out of an inbox, in the order it came. */
export type InboxStep = { readonly kind: 'result'; readonly result: StreamResult } | StreamEnd;

/**
 * Results of one connection on their way to their reader, `capacity` at most. When it is full, a shared
 * stream's oldest gives way, since the latest is whole; a numbered one ends as `full`, to be gone on with
 * from where the reader stands then.
 */
export class StreamInbox {
  readonly #capacity: number;
  readonly #results: StreamResult[] = [];
  #end: StreamEnd | undefined;
  #wake: () => void = () => undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Puts one in; one that refuses the subscription is its end, and what comes after the end is nothing. */
  put(result: StreamResult): void {
    if (this.#end) return;
    if (isRefused(result)) {
      this.end({ kind: 'refused', errors: apiErrorsOf(result.errors) });
      return;
    }
    if (this.#results.length >= this.#capacity) {
      if (!isShared(result)) {
        this.end({ kind: 'full' });
        return;
      }
      this.#results.shift();
    }
    this.#results.push(result);
    this.#wake();
  }

  /** Says how it ended; the first word counts. */
  end(end: StreamEnd): void {
    this.#end ??= end;
    this.#wake();
  }

  /** The next result, or, when all are taken, how it ended. One reader alone may wait. */
  async take(): Promise<InboxStep> {
    for (;;) {
      const result = this.#results.shift();
      if (result) return { kind: 'result', result };
      if (this.#end) return this.#end;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Before or after it began: nothing is in its one root field, and the errors say why. */
function isRefused({ data, errors }: StreamResult): boolean {
  return apiErrorsOf(errors).length > 0 && (!isObject(data) || Object.values(data)[0] == null);
}

function isShared({ extensions }: StreamResult): boolean {
  return typeof extensions === 'object' && extensions !== null && 'stream' in extensions;
}
