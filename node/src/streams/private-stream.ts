import type { StreamResult } from './stream-hub.ts';
import type { StreamReader } from './stream-reader.ts';
import { UpdateBatch } from './update-batch.ts';

/**
 * Sends one viewer's own results to that viewer alone. The next one is asked for when the reader has
 * taken the last, so that one who stalls holds one result and the source's own bound, no more.
 * Resolves when the source has ended or `signal` did; the reader is told of the end, unless by signal.
 */
export async function sendPrivateStream(
  source: AsyncIterable<StreamResult>,
  reader: StreamReader,
  options: {
    readonly signal: AbortSignal;
    /** The id of a result, with which its reader can go on after it. */
    readonly idOf: (result: StreamResult) => string | undefined;
  },
): Promise<void> {
  const { signal, idOf } = options;
  const iterator = source[Symbol.asyncIterator]();
  let onReady: (() => void) | undefined;
  // A source that waits would otherwise be held for as long as it has nothing to tell.
  const stop = (): void => {
    void iterator.return?.().catch(() => undefined);
    onReady?.();
  };
  signal.addEventListener('abort', stop, { once: true });
  reader.onReady = () => onReady?.();
  try {
    for (;;) {
      const { done, value } = await iterator.next();
      if (signal.aborted) return;
      if (done) break;
      if (value.data === undefined && value.errors) {
        // Refused, wherever on its way: nothing follows.
        reader.end({ errors: value.errors });
        stop();
        return;
      }
      const batch = new UpdateBatch([{ id: idOf(value), payload: JSON.stringify(value) }]);
      if (reader.write(batch)) continue;
      await new Promise<void>((resolve) => {
        onReady = resolve;
        if (signal.aborted) resolve();
      });
    }
    reader.end({});
  } catch {
    if (!signal.aborted) reader.end({ errors: [{ message: 'The stream broke off.' }] });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
