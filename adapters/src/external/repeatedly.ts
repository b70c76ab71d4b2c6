import { setTimeout as sleep } from 'node:timers/promises';
import type { WireEars } from './venue-wire.ts';

/** So many looks may fail in a row before the connection counts as lost. */
const MOST_FAILURES = 4;

/**
 * Looks at a venue again and again, one look after the other, until `signal` is aborted. A look that
 * fails is told as trouble, several in a row as the end of the connection.
 */
export function repeatedly(
  everyMs: number,
  look: () => Promise<void>,
  ears: Pick<WireEars, 'trouble' | 'lost'>,
  signal: AbortSignal,
): void {
  const loop = async (): Promise<void> => {
    for (let failures = 0; ; ) {
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await look();
        if (failures > 0) ears.trouble(undefined);
        failures = 0;
      } catch (error) {
        failures += 1;
        const reason = error instanceof Error ? error.message : String(error);
        if (failures >= MOST_FAILURES) return ears.lost(reason);
        ears.trouble(reason);
      }
    }
  };
  void loop();
}
