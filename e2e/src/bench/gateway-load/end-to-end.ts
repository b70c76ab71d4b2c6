import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchNeeds } from '../bench.ts';
import { benchProcesses } from '../bench-process.ts';
import { instrumentsOf, type NetworkPlan } from '../quotes/network-plan.ts';
import type { VenueCommands } from '../quotes/venue-process.ts';
import { quantile, rounded } from '../statistics.ts';
import type { GatewayCommands } from './gateway-process.ts';
import type { ReaderCommands } from './reader-process.ts';

const perSecond = 100;
const readers = 20;
const meetWithinMs = 20_000;
const settleMs = 1_000;
const plan: NetworkPlan = { venues: ['alpha'], observers: ['gateway'], instruments: 1, levels: 10 };

/**
 * From the call into a venue's engine to a broker's subscription: engine, publisher, signature, libp2p,
 * the gateway's own judge and book (the first stage), then execution, stream and the reader's socket.
 */
export async function measureEndToEnd(seconds: number, say: BenchNeeds['say']) {
  say('gateway: from engine to subscriber');
  const folder = await mkdtemp(join(tmpdir(), 'stoa-bench-'));
  await using processes = benchProcesses();
  try {
    const venue = processes.start<VenueCommands>('quotes/venue-process.ts');
    const { addresses } = await venue.ask('start', { ...plan, member: 'alpha', peers: [] });
    const gateway = processes.start<GatewayCommands>('gateway-load/gateway-process.ts');
    const place = { ...plan, member: 'gateway', peers: addresses };
    const { url } = await gateway.ask('start', { place, folder });
    const deadline = performance.now() + meetWithinMs;
    while ((await gateway.ask('peers', undefined as never)).length === 0) {
      if (performance.now() > deadline) throw new Error('venue and gateway did not meet');
      await sleep(50);
    }
    const reader = processes.start<ReaderCommands>('gateway-load/reader-process.ts');
    const [instrument] = instrumentsOf(plan);
    // The best bid's size is the update's number: the reader takes it for the version.
    const query = `subscription { book(instrument: "${instrument?.id}") { cbbo { bid { version: quantity } } bids { price quantity } offers { price quantity } } }`;
    await reader.ask('open', { url, query, count: readers, noting: 1 });
    await venue.ask('run', { perSecond, seconds: 2, seed: 1, timed: true });
    await sleep(settleMs);
    await reader.ask('forget', undefined as never);
    await gateway.ask('merged', undefined as never);
    const made = await venue.ask('run', { perSecond, seconds, seed: 2, timed: true });
    await sleep(settleMs);
    const merged = await gateway.ask('merged', undefined as never);
    const seen = await reader.ask('sampled', undefined as never);
    return stages(made, merged, seen);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function stages(
  made: { readonly first: number; readonly madeAtNs: Float64Array },
  merged: { readonly updates: Float64Array; readonly atNs: Float64Array },
  seen: readonly { readonly versions: Float64Array; readonly seenAtNs: Float64Array }[],
) {
  const madeAt = (update: number) => made.madeAtNs[update - made.first];
  const mergedAt = new Map(
    Array.from(merged.updates, (update, at) => [update, merged.atNs[at] ?? Number.NaN]),
  );
  const toBook: number[] = [];
  const toReader: number[] = [];
  const whole: number[] = [];
  for (const { versions, seenAtNs } of seen) {
    versions.forEach((update, at) => {
      const [begunNs, bookNs, endNs] = [madeAt(update), mergedAt.get(update), seenAtNs[at]];
      if (begunNs === undefined || bookNs === undefined || endNs === undefined) return;
      toBook.push((bookNs - begunNs) / 1e6);
      toReader.push((endNs - bookNs) / 1e6);
      whole.push((endNs - begunNs) / 1e6);
    });
  }
  const both = (values: readonly number[]) => ({
    p50: rounded(quantile(values, 0.5), 2),
    p99: rounded(quantile(values, 0.99), 2),
  });
  const all = both(whole);
  return {
    ...{ p50Ms: all.p50, p99Ms: all.p99 },
    stagesMs: { engineToGatewayBook: both(toBook), bookToReader: both(toReader) },
    ...{ updatesPerSecond: perSecond, readers, updates: made.madeAtNs.length },
    sampled: whole.length,
  };
}
