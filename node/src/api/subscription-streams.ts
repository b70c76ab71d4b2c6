import { apiError } from './api-error.ts';

/** The open subscriptions of one server: counted, bounded, and ended together. */
export interface SubscriptionStreams {
  /**
   * Opens one more. `source` is pulled only when the reader asks for the next value, so a reader that
   * stops reading costs one value, provided that the source itself conflates. `onEnd` is called once,
   * however the stream ends.
   *
   * @throws TOO_MANY_SUBSCRIPTIONS
   */
  open<T>(
    source: (signal: AbortSignal) => AsyncIterable<T>,
    onEnd?: () => void,
  ): AsyncIterableIterator<T>;
  count(): number;
  /** Ends all of them; their readers see an orderly end. */
  endAll(): void;
}

/** Creates the {@link SubscriptionStreams} of a server. */
export function createSubscriptionStreams(maxStreams: number): SubscriptionStreams {
  const open = new Set<AbortController>();
  let ended = false;

  function openStream<T>(source: (signal: AbortSignal) => AsyncIterable<T>, onEnd?: () => void) {
    if (ended || open.size >= maxStreams) {
      throw apiError(
        'TOO_MANY_SUBSCRIPTIONS',
        `This server serves at most ${maxStreams} subscriptions at a time. Try another one or later.`,
      );
    }
    const controller = new AbortController();
    open.add(controller);
    const inner = source(controller.signal)[Symbol.asyncIterator]();
    const close = (): void => {
      open.delete(controller);
      onEnd?.();
      // One that waits for its reader would otherwise hold what it holds for ever.
      inner.return?.().catch(() => undefined);
    };
    controller.signal.addEventListener('abort', close, { once: true });
    return endableIterator(inner, controller);
  }

  return {
    open: openStream,
    count: () => open.size,
    endAll() {
      ended = true;
      for (const controller of open) controller.abort();
    },
  };
}

/**
 * An iterator whose `return` takes effect at once. That of an async generator would wait behind the
 * pending `next`, that is until the market moves again, and hold the closed stream all that time.
 */
function endableIterator<T>(
  inner: AsyncIterator<T>,
  controller: AbortController,
): AsyncIterableIterator<T> {
  const end = (): IteratorReturnResult<undefined> => {
    controller.abort();
    return { done: true, value: undefined };
  };
  return {
    async next(): Promise<IteratorResult<T>> {
      if (controller.signal.aborted) return end();
      try {
        const result = await inner.next();
        return result.done || controller.signal.aborted ? end() : result;
      } catch (error) {
        const wasAborted = controller.signal.aborted;
        end();
        if (!wasAborted) throw error;
        return { done: true, value: undefined };
      }
    },
    async return() {
      return end();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
