import { setTimeout as sleep } from 'node:timers/promises';
import { type SeededRandom, seededRandom } from '@stoa/adapters/seeded-random';
import { CodedError, type VenueId } from '@stoa/schema';
import { DEMO_VENUES } from '../harness/demo-venues.ts';
import type { Network } from '../harness/network.ts';
import type { BookAnswer, BrokerDesk, OrderAnswer, OrderInput } from './broker-desk.ts';
import { EngineAudit } from './engine-audit.ts';
import { readHoldings } from './holdings.ts';
import { eventually, scenarioFailure } from './scenario-failure.ts';
import {
  readSettledLegs,
  readTrades,
  readUnevenOrders,
  type StoredTrade,
  unexplainedMoves,
} from './trade-audit.ts';

/** How often, and where, nodes are to die. */
export interface CrashPlan {
  /** Of everything that is chosen: the same seed chooses the same. */
  readonly seed: number;
  readonly kills: number;
  /** Places in a node at which it can be told to die; the other kills come at any moment. */
  readonly crashPoints: readonly string[];
  readonly onProgress?: (message: string) => void;
}

/** What the engines, the stores, the API and the chain say after the last kill. */
export interface CrashResult {
  readonly seed: number;
  readonly kills: number;
  /** Kills at each crash point; `any` for those at no particular one. */
  readonly killsAt: Readonly<Record<string, number>>;
  readonly orders: number;
  readonly executions: number;
  /** Trades that a kill cut off between an engine and its store, so that nobody heard of them. */
  readonly cutOff: number;
  /** Executions that their venue recorded and the order's home did not. */
  readonly lost: number;
  /** Executions that stand or settled more than once, or that no venue recorded. */
  readonly doubled: number;
  /** In words: engines, orders, legs, settlements and holdings that do not say the same. */
  readonly unreconciled: readonly string[];
}

const [HOME] = DEMO_VENUES;
const ENDED = /^(FILLED|CANCELED|REJECTED|EXPIRED)$/;
/** What a client is to send again: the node is not there, or cannot look at the chain yet. */
const TRY_AGAIN =
  /NODE_UNAVAILABLE|NODE_NOT_OPEN|CHECK_UNAVAILABLE|HALTED|RATE|OVERLOADED|errors|fetch failed/;
/** A node that was told to die at a place it does not come to is killed after this. */
const CRASH_POINT_WITHIN_MS = 5_000;
/** A crash point is passed so often at most before a node dies there. */
const MOST_PASSINGS = 6;
/** How long a client tries; under many kills its node is down more than it is up. */
const PATIENCE_MS = 300_000;
/** A node that dies at no particular place lives so long after its start at most. */
const LIFE_MS = 1_000;
/** Between two orders of a client, at most. */
const PAUSE_MS = 200;
/** Clients that place orders at the same time. */
const CLIENTS = 3;
const TELL_EVERY = 25;
const TELL_ENDED_EVERY = 500;

/**
 * Places orders one after the other while nodes are killed (SIGKILL) and started again, then looks
 * whether every execution stands once at its venue, once at its order's home, and settled once.
 */
