/**
 * The value now and after every change, for a reader of any speed: while it is busy, changes are not
 * queued but folded into one, the latest. Ends when the signal aborts, and unsubscribes.
 */
export async function* watchLatest<T>(
  read: () => T,
  subscribe: (onChange: () => void) => () => void,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  let wake = (): void => undefined;
  let isChanged = true;
  const notify = (): void => {
    isChanged = true;
    wake();
  };
  const unsubscribe = subscribe(notify);
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      if (isChanged) {
        isChanged = false;
        yield read();
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', onAbort);
  }
}
