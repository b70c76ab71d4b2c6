import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, startEmbeddedPostgres } from '@stoa/node/embedded-postgres';
import type { SettlementNode } from '@stoa/node/testing/settlement-node';
import { type NetworkFixture, startNetworkFixture } from '../../chain/network-fixture.ts';
import { rounded, spread } from '../statistics.ts';
import { measureChainAlone, rememberChain } from './chain-floor.ts';
import {
  admitSigner,
  type BenchVenue,
  startNodes,
  startVenueProcess,
  tradeAt,
} from './venue-processes.ts';

const legsPerOrder = 50;
/** For every batch that is ever open at once: see {@link AnvilOptions.blockGasLimit}. */
const blockGasLimit = 1_000_000_000;
const withinMs = 600_000;
/** Orders whose groups are closed at once: with all of them, none would be sent before the last is composed. */
const closingAtOnce = 8;

/** Legs that settle per second, end to end. */
export interface LegsFigures {
  readonly legsPerSecond: {
    readonly median: number;
    readonly lowest: number;
    readonly highest: number;
  };
  readonly legs: number;
  readonly legsPerBatch: number;
  /** The same transactions of the last round, signed and sent to the chain alone: the floor under it. */
  readonly chainAloneLegsPerSecond: number;
}

/**
 * From executions that are on record to settlements that are final and recorded: instructions signed
 * by both venues, each in a process of its own, batches signed, kept and sent one behind the other,
 * events taken in. Fails where a leg does not settle.
 */
export async function measureLegsPerSecond(
  orders: number,
  rounds: number,
  say: (text: string) => void,
): Promise<LegsFigures> {
  await using world = await startSpeedWorld();
  const speeds: number[] = [];
  let goBack = async (): Promise<void> => {};
  // One more, which is not counted: code and caches are cold in it.
  for (let round = 0; round <= rounds; round += 1) {
    if (round === rounds) goBack = await rememberChain(world.fixture);
    const speed = await measureRound(world, round === 0 ? Math.ceil(orders / 4) : orders);
    say(`settlement: round ${round}, ${rounded(speed)} legs a second`);
    if (round > 0) speeds.push(speed);
  }
  const legs = orders * legsPerOrder;
  const signed = (await world.nodes.alpha.transactions()).slice(-orders);
  await world.stopNodes();
  await goBack();
  const [first] = signed;
  if (!first) throw new Error('nothing was signed');
  const rawTransactions = signed.map(({ rawTransaction }) => rawTransaction);
  const chainMs = await measureChainAlone(world.fixture, {
    ...{ sender: first.sender, rawTransactions },
  });
  return {
    ...{ legsPerSecond: spread(speeds), legs, legsPerBatch: legsPerOrder },
    chainAloneLegsPerSecond: rounded((legs / chainMs) * 1_000),
  };
}

interface SpeedWorld extends AsyncDisposable {
  readonly fixture: NetworkFixture;
  readonly nodes: Readonly<Record<BenchVenue, SettlementNode>>;
  /** Trades and orders so far. */
  trades: number;
  orders: number;
  /** Ends both venues, while chain and stores go on. Safe to call twice. */
  stopNodes(): Promise<void>;
}

async function startSpeedWorld(): Promise<SpeedWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-legs-'));
  const fixture = await startNetworkFixture({ blockGasLimit });
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
  const urls = {
    alpha: await createDatabase(server.url('postgres'), 'alpha'),
    beta: await createDatabase(server.url('postgres'), 'beta'),
  };
  const signerKey = await admitSigner(fixture, 'beta');
  const nodes = await startNodes(fixture, urls, 'alpha');
  const child: ChildProcess = await startVenueProcess(fixture, 'beta', { urls, signerKey });
  let stopped: Promise<unknown> | undefined;
  const stopNodes = async (): Promise<void> => {
    child.kill('SIGKILL');
    stopped ??= Promise.all([nodes.alpha.stop(), nodes.beta.stop()]);
    await stopped;
  };
  return {
    ...{ fixture, nodes, trades: 0, orders: 0, stopNodes },
    [Symbol.asyncDispose]: async () => {
      await stopNodes();
      await Promise.all([fixture.stop(), server.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function measureRound(world: SpeedWorld, orders: number): Promise<number> {
  const { fixture } = world;
  const { alpha, beta } = world.nodes;
  const ids: string[] = [];
  for (let order = 0; order < orders; order += 1) {
    const first = world.trades + 1;
    world.trades += legsPerOrder;
    world.orders += 1;
    const trades = Array.from({ length: legsPerOrder }, (_, at) => tradeAt(fixture, first + at));
    await beta.recordTrades(trades);
    ids.push(`alpha-${world.orders}`);
    await alpha.instruct(`alpha-${world.orders}`, trades);
  }
  const begun = performance.now();
  const composed = closeGroups(alpha, ids);
  for (;;) {
    await alpha.receiveFrom('beta', beta);
    const { failed, settled = 0 } = await alpha.states();
    if (failed !== undefined) throw new Error('a batch failed');
    if (settled === world.orders) break;
    const ms = performance.now() - begun;
    if (ms > withinMs) throw new Error(`${world.orders - settled} batches did not settle`);
    // What asks is not what is measured: nodes are told, and ask nobody.
    await sleep(15);
  }
  await composed;
  return (orders * legsPerOrder) / ((performance.now() - begun) / 1_000);
}

async function closeGroups(
  { service }: SettlementNode,
  orderIds: readonly string[],
): Promise<void> {
  const waiting = orderIds.values();
  const close = async (): Promise<void> => {
    for (const id of waiting) await service.closeGroup(id);
  };
  await Promise.all(Array.from({ length: closingAtOnce }, close));
}
