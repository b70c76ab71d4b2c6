import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until something holds, and says after how many milliseconds it did.
 *
 * @throws Error with what it was, where it does not in time
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<number> {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > withinMs) {
      throw new Error(`not within ${withinMs} ms: ${holds.toString()}`);
    }
    await sleep(2);
  }
  return performance.now() - start;
}
