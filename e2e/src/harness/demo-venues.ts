import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The venues of the demo network. The broker's home is the first. */
export const DEMO_VENUES = ['alpha', 'beta', 'gamma'] as const;

/** About a fifth of a flow: every level of a book is there by then. */
const OPENING_LINES = 800;

/** The small order flow file that comes with a demo venue. */
export function shippedFlow(venue: string): string {
  return fileURLToPath(new URL(`../../../adapters/flow/${venue}.csv`, import.meta.url));
}

/**
 * The beginning of each demo venue's order flow, written into a folder: a book at every venue, for tests that
 * need no more and would wait for the whole to be replayed.
 */
export async function openingFlows(folder: string): Promise<Map<string, string>> {
  const flows = DEMO_VENUES.map(async (venue) => {
    const lines = (await readFile(shippedFlow(venue), 'utf8')).split('\n');
    const file = join(folder, `${venue}.csv`);
    await writeFile(file, `${lines.slice(0, OPENING_LINES).join('\n')}\n`);
    return [venue, file] as const;
  });
  return new Map(await Promise.all(flows));
}
