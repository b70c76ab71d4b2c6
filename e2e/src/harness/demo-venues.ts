import { fileURLToPath } from 'node:url';

/** The venues of the demo network. The broker's home is the first. */
export const DEMO_VENUES = ['alpha', 'beta', 'gamma'] as const;

/** The small order flow file that comes with a demo venue. */
export function shippedFlow(venue: string): string {
  return fileURLToPath(new URL(`../../../adapters/flow/${venue}.csv`, import.meta.url));
}
