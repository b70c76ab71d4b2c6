import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isRefusal } from '@stoa/schema';
import { seededRandom } from '../../seeded-random.ts';
import { FRACTIONAL_INSTRUMENT } from '../../testing/test-instrument.ts';
import type { VenueEvent } from '../../venue-adapter.ts';
import { readDialect } from '../dialect/shipped-dialects.ts';
import { buildQuickFixVenue, freePort, QuickFixVenue } from './quickfix/quickfix-venue.ts';

export { whyNoQuickFix } from './quickfix/build-quickfix.ts';

const FINISH_WITHIN_MS = 60_000;
const CLIENT = new URL('./kill-client-process.ts', import.meta.url).pathname;

/** What was found after the kills, over the adapter's sink and the venue's own journal. */
export interface KillReport {
  readonly kills: number;
  readonly adapterKills: number;
  readonly venueKills: number;
  readonly orders: number;
  readonly executions: number;
  /** Orders without an execution. */
  readonly lost: number;
  /** Orders with two, or that the venue has under two ids. */
  readonly doubled: number;
  /** Executions told to the sink again after a crash, under the same id and number. */
  readonly redelivered: number;
  /** Executions under two trade numbers, and numbers that are missing. */
  readonly misnumbered: number;
}

/**
 * Sends orders over FIX to a venue behind QuickFIX, and kills either process with SIGKILL in the middle
 * of them, again and again; then lets both finish, and counts.
 */
export async function killFixProcesses(options: {
  readonly dialect: string;
  readonly kills: number;
  readonly seed: number;
}): Promise<KillReport> {
  const { kills, seed, dialect: name } = options;
  const random = seededRandom(seed);
  const dialect = readDialect(name);
  if (isRefusal(dialect)) throw new Error(dialect.message);
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'stoa-fix-kills-'));
  const port = await freePort();
  const { priceDecimals, quantityDecimals, symbol } = FRACTIONAL_INSTRUMENT;
  const venue = new QuickFixVenue({
    ...{ program: buildQuickFixVenue(), folder, port, version: dialect.version },
    ...{ clients: ['STOA'], priceDecimals, quantityDecimals, symbol, autofill: true },
  });
  let client: ChildProcess | undefined;
  const startClient = (mode = ''): ChildProcess =>
    spawn(process.execPath, [CLIENT, folder, String(port), name, mode], { stdio: 'inherit' });
  let adapterKills = 0;
  try {
    await venue.start();
    client = startClient();
    for (let kill = 0; kill < kills; kill += 1) {
      await grown(join(folder, 'sink.txt'));
      await wait(random.between(0, 120));
      if (random.between(0, 1) === 0) {
        adapterKills += 1;
        await ended(client);
        client = startClient();
      } else {
        await venue.kill();
        await venue.start();
      }
    }
    await ended(client);
    client = startClient('finish');
    const code = await Promise.race([
      new Promise<number | null>((resolve) => client?.once('exit', resolve)),
      wait(FINISH_WITHIN_MS, 'late' as const),
    ]);
    if (code !== 0) throw new Error(`the orders did not all end (${code}), in ${folder}`);
    const report = reportOf(folder);
    fs.rmSync(folder, { recursive: true });
    return { kills, adapterKills, venueKills: kills - adapterKills, ...report };
  } finally {
    if (client !== undefined) await ended(client);
    await venue.kill();
  }
}

/** Something more was told: the processes are in the middle of it. */
async function grown(path: string): Promise<void> {
  const sizeOf = (): number => fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const before = sizeOf();
  const deadlineMs = Date.now() + FINISH_WITHIN_MS;
  while (sizeOf() <= before) {
    if (Date.now() > deadlineMs) throw new Error(`nothing more happens, see ${path}`);
    await wait(5);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

function reportOf(folder: string): Omit<KillReport, 'kills' | 'adapterKills' | 'venueKills'> {
  const linesOf = (file: string): string[] =>
    fs
      .readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  const orders = linesOf('orders.txt');
  const told = linesOf('sink.txt').map((line) => JSON.parse(line) as VenueEvent);
  const executed = told.flatMap((event) => (event.kind === 'executed' ? [event] : []));
  const numbers = new Map<string, Set<number>>();
  const byOrder = new Map<string, Set<string>>();
  for (const { execution, parties } of executed) {
    const { executionId, tradeNumber } = execution;
    numbers.set(executionId, (numbers.get(executionId) ?? new Set()).add(tradeNumber));
    const orderId = parties.buyOrderId ?? '';
    byOrder.set(orderId, (byOrder.get(orderId) ?? new Set()).add(executionId));
  }
  const used = new Set([...numbers.values()].flatMap((one) => [...one]));
  const asked = new Set(orders);
  const strangers = linesOf('journal.txt').filter((id) => !asked.has(id)).length;
  return {
    orders: orders.length,
    executions: numbers.size,
    lost: orders.filter((orderId) => !byOrder.has(orderId)).length,
    doubled: [...byOrder.values()].filter(({ size }) => size > 1).length + strangers,
    redelivered: executed.length - numbers.size,
    misnumbered:
      [...numbers.values()].filter(({ size }) => size > 1).length +
      Math.abs([...used].reduce((most, one) => Math.max(most, one), 0) - used.size),
  };
}
