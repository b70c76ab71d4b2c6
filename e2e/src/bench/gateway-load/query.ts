import { tmpdir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { composeSupergraph } from '@stoa/gateway/supergraph';
import { DEMO_VENUES, shippedFlow } from '../../harness/demo-venues.ts';
import { askGraphql } from '../../harness/graphql-client.ts';
import { brokerToken, type Network, startNetwork } from '../../harness/network.ts';
import { openBrokerDesk } from '../../scenario/broker-desk.ts';
import { awaitReplayedMarket } from '../../scenario/market-ready.ts';
import type { BenchNeeds } from '../bench.ts';
import { type BenchProcess, benchProcesses } from '../bench-process.ts';
import { median, quantile, rounded, spread } from '../statistics.ts';
import type { PeerGatewayCommands } from './peer-gateway-process.ts';
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
const settledOrders = 8;
const aboveOffer = 50;
const servers = ['stoa', 'apollo', 'hive'] as const;
type Server = (typeof servers)[number];

export interface QueryPlan {
  readonly seconds: number;
  readonly rounds: number;
}

/**
 * Queries through our gateway, Apollo's and the Hive runtime with its defaults, over the same three
 * nodes, in turns. No two requests have the same variables, so that nobody answers two with one.
 */
export async function measureQueries(plan: QueryPlan, say: BenchNeeds['say']) {
  say('gateway: starting the network');
  const network = await startNetwork({
    baseFolder: `${tmpdir()}/stoa-bench`,
    flows: new Map(DEMO_VENUES.map((venue) => [venue, shippedFlow(venue)])),
    flowSpeed: 'max',
    logLevel: 'warn',
  });
  await using processes = benchProcesses();
  try {
    await placeOrders(network, say);
    const supergraph = supergraphOver(network);
    const peers = await Promise.all(
      (['apollo', 'hive'] as const).map(async (peer) => {
        const process = processes.start<PeerGatewayCommands>(
          'gateway-load/peer-gateway-process.ts',
        );
        return process.ask('start', { peer, supergraph });
      }),
    );
    const [apollo = '', hive = ''] = peers;
    const urls = { stoa: network.gateway.graphql, apollo, hive };
    const load = processes.start<QueryLoadCommands>('gateway-load/query-load-process.ts');
    const token = await brokerToken(network);
    const market = { query: MARKET, variables: { instrument: network.chain.instrument } };
    await proveSame(urls, { ...market, variables: { ...market.variables, other: 'x0' } });
    await proveSame(urls, { query: ORDERS, variables: { other: 'x0' }, token });
    const measured = { market: emptyRounds(), federated: emptyRounds() };
    for (let round = -1; round < plan.rounds; round += 1) {
      for (const server of servers) {
        say(`gateway: queries, ${server}`);
        const url = urls[server];
        // The round before the first warms everybody up.
        const seconds = round < 0 ? Math.min(3, plan.seconds) : plan.seconds;
        const ofMarket = await runLoad(load, { ...market, url, seconds });
        const ofOrders = await runLoad(load, { query: ORDERS, variables: {}, url, token, seconds });
        if (round < 0) continue;
        measured.market[server].push(ofMarket);
        measured.federated[server].push(ofOrders);
      }
    }
    return summary(measured);
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
  question: { query: string; variables: Record<string, unknown>; token?: string },
): Promise<void> {
  const answers = await Promise.all(
    servers.map(async (server) => ({ server, answer: await askGraphql(urls[server], question) })),
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

const emptyRounds = (): Record<Server, Measured[]> => ({ stoa: [], apollo: [], hive: [] });

async function runLoad(
  load: BenchProcess<QueryLoadCommands>,
  plan: {
    readonly url: string;
    readonly query: string;
    readonly variables: Readonly<Record<string, unknown>>;
    readonly token?: string;
    readonly seconds: number;
  },
): Promise<Measured> {
  const result = await load.ask('run', { ...plan, distinct: 'other', connections });
  if (result.wrong !== undefined) throw new Error(`${plan.url} answered: ${result.wrong}`);
  return {
    rps: (result.requests * 1_000) / result.tookMs,
    p99Ms: quantile(result.latenciesMs, 0.99),
  };
}

function summary(measured: Readonly<Record<'market' | 'federated', Record<Server, Measured[]>>>) {
  const rps = (kind: 'market' | 'federated', server: Server) =>
    median(measured[kind][server].map((one) => one.rps));
  const p99 = (kind: 'market' | 'federated', server: Server) =>
    rounded(median(measured[kind][server].map((one) => one.p99Ms)), 1);
  const [market, federated] = [rps('market', 'stoa'), rps('federated', 'stoa')];
  return {
    rps: rounded(market),
    p99Ms: p99('market', 'stoa'),
    apolloRps: rounded(rps('market', 'apollo')),
    hiveRps: rounded(rps('market', 'hive')),
    federatedRps: rounded(federated),
    apolloFederatedRps: rounded(rps('federated', 'apollo')),
    hiveFederatedRps: rounded(rps('federated', 'hive')),
    federatedP99Ms: p99('federated', 'stoa'),
    toApollo: rounded(market / rps('market', 'apollo'), 2),
    toHive: rounded(market / rps('market', 'hive'), 2),
    federatedToApollo: rounded(federated / rps('federated', 'apollo'), 2),
    peersP99Ms: {
      apollo: p99('market', 'apollo'),
      hive: p99('market', 'hive'),
      apolloFederated: p99('federated', 'apollo'),
    },
    ofRounds: Object.fromEntries(
      servers.map((server) => [
        server,
        {
          market: spread(measured.market[server].map((one) => one.rps)),
          federated: spread(measured.federated[server].map((one) => one.rps)),
        },
      ]),
    ),
    connections,
  };
}
