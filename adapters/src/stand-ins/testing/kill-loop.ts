import { type ChildProcess, fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Execution } from '@stoa/schema';
import { seededRandom } from '../../seeded-random.ts';
import { TEST_INSTRUMENT } from '../../testing/test-instrument.ts';
import type { VenueEvent } from '../../venue-adapter.ts';
import { INX_KEY_ID } from '../inx-like-dialect.ts';
import { PPEX_CLIENT } from '../ppex-like-dialect.ts';
import type { StandInOrder } from '../stand-in-venue.ts';
import type { KillClientStart } from './kill-client-process.ts';
import { RunningStandIn } from './running-stand-in.ts';

export interface KillLoopOptions {
  readonly dialect: 'ppex-like' | 'inx-like';
  readonly kills: number;
  readonly seed: number;
  /** Orders that are sent between two kills, about. */
  readonly ordersAKill?: number;
}

/** What stands at the end, venue against record. */
export interface KillLoopResult {
  readonly kills: { readonly client: number; readonly venue: number };
  readonly orders: number;
  readonly executions: number;
  /** Orders of which the venue executed more than was recorded. */
  readonly lost: number;
  /** Orders of which more was recorded than the venue executed. */
  readonly doubled: number;
  /** Orders whose amount differs though their quantity does not. */
  readonly mispriced: number;
  /** Orders that the record says never were, and the venue has. */
  readonly denied: number;
  /** Trade numbers that are missing or were given twice. */
  readonly numbersBroken: number;
}

const CLIENT = fileURLToPath(new URL('./kill-client-process.ts', import.meta.url));
const FINISH_WITHIN_MS = 120_000;

/**
 * A stream of orders from a small node to a stand-in venue over real sockets; one of the two is killed
 * (SIGKILL) again and again, at moments that a seed gives; then every order is compared.
 */
export async function runKillLoop(options: KillLoopOptions): Promise<KillLoopResult> {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-kills-'));
  const { dialect, kills, seed, ordersAKill = 12 } = options;
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const standIn = await RunningStandIn.start({
    ...{ dialect, instrument: TEST_INSTRUMENT, folder, sessions: false },
    ...{ publicKey: keys.publicKey, limits: [] },
  });
  const client = new KilledClient({
    ...{ instrument: TEST_INSTRUMENT, folder, orders: kills * ordersAKill, seed },
    settings: settingsOf(dialect, standIn, folder, keys.privateKey),
  });
  const killed = { client: 0, venue: 0 };
  try {
    const random = seededRandom(seed);
    await client.start();
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(random.between(5, 120));
      if (client.finished) break;
      if (random.next() < 0.5) {
        killed.client += 1;
        await client.killAndStart();
      } else {
        killed.venue += 1;
        await standIn.killAndRestart();
      }
    }
    await client.finish();
    const orders = (await standIn.command('orders')) as StandInOrder[];
    return { kills: killed, ...compare(orders, join(folder, 'node.jsonl')) };
  } finally {
    await client.stop();
    await standIn.stop();
    rmSync(folder, { recursive: true });
  }
}

class KilledClient {
  readonly #start: KillClientStart;
  #process: ChildProcess | undefined;
  #finish = Promise.withResolvers<void>();
  finished = false;

  constructor(start: KillClientStart) {
    this.#start = start;
  }

