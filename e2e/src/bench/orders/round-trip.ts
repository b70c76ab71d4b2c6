import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEMO_VENUES, shippedFlow } from '../../harness/demo-venues.ts';
import { brokerToken, type Network, startNetwork } from '../../harness/network.ts';
import { openBrokerDesk } from '../../scenario/broker-desk.ts';
import { awaitReplayedMarket } from '../../scenario/market-ready.ts';
import type { BenchNeeds } from '../bench.ts';
import { quantile, rounded } from '../statistics.ts';

const home = 'alpha';
const remote = 'beta';
const warmUps = 20;
const samples = 200;
/** Between two samples: what the last trade leaves to do, its settlement above all, ends in it. */
const pauseMs = 100;
const answerWithinMs = 1_000;
/** Far above the best offer: every order finds something to take. */
const aboveOffer = 50;

const PLACE = `mutation ($input: PlaceOrderInput!, $wait: Int) {
  placeOrder(input: $input, answerWithinMs: $wait) {
    ... on OrderPlaced { order { id status filled } }
    ... on Refusal { code message }
  }
}`;

/**
 * From a GraphQL mutation at the home node over another venue's node and engine to the answer that
 * says what that venue said. In turns with it: a query that touches nothing, and the same mutation
 * that does not wait for the venue; the differences of their medians are the stages. Samples come one at a
 * time, with a pause after each, so that the settlement of one trade is not measured with the next.
 */
export async function measureRoundTrip(say: BenchNeeds['say']) {
  const network = await startNetwork({
    baseFolder: `${tmpdir()}/stoa-bench`,
    flows: new Map(DEMO_VENUES.map((venue) => [venue, shippedFlow(venue)])),
    flowSpeed: 'max',
    logLevel: 'warn',
  });
  try {
    const desk = await openBrokerDesk(network);
    const book = await awaitReplayedMarket(network, desk, say);
    const limitPrice = (Number(book.cbbo.offer?.price) + aboveOffer).toFixed(2);
    return await measure(await openConnection(network), network, limitPrice);
  } finally {
    await network.stop();
  }
}

async function measure(connection: Connection, network: Network, limitPrice: string) {
  let placed = 0;
  const place = async (wait: number): Promise<void> => {
    placed += 1;
    const input = {
      ...{ clientOrderId: `round-trip-${placed}`, instrument: network.chain.instrument },
      ...{ account: network.chain.alice.address, side: 'BUY', type: 'LIMIT', timeInForce: 'IOC' },
      ...{ quantity: '1', limitPrice, strategy: 'DIRECTED', directedTo: remote },
    };
    const answer = await connection.ask(PLACE, { input, wait });
    const isAnswered = /"(NEW|FILLED)"/.test(answer);
    if (wait > 0 && !isAnswered) throw new Error(`order ${placed} was not answered: ${answer}`);
    if (answer.includes('"code"')) throw new Error(`order ${placed} was refused: ${answer}`);
  };
  const turns = {
    query: () => connection.ask('{ __typename }', {}),
    durable: () => place(0),
    answered: () => place(answerWithinMs),
  };
  const tookMs: Record<keyof typeof turns, number[]> = { query: [], durable: [], answered: [] };
  for (let sample = -warmUps; sample < samples; sample += 1) {
    for (const name of Object.keys(turns) as (keyof typeof turns)[]) {
      const begunMs = performance.now();
      await turns[name]();
      const tookMsNow = performance.now() - begunMs;
      await sleep(pauseMs);
      if (sample >= 0) tookMs[name].push(tookMsNow);
    }
  }
  const of = (name: keyof typeof turns, share: number) =>
    quantile(Float64Array.from(tookMs[name]), share);
  const [query, durable, answered] = [of('query', 0.5), of('durable', 0.5), of('answered', 0.5)];
  return {
    p50Ms: rounded(answered, 2),
    p99Ms: rounded(of('answered', 0.99), 2),
    stagesMs: {
      graphql: rounded(query, 2),
      durableAtHome: rounded(durable - query, 2),
      venueAndBack: rounded(answered - durable, 2),
    },
    samples,
  };
}

interface Connection {
  ask(query: string, variables: Readonly<Record<string, unknown>>): Promise<string>;
}

/** One kept connection to the home node, as a broker's system has it. */
async function openConnection(network: Network): Promise<Connection> {
  const url = network.venues.get(home)?.graphql ?? '';
  const token = await brokerToken(network);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return {
    ask: (query, variables) =>
      new Promise((resolve, reject) => {
        const sent = request(url, { method: 'POST', agent, headers }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            text += part;
          });
          response.on('end', () => resolve(text));
        });
        sent.on('error', reject);
        sent.end(JSON.stringify({ query, variables }));
      }),
  };
}
