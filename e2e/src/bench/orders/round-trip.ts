import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEMO_VENUES, shippedFlow } from '../../harness/demo-venues.ts';
import { type Network, startNetwork } from '../../harness/network.ts';
import type { RunningProcess } from '../../harness/network-processes.ts';
import { type BrokerDesk, openBrokerDesk } from '../../scenario/broker-desk.ts';
import { awaitLiveMarket, awaitReplayedMarket } from '../../scenario/market-ready.ts';
import { readMetricSums } from '../../scenario/node-metrics.ts';
import type { BenchNeeds } from '../bench.ts';
import { quantile, rounded } from '../statistics.ts';
import { type BrokerConnection, openConnection } from './broker-connection.ts';
import { measureFloor } from './floor.ts';
import { measureCosts } from './order-costs.ts';

const home = 'alpha';
const remote = 'beta';
/** Placed one after the other before anything counts: nodes run for months, and compilers for seconds. */
const warmUps = 300;
const samples = 60;
const answerWithinMs = 1_000;
/** Recorded flow runs so much faster than it was recorded: some eighty messages a second at each venue. */
const flowSpeed = 10;
/** Between two samples while trades settle and the flow goes on. */
const pauseMs = 100;
/** What a sample left to do ends in this time at most, or is not waited for. */
const settledWithinMs = 5_000;
/** After this long a node is idle. */
const restMs = 6_000;
/** Far above the best offer: every order finds something to take. */
const aboveOffer = 50;
/** So far below it every order waits. */
const belowOffer = 0.8;
/** A broker's stream of orders: so many, and so long between two of them. */
const streamed = 200;
const streamPauseMs = 20;
/** Immediate orders are everybody's; those that wait at another venue need an agreement. */
const agreements = [home, remote].map((venue) => ({ venue, orders: ['immediate', 'resting'] }));

const PLACE = `mutation ($input: PlaceOrderInput!, $wait: Int) {
  placeOrder(input: $input, answerWithinMs: $wait, answerOn: ACKNOWLEDGED) {
    ... on OrderPlaced { order { id status filled } }
    ... on Refusal { code message }
  }
}`;

/** Stages within the nodes, in the order they come; see `OrderStage`. */
const atHome = ['checked', 'recorded', 'answered', 'report-taken'] as const;
const atVenue = ['leg-taken', 'booked', 'told'] as const;

/**
 * From a GraphQL mutation at the home node over another venue's node and engine to the answer that
 * says that the venue has acknowledged the order. Each stage is timed within its node, for each sample:
 * what is left of the whole is GraphQL, what is left of the wait for the venue is the way there and
 * back. What comes after the acknowledgement (`booked`, `told`: the fill) is not waited for, nor is
 * `reportTaken`, the recording of what the venue said.
 *
 * The network is as small as the sentence demands: the home node, which the broker asks itself, the other
 * venue's node, PostgreSQL, a chain, and a gateway that nobody asks, each a process. Once all is idle but
 * for the samples, which take what is offered and come when the trade before has settled, with the caches
 * of the machine full of that; once they are a broker's stream of orders that wait in the venue's book.
 */
export async function measureRoundTrip(say: BenchNeeds['say']) {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-agreements-'));
  const file = join(folder, 'agreements.json');
  await writeFile(file, JSON.stringify({ from: agreements, to: agreements }));
  const network = await start([home, remote], 'max', { STOA_ROUTING_AGREEMENTS_FILE: file });
  try {
    const desk = await openBrokerDesk(network);
    const connection = await openConnection(network, home);
    await awaitReplayedMarket(network, desk, say);
    const offer = await offerOf(desk);
    const place = orders(network, connection, taking(offer));
    await warmUp(desk, place);
    say('  an order at a time');
    const figures = await measure(network, place, (order) => untilSettled(desk, order));
    say('  a stream of orders');
    const stream = await measureStream(orders(network, connection, waiting(offer)));
    say('  what an order costs each node');
    // What the stream has left to be done, and looked at for whoever might ask next, is over.
    await sleep(restMs);
    const nodes = { home: nodeOf(network, home), venue: nodeOf(network, remote) };
    const perOrder = await measureCosts(nodes, place);
    say('  the same commits, messages and mutation, and nothing else');
    const floor = await measureFloor(network);
    const toFloor = rounded(figures.p50Ms / floor.p50Ms, 2);
    return { ...figures, stream, perOrder, floor, toFloor, network: `${home}, ${remote}` };
  } finally {
    await network.stop();
    await rm(folder, { recursive: true });
  }
}