  async start(): Promise<void> {
    const child = fork(CLIENT, [JSON.stringify(this.#start)], { execArgv: [] });
    this.#process = child;
    const ready = Promise.withResolvers<void>();
    child.on('message', (message: { ready?: boolean; finished?: boolean }) => {
      if (message.ready) ready.resolve();
      if (!message.finished) return;
      this.finished = true;
      this.#finish.resolve();
    });
    child.once('exit', (code, signal) => {
      // Killed by us it says nothing; by itself it must not end.
      if (signal === null) ready.reject(new Error(`the client ended with ${code}`));
      if (signal === null) this.#finish.reject(new Error(`the client ended with ${code}`));
    });
    this.#finish.promise.catch(() => undefined);
    await ready.promise;
  }

  async killAndStart(): Promise<void> {
    await this.stop();
    if (!this.finished) await this.start();
  }

  async finish(): Promise<void> {
    const late = sleep(FINISH_WITHIN_MS, undefined, { ref: false }).then(() => {
      throw new Error('not every order came to an end');
    });
    await Promise.race([this.#finish.promise, late]);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

/** The shipped mapping, hurried. */
function settingsOf(
  dialect: KillLoopOptions['dialect'],
  standIn: RunningStandIn,
  folder: string,
  privateKey: string,
): unknown {
  const path = new URL(`../../rest/mappings/${dialect}.json`, import.meta.url);
  const mapping = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  mapping['http'] = { timeoutMs: 1_000 };
  if (dialect === 'ppex-like') mapping['polling'] = { ordersMs: 10, bookMs: 200, tradesMs: 200 };
  writeFileSync(join(folder, 'mapping.json'), JSON.stringify(mapping));
  writeFileSync(join(folder, 'api.key'), PPEX_CLIENT.apiKey);
  writeFileSync(join(folder, 'private.pem'), privateKey);
  const common = {
    ...{ mapping: './mapping.json', baseUrl: standIn.url },
    symbols: { [TEST_INSTRUMENT.id]: TEST_INSTRUMENT.symbol },
    times: { doubtMs: 1_500, reconnectMs: 20, reconnectMostMs: 200, firstConnectMs: 500 },
  };
  if (dialect === 'ppex-like') {
    const variables = { accountId: 'A-1', clientId: PPEX_CLIENT.clientId };
    return { ...common, variables, secrets: { apiKey: 'api.key' } };
  }
  const streamUrl = standIn.url.replace('http', 'ws');
  const variables = { keyId: INX_KEY_ID };
  return { ...common, streamUrl, variables, secrets: { privateKey: 'private.pem' } };
}

function compare(orders: readonly StandInOrder[], record: string): Omit<KillLoopResult, 'kills'> {
  const lines = readFileSync(record, 'utf8').split('\n').slice(0, -1);
  const told = new Map<string, { quantity: number; amount: bigint }>();
  const executions = new Map<string, Execution>();
  const rejected = new Set<string>();
  let sent = 0;
  for (const line of lines) {
    const { events = [] } = JSON.parse(line) as { readonly events?: readonly VenueEvent[] };
    if (events.length === 0) sent += 1;
    for (const event of events) {
      if (event.kind === 'rejected') rejected.add(event.orderId);
      if (event.kind !== 'executed') continue;
      const { execution, parties } = event;
      if (executions.has(execution.executionId)) continue;
      executions.set(execution.executionId, execution);
      const orderId = parties.buyOrderId ?? parties.sellOrderId ?? '';
      const sum = told.get(orderId) ?? { quantity: 0, amount: 0n };
      sum.quantity += execution.quantity;
      sum.amount += BigInt(execution.quantity) * BigInt(execution.price);
      told.set(orderId, sum);
    }
  }
  const found = { lost: 0, doubled: 0, mispriced: 0, denied: 0 };
  for (const { order, fills, state } of orders) {
    const quantity = fills.reduce((sum, one) => sum + one.quantity, 0);
    const amount = fills.reduce((sum, one) => sum + BigInt(one.quantity) * BigInt(one.price), 0n);
    const ours = told.get(order.orderId) ?? { quantity: 0, amount: 0n };
    if (ours.quantity < quantity) found.lost += 1;
    else if (ours.quantity > quantity) found.doubled += 1;
    else if (ours.amount !== amount) found.mispriced += 1;
    if (rejected.has(order.orderId) && state !== 'rejected') found.denied += 1;
    told.delete(order.orderId);
  }
  // What was recorded of orders that the venue does not even have.
  found.doubled += told.size;
  const numbers = [...executions.values()].map(({ tradeNumber }) => tradeNumber);
  const dense = new Set(numbers.filter((number) => number >= 1 && number <= numbers.length));
  return {
    ...{ orders: sent, executions: executions.size, ...found },
    numbersBroken: numbers.length - dense.size,
  };
}
