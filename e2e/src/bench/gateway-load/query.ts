import { tmpdir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { composeSupergraph } from '@stoa/gateway/supergraph';
import { DEMO_VENUES, shippedFlow } from '../../harness/demo-venues.ts';
import { askGraphql } from '../../harness/graphql-client.ts';
import { brokerToken, type Network, startNetwork } from '../../harness/network.ts';
import { openBrokerDesk } from '../../scenario/broker-desk.ts';
import { awaitReplayedMarket } from '../../scenario/market-ready.ts';
import type { BenchNeeds } from '../bench.ts';
import { installPeers } from '../bench-peers.ts';
import { type BenchProcess, benchProcesses } from '../bench-process.ts';
import { median, quantile, rounded, spread } from '../statistics.ts';
import type { PeerGateway, PeerGatewayCommands } from './peer-gateway-process.ts';
import type { QueryLoadCommands } from './query-load-process.ts';

const MARKET = `query ($instrument: InstrumentId!, $other: ID!) {
  instrument(id: $instrument) {
    id symbol name isin currency tickSize lotSize
    book(depth: 10) {
      instrument
      cbbo { bid { price quantity venues { venue quantity } } offer { price quantity venues { venue quantity } } locked crossed }
      bids { price quantity venues { venue quantity } }
      offers { price quantity venues { venue quantity } }
      venues { venue { id membership } state halted firm bid { price quantity } offer { price quantity } }
    }
    listings { venue { id } status exemption evidenceHash }
  }
  other: venue(id: $other) { id }
}`;
const ORDERS = `query ($other: String!) {
  orders(first: 2) { edges { node {
    id clientOrderId status quantity filled averagePrice
    instrument { symbol name }
    legs { id venue { id membership } quantity status filled }
    settlements { state transactionHash blockNumber legs { venue quantity amount state } }
  } } }
  other: order(clientOrderId: $other) { id }
}`;
const connections = 32;
const warmUpSeconds = 3;
const settledOrders = 8;
const aboveOffer = 50;
const gateways = ['stoa', 'apollo', 'hive'] as const;
/** With the home node itself, asked without a gateway: what no gateway can be faster than. */
const servers = [...gateways, 'node'] as const;
type Server = (typeof servers)[number];

export interface QueryPlan {
  readonly seconds: number;
  readonly rounds: number;
}

interface Question {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly token?: string;
  readonly asked: readonly Server[];
}

/** Queries of one instrument: its book of three venues, ten levels deep, and its listings. */
export async function measureMarketQueries(plan: QueryPlan, say: BenchNeeds['say']) {
  const measured = await compareGateways(plan, say, async (network) => {
    await awaitReplayedMarket(network, await openBrokerDesk(network), say);
    const variables = { instrument: network.chain.instrument };
    return { query: MARKET, variables, asked: gateways };
  });
  return {
    rps: rate(measured, 'stoa'),
    p99Ms: slowest(measured, 'stoa'),
    apolloRps: rate(measured, 'apollo'),
    hiveRps: rate(measured, 'hive'),
    toApollo: ratio(measured, 'apollo'),
    toHive: ratio(measured, 'hive'),
    ofMarket: spreads(measured),
  };
}

/** Queries of a broker's orders with their legs and settlements. */
export async function measurePrivateQueries(plan: QueryPlan, say: BenchNeeds['say']) {
  const measured = await compareGateways(plan, say, async (network) => {
    await placeOrders(network, say);
    return { query: ORDERS, variables: {}, token: await brokerToken(network), asked: servers };
  });
  return {
    federatedRps: rate(measured, 'stoa'),
    federatedP99Ms: slowest(measured, 'stoa'),
    apolloFederatedRps: rate(measured, 'apollo'),
    hiveFederatedRps: rate(measured, 'hive'),
    federatedToApollo: ratio(measured, 'apollo'),
    federatedToHive: ratio(measured, 'hive'),
    /** The home node alone; and how much of its rate is left behind our gateway. */
    homeNodeRps: rate(measured, 'node'),
    federatedToHomeNode: ratio(measured, 'node'),
    ofOrders: spreads(measured),
  };
}

type Rounds = Readonly<Record<Server, Measured[]>>;

/**
 * One question through our gateway, Apollo's and the Hive runtime with its defaults, over the same
 * three nodes, in turns. No two requests have the same variables, so that nobody answers two with one.
 */
async function compareGateways(
  { seconds, rounds }: QueryPlan,
  say: BenchNeeds['say'],
  prepare: (network: Network) => Promise<Question>,
): Promise<Rounds> {
  await installPeers(say);
  say('gateway: starting the network');
  const network = await startNetwork({
    baseFolder: `${tmpdir()}/stoa-bench`,
    flows: new Map(DEMO_VENUES.map((venue) => [venue, shippedFlow(venue)])),
    flowSpeed: 'max',
    logLevel: 'warn',
  });
  await using processes = benchProcesses();
  try {
    const question = await prepare(network);
    const supergraph = supergraphOver(network);
    const startPeer = (peer: PeerGateway): Promise<string> =>
      processes
        .start<PeerGatewayCommands>('gateway-load/peer-gateway-process.ts')
        .ask('start', { peer, supergraph });
    const [apollo, hive] = await Promise.all([startPeer('apollo'), startPeer('hive')]);
    const node = network.venues.get(DEMO_VENUES[0])?.graphql ?? '';
    const urls = { stoa: network.gateway.graphql, apollo, hive, node };
    await proveSame(urls, { ...question, variables: { ...question.variables, other: 'x0' } });
    const generator = processes.start<QueryLoadCommands>('gateway-load/query-load-process.ts');
    const measured: Rounds = { stoa: [], apollo: [], hive: [], node: [] };
    // The round before the first warms everybody up.
    for (let round = -1; round < rounds; round += 1) {
      for (const server of question.asked) {
        say(`gateway: queries, ${server}`);
        const load = {
          ...question,
          url: urls[server],
          seconds: round < 0 ? warmUpSeconds : seconds,
        };
        const result = await runLoad(generator, load);
        if (round >= 0) measured[server].push(result);
      }
    }
    return measured;
  } finally {
    await network.stop();
  }
}

/** Orders with trades on all venues, settled. */
async function placeOrders(network: Network, say: BenchNeeds['say']): Promise<void> {
  const desk = await openBrokerDesk(network);
  const book = await awaitReplayedMarket(network, desk, say);
  const limitPrice = (Number(book.cbbo.offer?.price) + aboveOffer).toFixed(2);
  for (let number = 1; number <= settledOrders; number += 1) {
    const clientOrderId = `bench-${number}`;
    const placed = await desk.place({
      ...{ clientOrderId, instrument: network.chain.instrument, side: 'BUY', type: 'LIMIT' },
      ...{ account: network.chain.alice.address, timeInForce: 'IOC', quantity: '3', limitPrice },
    });
    if ('refusal' in placed) throw new Error(`order ${number}: ${placed.refusal.message}`);
    await desk.settledOrder(clientOrderId);
  }
}

/** The network's own supergraph, with the home node's address behind each logical subgraph. */
function supergraphOver(network: Network): string {
  const [home] = DEMO_VENUES;
  const url = network.venues.get(home)?.graphql ?? '';
  return composeSupergraph().replaceAll(
    /@join__graph\(name: "(\w+)"(, url: "[^"]*")?\)/g,
    `@join__graph(name: "$1", url: "${url}")`,
  );
}

async function proveSame(
  urls: Readonly<Record<Server, string>>,
  question: Question,
): Promise<void> {
  const answers = await Promise.all(
    question.asked.map(async (server) => {
      return { server, answer: await askGraphql(urls[server], question) };
    }),
  );
  const [ours] = answers;
  for (const { server, answer } of answers) {
    if (answer.errors.length > 0) {
      throw new Error(`${server} answered with errors: ${JSON.stringify(answer.errors)}`);
    }
    if (!isDeepStrictEqual(answer.data, ours?.answer.data)) {
      throw new Error(
        `${server} answered otherwise: ${JSON.stringify(answer.data)} and not ${JSON.stringify(ours?.answer.data)}`,
      );
    }
  }
}

interface Measured {
  readonly rps: number;
  readonly p99Ms: number;
}

async function runLoad(
  load: BenchProcess<QueryLoadCommands>,
  plan: Question & { readonly url: string; readonly seconds: number },
): Promise<Measured> {
  const result = await load.ask('run', { ...plan, distinct: 'other', connections });
  if (result.wrong !== undefined) throw new Error(`${plan.url} answered: ${result.wrong}`);
  return {
    rps: (result.requests * 1_000) / result.tookMs,
    p99Ms: quantile(result.latenciesMs, 0.99),
  };
}

function rate(measured: Rounds, server: Server): number {
  return rounded(median(measured[server].map(({ rps }) => rps)));
}

function slowest(measured: Rounds, server: Server): number {
  return rounded(median(measured[server].map(({ p99Ms }) => p99Ms)), 1);
}

/** Of each round's own figures, so that what the machine does meanwhile meets both. */
function ratio(measured: Rounds, peer: Server): number {
  const ratios = measured.stoa.map(({ rps }, round) => rps / (measured[peer][round]?.rps ?? 0));
  return rounded(median(ratios), 2);
}

function spreads(measured: Rounds) {
  const asked = servers.filter((server) => measured[server].length > 0);
  return Object.fromEntries(
    asked.map((server) => [
      server,
      {
        rps: spread(measured[server].map(({ rps }) => rps)),
        p99Ms: slowest(measured, server),
      },
    ]),
  );
}
