/** Reads values by their keys. */
export type BatchReader<V> = (key: string) => Promise<V | undefined>;

/** Keys of one statement; a page has no more rows, but several pages may be asked for at once. */
const MAX_KEYS = 100;
/** Statements of one reader at a time. */
const MAX_READING = 4;

/**
 * Gathers the keys that are asked for within one turn of the event loop and reads them together: the legs of
 * a page of orders are one statement, and not one for each order. Beyond a few statements at a time the
 * next one waits, and gathers on: the more is asked for at once, by whomever, the more goes into one.
 * Nothing is remembered: what is asked for once a statement was sent is read anew.
 */
export function createBatchReader<V>(
  read: (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>,
): BatchReader<V> {
  const waiting: Batch<V>[] = [];
  let reading = 0;

  function begin(): Batch<V> {
    const batch = {
      keys: new Set<string>(),
      found: Promise.withResolvers<Found<V>>(),
      isDue: false,
    };
    waiting.push(batch);
    setImmediate(() => {
      batch.isDue = true;
      readDue();
    });
    return batch;
  }

  function readDue(): void {
    while (reading < MAX_READING && waiting[0]?.isDue) {
      const { keys, found } = waiting.shift() as Batch<V>;
      reading += 1;
      const done = (): void => {
        reading -= 1;
        readDue();
      };
      read([...keys])
        .then(found.resolve, found.reject)
        .finally(done);
    }
  }

  return async (key) => {
    const last = waiting.at(-1);
    const batch = last && last.keys.size < MAX_KEYS ? last : begin();
    batch.keys.add(key);
    return (await batch.found.promise).get(key);
  };
}

type Found<V> = ReadonlyMap<string, V>;

/** Keys that are read together. */
interface Batch<V> {
  readonly keys: Set<string>;
  readonly found: PromiseWithResolvers<Found<V>>;
  /** Whether the turn has ended in which it was begun. */
  isDue: boolean;
}
