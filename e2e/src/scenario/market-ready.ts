import type { Network } from '../harness/network.ts';
import type { BookAnswer, BrokerDesk } from './broker-desk.ts';
import { readMetric } from './node-metrics.ts';
import { eventually, scenarioFailure } from './scenario-failure.ts';

/** On a machine that is busy with other things a venue's heartbeats come late, and again. */
const STILL_WITHIN_MS = 90_000;

/** Waits until every venue is live in the gateway's book. */
export function awaitLiveMarket(desk: BrokerDesk): Promise<BookAnswer> {
  return eventually('A book with every venue live in it', async () => {
    const book = await desk.book();
    return book.venues.every(({ state }) => state === 'LIVE') ? book : undefined;
  });
}

/**
 * Waits until each venue's recorded flow was replayed to its end, however long that takes, and the
 * gateway's book stands still with every venue that runs live in it.
 */
export async function awaitReplayedMarket(
  network: Network,
  desk: BrokerDesk,
  onProgress: (message: string) => void,
): Promise<BookAnswer> {
  await Promise.all(
    [...network.venues].map(async ([venue, node]) => {
      for (let lastTold = performance.now(); !(await readMetric(node, 'stoa_flow_done')); ) {
        if (!network.venues.has(venue)) throw scenarioFailure(`The node of ${venue} ended.`);
        await new Promise((resolve) => setTimeout(resolve, 100));
        if (performance.now() - lastTold < 2_000) continue;
        lastTold = performance.now();
        const messages = await readMetric(node, 'stoa_flow_messages', { outcome: 'messages' });
        onProgress(`  ${venue}: ${messages.toLocaleString('en-US')} messages replayed`);
      }
    }),
  );
  let seen = '';
  let sinceMs = 0;
  const still = 'A book that stands still, with every venue that runs live in it';
  const look = async (): Promise<BookAnswer | undefined> => {
    const book = await desk.book();
    // Heartbeats raise the version; what counts is what the book says.
    const { version: _version, ...content } = book;
    const text = JSON.stringify(content);
    const running = book.venues.filter(({ venue }) => network.venues.has(venue.id));
    if (text !== seen || running.some(({ state }) => state !== 'LIVE')) {
      seen = text;
      sinceMs = performance.now();
      return undefined;
    }
    return performance.now() - sinceMs >= 500 ? book : undefined;
  };
  return eventually(still, look, STILL_WITHIN_MS);
}