export async function runCrashLoop(
  network: Network,
  desk: BrokerDesk,
  book: BookAnswer,
  plan: CrashPlan,
): Promise<CrashResult> {
  const random = seededRandom(plan.seed);
  const before = await readHoldings(network);
  const killsAt: Record<string, number> = {};
  let killed = 0;
  let orders = 0;
  const begunMs = performance.now();
  const countKill = (at: string): void => {
    killed += 1;
    killsAt[at] = (killsAt[at] ?? 0) + 1;
    if (killed % TELL_EVERY > 0) return;
    const aMinute = Math.round((killed * 60_000) / (performance.now() - begunMs));
    const told = `${killed} of ${plan.kills} kills, ${aMinute} a minute, ${orders} orders`;
    plan.onProgress?.(`  ${told}`);
  };
  const engines = new Map(DEMO_VENUES.map((venue) => [venue, new EngineAudit(network, venue)]));
  const over = new AbortController();
  // A lane for each venue, so that two may be down at the same time, the home among them.
  const lanes = DEMO_VENUES.map((venue, index) => {
    const share = Math.floor((plan.kills + index) / DEMO_VENUES.length);
    const ended = async () => engines.get(venue)?.ended({ killed: true });
    const lane = { random, kills: share, plan, countKill, ended, over: over.signal };
    return killAgainAndAgain(network, venue, lane).catch((error: unknown) => {
      over.abort();
      throw error;
    });
  });
  const lanesDone = Promise.allSettled(lanes);
  let isRunning = true;
  const killing = lanesDone.finally(() => {
    isRunning = false;
  });
  const client = async (): Promise<void> => {
    while (isRunning) {
      const index = orders;
      orders += 1;
      await placeUntilTaken(desk, anOrder(random, network, book, plan.seed, index));
      await sleep(random.between(0, PAUSE_MS));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  for (const lane of await killing) if (lane.status === 'rejected') throw lane.reason;
  plan.onProgress?.(`  waiting for the end of ${orders} orders`);
  const ended = await endAll(desk, plan, orders);
  const audit = await auditTrades(network, ended);
  const moves = unexplainedMoves(network, audit.trades, before, await readHoldings(network));
  const engine = await auditEngines(network, engines);
  return {
    ...{ seed: plan.seed, kills: killed, killsAt, orders, executions: audit.trades.length },
    ...{ lost: audit.lost, doubled: audit.doubled, cutOff: engine.cutOff },
    unreconciled: [...audit.unreconciled, ...moves, ...engine.differences],
  };
}

/** Ends the venues, so that their engines stand still, and holds each beside its store. */
async function auditEngines(network: Network, engines: ReadonlyMap<VenueId, EngineAudit>) {
  const audits = await Promise.all(
    [...engines].map(async ([venue, engine]) => {
      await network.venues.get(venue)?.process.stop();
      await engine.ended({ killed: false });
      return engine.compare();
    }),
  );
  return {
    cutOff: audits.reduce((sum, { cutOff }) => sum + cutOff, 0),
    differences: audits.flatMap(({ differences }) => differences),
  };
}

interface Lane {
  readonly random: SeededRandom;
  readonly kills: number;
  readonly plan: CrashPlan;
  readonly countKill: (at: string) => void;
  /** Aborted when another lane cannot go on. */
  readonly over: AbortSignal;
  /** To be told of each end of the node before it starts again. */
  readonly ended: () => Promise<void>;
}

async function killAgainAndAgain(
  network: Network,
  venue: VenueId,
  { random, kills, plan, countKill, ended, over }: Lane,
): Promise<void> {
  let armed: string | undefined;
  for (let count = 0; count < kills && !over.aborted; count += 1) {
    const node = network.venues.get(venue);
    if (!node) throw scenarioFailure(`The node of ${venue} is not there.`);
    if (armed === undefined) await sleep(random.between(0, LIFE_MS));
    else {
      const patience = new AbortController();
      const { signal } = patience;
      const timeUp = sleep(CRASH_POINT_WITHIN_MS, 'time', { signal }).catch(() => 'time');
      // It died at its place, or never came to it.
      if ((await Promise.race([node.process.exited, timeUp])) === 'time') armed = undefined;
      patience.abort();
    }
    node.process.kill('SIGKILL');
    const { code, signal } = await node.process.exited;
    if (signal !== 'SIGKILL') throw scenarioFailure(`The node of ${venue} ended with ${code}.`);
    await ended();
    countKill(armed ?? 'any');
    const { crashPoints } = plan;
    const isAnywhere = crashPoints.length === 0 || random.between(0, 2) === 0;
    armed = isAnywhere || count === kills - 1 ? undefined : random.pick(crashPoints);
    if (armed !== undefined && (await diesWhileStarting(network, venue, armed, random))) {
      await ended();
      countKill(armed);
      count += 1;
      armed = undefined;
    }
    if (armed === undefined) await network.restartVenue(venue);
  }
}

/** Starts a node that will die at a place; whether it came to it before it was ready. */
async function diesWhileStarting(
  network: Network,
  venue: VenueId,
  crashPoint: string,
  random: SeededRandom,
): Promise<boolean> {
  try {
    await network.restartVenue(venue, {
      STOA_CRASH_AT: `${crashPoint}:${random.between(1, MOST_PASSINGS)}`,
    });
    return false;
  } catch (error) {
    if (error instanceof CodedError && / ended \(SIGKILL\)/.test(error.message)) return true;
    throw error;
  }
}

/** Immediate orders of all sizes, some of them all or none, and some that wait at home. */
function anOrder(
  random: SeededRandom,
  network: Network,
  book: BookAnswer,
  seed: number,
  index: number,
): OrderInput {
  const timeInForce = random.pick(['IOC', 'IOC', 'IOC', 'FOK', 'DAY'] as const);
  const best = Number(timeInForce === 'DAY' ? book.cbbo.bid?.price : book.cbbo.offer?.price);
  const cents = timeInForce === 'DAY' ? 0 : random.between(0, 12);
  return {
    clientOrderId: orderIdOf(seed, index),
    instrument: network.chain.instrument,
    account: network.chain.alice.address,
    side: 'BUY',
    type: 'LIMIT',
    timeInForce,
    quantity: String(random.between(1, timeInForce === 'DAY' ? 50 : 600)),
    limitPrice: (best + cents / 100).toFixed(2),
  };
}

function orderIdOf(seed: number, index: number): string {
  return `crash-${seed}-${index}`;
}

/** What every client of an exchange does: the same request under the same id until there is an answer. */
function placeUntilTaken(desk: BrokerDesk, input: OrderInput): Promise<OrderAnswer> {
  let last = 'no answer';
  const what = (): string => `An answer to ${input.clientOrderId}, after "${last}",`;
  const ask = async (): Promise<OrderAnswer | undefined> => {
    const placed = await answerOf(() => desk.place(input));
    if (placed === undefined) return undefined;
    if ('order' in placed) return placed.order;
    const { code, message } = placed.refusal;
    last = code;
    if (TRY_AGAIN.test(code)) return undefined;
    throw scenarioFailure(`Order ${input.clientOrderId} was refused: ${code}: ${message}`);
  };
  return eventually(what, ask, PATIENCE_MS);
}

/** An answer; undefined where there was none because the node was dead. */
async function answerOf<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Error && TRY_AGAIN.test(error.message)) return undefined;
    throw error;
  }
}

