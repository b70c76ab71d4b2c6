import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchNeeds } from '../bench.ts';
import { type BenchProcess, benchProcesses } from '../bench-process.ts';
import { quantile, rounded, spread } from '../statistics.ts';
import type { FanoutCommands, FanoutServer } from './fanout-process.ts';
import { fanoutInstrument } from './moving-market.ts';
import type { ReaderCommands } from './reader-process.ts';

const query = `subscription { book(instrument: "${fanoutInstrument.id}") {
  version bids { price quantity } offers { price quantity } } }`;
const steadyPerSecond = 100;
/** What is offered at saturation, with 1,000 readers: far more than a stock server delivers. */
const saturatedPerSecond: Readonly<Record<FanoutServer, number>> = {
  ...{ stoa: 600, rawWs: 300, stock: 60 },
};
const settleMs = 2_000;
const stalledReaders = 100;
/** Readers that note when each update came, in a process that has little else to do. */
const notingReaders = 50;

export interface FanoutPlan {
  readonly readers: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** One book to many readers: how late they are, what one of them holds, and what a stalled one does. */
export async function measureReaders(plan: FanoutPlan, say: BenchNeeds['say']) {
  say('gateway: fan-out, every update to every reader');
  const steady = await withServer('stoa', (parties) => measureSteady(parties, plan));
  say('gateway: fan-out, what a reader and a stalled one hold');
  const memory = await withServer('stoa', (parties) => measureMemory(parties, plan));
  return {
    ...{ readers: plan.readers, updatesPerSecond: steadyPerSecond, p99Ms: steady.p99Ms },
    ...memory,
    steady,
  };
}

/** What is delivered where more is offered: our gateway, yoga as it comes, ready bytes over ws. */
export async function measureSaturated(plan: FanoutPlan, say: BenchNeeds['say']) {
  const rounds: Record<FanoutServer, number[]> = { stoa: [], rawWs: [], stock: [] };
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const server of ['stoa', 'rawWs', 'stock'] as const) {
      say(`gateway: fan-out at saturation, ${server}`);
      rounds[server].push(
        await withServer(server, (parties) => measureSaturation(server, parties, plan)),
      );
    }
  }
  const [stoa, stock, rawWs] = [spread(rounds.stoa), spread(rounds.stock), spread(rounds.rawWs)];
  return {
    deliveriesPerSecond: stoa.median,
    stockPerSecond: stock.median,
    rawWsPerSecond: rawWs.median,
    toStock: rounded(stoa.median / stock.median, 1),
    toRawWs: rounded(stoa.median / rawWs.median, 2),
    ofRounds: { stoa, stock, rawWs },
  };
}

interface Parties {
  readonly server: BenchProcess<FanoutCommands>;
  readonly readers: BenchProcess<ReaderCommands>;
  /** The same in another process. */
  readonly others: BenchProcess<ReaderCommands>;
  readonly url: string;
}