/**
 * The same within the demo's network: once while recorded flow goes on at all venues and the trades
 * settle, once while all is idle but for the samples.
 */
export async function measureRoundTripInDemo(say: BenchNeeds['say']) {
  const network = await start(DEMO_VENUES, flowSpeed);
  try {
    const desk = await openBrokerDesk(network);
    const connection = await openConnection(network, home);
    await awaitLiveMarket(desk);
    const place = orders(network, connection, taking(await offerOf(desk)));
    await warmUp(desk, place);
    say('  while recorded flow goes on and trades settle');
    const busy = await measure(network, place, () => sleep(pauseMs));
    await awaitReplayedMarket(network, desk, say);
    say('  while nothing else happens');
    const idle = await measure(network, place, (order) => untilSettled(desk, order));
    return { ...idle, withFlowAndSettlement: busy, network: DEMO_VENUES.join(', ') };
  } finally {
    await network.stop();
  }
}

function start(
  venues: readonly string[],
  speed: number | 'max',
  venueEnv: Readonly<Record<string, string>> = {},
): Promise<Network> {
  return startNetwork({
    venueEnv,
    ...{ baseFolder: `${tmpdir()}/stoa-bench`, venues, flowSpeed: speed, logLevel: 'warn' },
    flows: new Map(venues.map((venue) => [venue, shippedFlow(venue)])),
  });
}

async function warmUp(desk: BrokerDesk, place: () => Promise<string>) {
  let last = '';
  for (let order = 0; order < warmUps; order += 1) last = await place();
  await untilSettled(desk, last);
}

/** The best offer's price. */
async function offerOf(desk: BrokerDesk): Promise<number> {
  for (;;) {
    const { offer } = (await desk.book()).cbbo;
    if (offer) return Number(offer.price);
    await sleep(pauseMs);
  }
}

function taking(offer: number) {
  return { timeInForce: 'IOC', limitPrice: (offer + aboveOffer).toFixed(2) };
}

function waiting(offer: number) {
  const limitPrice = (offer * belowOffer).toFixed(2);
  return { timeInForce: 'DAY', remainder: 'REST_BEST', limitPrice };
}

/** Places an order at the other venue; its client order id, once it was answered. */
function orders(
  network: Network,
  connection: BrokerConnection,
  terms: { readonly timeInForce: string; readonly limitPrice: string },
) {
  let placed = 0;
  return async (): Promise<string> => {
    placed += 1;
    const clientOrderId = `${terms.timeInForce}-${placed}`;
    const input = {
      ...{ clientOrderId, instrument: network.chain.instrument },
      ...{ account: network.chain.alice.address, side: 'BUY', type: 'LIMIT', ...terms },
      ...{ quantity: '1', strategy: 'DIRECTED', directedTo: remote },
    };
    const answer = await connection.ask(PLACE, { input, wait: answerWithinMs });
    if (!/"status":"(NEW|FILLED)"/.test(answer)) {
      throw new Error(`order ${placed} was not acknowledged: ${answer}`);
    }
    return clientOrderId;
  };
}