/** Cancels what waits, and waits for the end of every order and of its settlement. */
async function endAll(
  desk: BrokerDesk,
  { seed, onProgress }: CrashPlan,
  count: number,
): Promise<OrderAnswer[]> {
  const orders: OrderAnswer[] = [];
  for (let index = 0; index < count; index += 1) {
    const id = orderIdOf(seed, index);
    const order = await eventually(`Order ${id}`, () => answerOf(() => desk.order(id)));
    if (!ENDED.test(order.status)) await desk.cancel(order.id);
    orders.push(await desk.settledOrder(id, PATIENCE_MS));
    if (orders.length % TELL_ENDED_EVERY === 0) onProgress?.(`  ${orders.length} orders ended`);
  }
  return orders;
}

/** Holds the stores of home and venues, the API and the chain beside each other. */
async function auditTrades(network: Network, orders: readonly OrderAnswer[]) {
  const atHome = await readTrades(network, HOME);
  const atVenues: StoredTrade[] = [];
  for (const venue of DEMO_VENUES) {
    atVenues.push(...(await readTrades(network, venue)).filter((trade) => trade.venue === venue));
  }
  const settled = (await readSettledLegs(network)).map(
    (leg) => `${leg.executingVenue} ${leg.tradeNumber}`,
  );
  const content = (trade: StoredTrade): string =>
    JSON.stringify(trade, Object.keys(trade).toSorted());
  const name = (trade: StoredTrade): string => `${trade.venue} ${trade.tradeNumber}`;
  const home = countOf(atHome.map(content));
  const venues = countOf(atVenues.map(content));
  const onChain = countOf(settled);
  const unreconciled = [
    ...orders.flatMap(whyUneven),
    ...(await readUnevenOrders(network, HOME)).map(({ id }) => `${id}: store`),
    ...atVenues.filter((trade) => !onChain.has(name(trade))).map((one) => `${name(one)}: open`),
  ];
  return {
    ...{ trades: atVenues, unreconciled },
    lost: [...venues.keys()].filter((trade) => !home.has(trade)).length,
    doubled:
      [...home].filter(([trade, times]) => times > 1 || !venues.has(trade)).length +
      [...onChain.values()].filter((times) => times > 1).length,
  };
}

function countOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function whyUneven(order: OrderAnswer): string[] {
  const executed = order.executions.reduce((sum, one) => sum + Number(one.quantity), 0);
  const byLegs = order.legs.reduce((sum, leg) => sum + Number(leg.filled), 0);
  const reasons: string[] = [];
  if (Number(order.filled) !== executed) reasons.push(`${order.id}: executions`);
  if (byLegs !== executed) reasons.push(`${order.id}: legs`);
  if (executed > Number(order.quantity)) reasons.push(`${order.id}: more than ordered`);
  for (const { state, batchId } of order.settlements) {
    if (state !== 'SETTLED') reasons.push(`${order.id}: batch ${batchId} is ${state}`);
  }
  return reasons;
}