async function withServer<T>(
  server: FanoutServer,
  measure: (parties: Parties) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-bench-'));
  try {
    // Each in processes of its own: what one left in a heap is not the next one's.
    await using processes = benchProcesses();
    const serving = processes.start<FanoutCommands>('gateway-load/fanout-process.ts');
    const [readers, others] = [1, 2].map(() =>
      processes.start<ReaderCommands>('gateway-load/reader-process.ts'),
    ) as [Parties['readers'], Parties['others']];
    const url = await serving.ask('start', { server, folder });
    return await measure({ server: serving, readers, others, url });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * At a steady pace: how late the latest readers are, and that nobody missed anything. Those whose times
 * count have a process of their own: what a process with a thousand sockets needs to come to each of
 * them is its own time and not the server's. How late either process came to anything is told beside.
 */
async function measureSteady(parties: Parties, plan: FanoutPlan) {
  const { server, readers: crowd, others: noting, url } = parties;
  const both = [crowd, noting];
  await crowd.ask('open', { url, query, count: plan.readers - notingReaders });
  await noting.ask('open', { url, query, count: notingReaders, noting: notingReaders });
  await server.ask('publish', { perSecond: steadyPerSecond, seconds: 2 });
  await sleep(settleMs);
  await Promise.all(both.map((one) => one.ask('forget', undefined as never)));
  const made = await server.ask('publish', { perSecond: steadyPerSecond, seconds: plan.seconds });
  await sleep(settleMs);
  const counted = await Promise.all(both.map((one) => one.ask('counted', undefined as never)));
  const sampled = await noting.ask('sampled', undefined as never);
  const madeAtNs = await server.ask('madeAtNs', undefined as never);
  const updates = made.last - made.first + 1;
  const lateMs = sampled.flatMap(({ versions, seenAtNs }) =>
    Array.from(versions, (version, at) => ((seenAtNs[at] ?? 0) - (madeAtNs[version] ?? 0)) / 1e6),
  );
  const events = counted.flatMap((one) => Array.from(one.events));
  const [crowdLate, notingLate] = counted.map(({ lateP99Ms }) => rounded(lateP99Ms, 2));
  return {
    p50Ms: rounded(quantile(lateMs, 0.5), 2),
    p99Ms: rounded(quantile(lateMs, 0.99), 2),
    updates,
    missed: events.reduce((sum, count) => sum + updates - count, 0),
    sampled: lateMs.length,
    serverCpuShare: rounded(made.cpuUs / 1_000 / made.tookMs, 2),
    readersLateP99Ms: { crowd: crowdLate, noting: notingLate },
  };
}

/** With more offered than can be written: what reaches the readers in a second. */
async function measureSaturation(
  kind: FanoutServer,
  { server, readers, url }: Parties,
  { readers: count, seconds }: FanoutPlan,
): Promise<number> {
  await readers.ask('open', { url, query, count });
  const perSecond = saturatedPerSecond[kind];
  const payload = kind === 'rawWs' ? { payload: rawPayload() } : {};
  await server.ask('publish', { perSecond, seconds: 1, ...payload }, 60_000);
  await sleep(settleMs);
  await readers.ask('forget', undefined as never);
  const begunMs = performance.now();
  await server.ask('publish', { perSecond, seconds, ...payload }, 120_000);
  const tookMs = performance.now() - begunMs;
  const { events, open } = await readers.ask('counted', undefined as never);
  if (open < count) throw new Error(`${count - open} readers of ${kind} were cut off`);
  return (events.reduce((sum, one) => sum + one, 0) * 1_000) / tookMs;
}

async function measureMemory({ server, readers, url }: Parties, plan: FanoutPlan) {
  // What opening streams brings into memory beside the streams is code, and room for garbage.
  for (let warmUp = 0; warmUp < 10; warmUp += 1) {
    await readers.ask('open', { url, query, count: Math.ceil(plan.readers / 10) });
    await server.ask('publish', { perSecond: steadyPerSecond, seconds: 1 });
    await readers.ask('close', undefined as never);
  }
  const empty = await server.ask('memoryBytes', undefined as never);
  await readers.ask('open', { url, query, count: plan.readers });
  await server.ask('publish', { perSecond: steadyPerSecond, seconds: 1 });
  const full = await server.ask('memoryBytes', undefined as never);
  const usedKib = (full.used - empty.used) / 1_024 / plan.readers;
  const residentKib = (full.rss - empty.rss) / 1_024 / plan.readers;
  await readers.ask('close', undefined as never);
  // The same traffic with nobody stalled: what it takes by itself is no reader's.
  const traffic = { perSecond: 1_000, seconds: Math.max(10, plan.seconds) };
  await readers.ask('open', { url, query, count: stalledReaders + 1 });
  await server.ask('publish', traffic, 120_000);
  await readers.ask('close', undefined as never);
  await sleep(settleMs);
  const before = await server.ask('memoryBytes', undefined as never);
  await readers.ask('open', { url, query, count: stalledReaders, stalled: true });
  await readers.ask('open', { url, query, count: 1 });
  // Until what the kernel takes is full, and then for as long again.
  await server.ask('publish', traffic, 120_000);
  const after = await server.ask('memoryBytes', undefined as never);
  const stalledUsedKib = (after.used - before.used) / 1_024 / stalledReaders;
  const stalledResidentKib = (after.rss - before.rss) / 1_024 / stalledReaders;
  return {
    kibPerReader: rounded(Math.max(usedKib, residentKib), 1),
    stalledReaderKib: rounded(Math.max(stalledUsedKib, stalledResidentKib), 1),
    ofStalledReader: {
      usedKib: rounded(stalledUsedKib, 1),
      residentKib: rounded(stalledResidentKib, 1),
    },
    ofReader: { usedKib: rounded(usedKib, 1), residentKib: rounded(residentKib, 1) },
  };
}

/** The bytes of one update as our own stream sends them. */
function rawPayload(): string {
  const level = (price: string, quantity: string) => ({ price, quantity });
  const side = (sign: number) =>
    Array.from({ length: 10 }, (_, at) =>
      level((100 + (sign * (at + 1)) / 100).toFixed(2), at === 0 ? 'VERSION' : String(100 + at)),
    );
  const book = { version: 'VERSION', bids: side(-1), offers: side(1) };
  const stream = { id: 'abcdefgh', sequence: 'VERSION' };
  const result = JSON.stringify({ data: { book }, extensions: { stream } });
  const data = result.replaceAll(/"(version|sequence)":"VERSION"/g, '"$1":VERSION');
  return `id: abcdefgh.VERSION\nevent: next\ndata: ${data}\n\n`;
}