async function measure(
  network: Network,
  place: () => Promise<string>,
  rest: (clientOrderId: string) => Promise<unknown>,
) {
  const nodes = [home, remote].map((venue) => nodeOf(network, venue));
  const tookMs: number[] = [];
  const stages = new Map<string, number[]>();
  let before = await stagesOf(nodes);
  for (let sample = 0; sample < samples; sample += 1) {
    // Whoever reads a node's metrics gives it other things to do.
    await sleep(pauseMs);
    const begunMs = performance.now();
    const order = await place();
    const took = performance.now() - begunMs;
    await rest(order);
    const after = await stagesOf(nodes);
    const split = splitOf(took, after, before);
    before = after;
    tookMs.push(took);
    for (const [stage, ms] of Object.entries(split)) {
      stages.set(stage, [...(stages.get(stage) ?? []), ms]);
    }
  }
  const all = sumOf(tookMs);
  return {
    p50Ms: rounded(quantile(tookMs, 0.5), 2),
    p99Ms: rounded(quantile(tookMs, 0.99), 2),
    stagesMs: mapped(stages, (ms) => rounded(quantile(ms, 0.5), 2)),
    shares: mapped(stages, (ms) => rounded(sumOf(ms) / all, 3)),
    samples,
  };
}

async function measureStream(place: () => Promise<string>) {
  const tookMs: number[] = [];
  const streamBegunMs = performance.now();
  for (let order = 0; order < streamed; order += 1) {
    const begunMs = performance.now();
    await place();
    tookMs.push(performance.now() - begunMs);
    await sleep(streamPauseMs);
  }
  return {
    p50Ms: rounded(quantile(tookMs, 0.5), 2),
    p99Ms: rounded(quantile(tookMs, 0.99), 2),
    perSecond: rounded(streamed / ((performance.now() - streamBegunMs) / 1_000), 1),
  };
}

/** How long one sample was at each stage, by how much the nodes' clocks went on. */
function splitOf(tookMs: number, after: StageSums, before: StageSums): Record<string, number> {
  const at = (stage: keyof StageSums): number => (after[stage] - before[stage]) * 1_000;
  return {
    graphql: tookMs - at('checked') - at('recorded') - at('answered'),
    checked: at('checked'),
    recorded: at('recorded'),
    wayThereAndBack: at('answered') - at('leg-taken'),
    legTaken: at('leg-taken'),
    booked: at('booked'),
    told: at('told'),
    reportTaken: at('report-taken'),
  };
}

type StageSums = Record<(typeof atHome)[number] | (typeof atVenue)[number], number>;

async function stagesOf([first, second]: readonly RunningProcess[]): Promise<StageSums> {
  if (!first || !second) throw new Error('a node is missing');
  const name = 'stoa_order_stage_seconds_sum';
  const [ofHome, ofVenue] = await Promise.all(
    [first, second].map((node) => readMetricSums(node, name, 'stage')),
  );
  const sums: Partial<StageSums> = {};
  for (const stage of atHome) sums[stage] = ofHome?.get(stage) ?? 0;
  for (const stage of atVenue) sums[stage] = ofVenue?.get(stage) ?? 0;
  return sums as StageSums;
}

async function untilSettled(desk: BrokerDesk, clientOrderId: string): Promise<void> {
  const untilMs = performance.now() + settledWithinMs;
  while (performance.now() < untilMs) {
    const states = (await desk.order(clientOrderId))?.settlements ?? [];
    if (states.length > 0 && states.every(({ state }) => state === 'SETTLED')) break;
    await sleep(pauseMs);
  }
  // What the settled trade leaves to be written and told.
  await sleep(pauseMs);
}

function nodeOf(network: Network, venue: string): RunningProcess {
  const node = network.venues.get(venue);
  if (!node) throw new Error(`${venue} does not run`);
  return node;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function mapped(
  stages: ReadonlyMap<string, readonly number[]>,
  figure: (values: readonly number[]) => number,
): Record<string, number> {
  return Object.fromEntries([...stages].map(([stage, values]) => [stage, figure(values)]));
}
