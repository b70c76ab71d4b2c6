/** Reads values by their keys. */
export type BatchReader<V> = (key: string) => Promise<V | undefined>;

/** Keys of one statement; a page has no more rows, but several pages may be asked for at once. */
const MAX_KEYS = 100;

/**
 * Gathers the keys that are asked for within one turn and reads them together: the legs of a page of
 * orders are one statement, and not one for each order. Nothing is remembered.
 */
export function createBatchReader<V>(
  read: (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>,
): BatchReader<V> {
  let keys = new Set<string>();
  let reading: Promise<ReadonlyMap<string, V>> | undefined;
  return async (key) => {
    if (keys.size >= MAX_KEYS) reading = undefined;
    if (reading === undefined) {
      const gathered = new Set<string>();
      keys = gathered;
      reading = Promise.resolve().then(() => {
        if (keys === gathered) reading = undefined;
        return read([...gathered]);
      });
    }
    keys.add(key);
    return (await reading).get(key);
  };
}
