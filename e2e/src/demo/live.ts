import { once } from 'node:events';
import { DEMO_VENUES } from '../harness/demo-venues.ts';
import {
  brokerToken,
  type Network,
  type NetworkOptions,
  startNetwork,
} from '../harness/network.ts';
import { DEMO_STALE_AFTER_MS } from '../harness/network-processes.ts';
import { type BookAnswer, openBrokerDesk } from '../scenario/broker-desk.ts';
import { awaitLiveMarket } from '../scenario/market-ready.ts';

/** Runs the network until the signal aborts. */
export async function runLive(options: NetworkOptions, signal: AbortSignal): Promise<number> {
  const network = await startNetwork(options);
  try {
    options.onProgress?.('waiting for every venue to be in the book');
    const book = await awaitLiveMarket(await openBrokerDesk(network));
    process.stderr.write(await welcome(network, book));
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    options.onProgress?.('stopping the network');
    await network.stop();
  }
  return 0;
}

async function welcome(network: Network, book: BookAnswer): Promise<string> {
  const { chain, gateway } = network;
  const [home] = DEMO_VENUES;
  const order = largeOrder(book);
  return `
The network is up.

  GraphiQL   ${gateway.graphql}
             (the broker's token is filled in; README.md has three queries to paste)

An order larger than what any venue offers now, to paste as the second of them:

  mutation {
    placeOrder(input: {
      clientOrderId: "my-first"
      instrument: "${chain.instrument}"
      account: "${chain.alice.address}"
      side: BUY, type: LIMIT, timeInForce: IOC, quantity: "${order.quantity}", limitPrice: "${order.limitPrice}"
    }) {
      ... on OrderPlaced { order { id status } }
      ... on Refusal { code message action }
    }
  }

From a shell, with the broker's token (home node: ${home}):

  TOKEN=${await brokerToken(network)}

Kill a venue and watch its quotes go stale after ${DEMO_STALE_AFTER_MS / 1_000} s while orders route on:

${[...network.venues].map(([venue, node]) => `  ${venue.padEnd(7)} kill -9 ${node.process.pid}`).join('\n')}

Logs: ${network.folder}        Ctrl-C stops everything.
`;
}

/** More than any one venue offers, at a price that reaches all of them. */
function largeOrder({ offers }: BookAnswer): { quantity: string; limitPrice: string } {
  const shown = new Map<string, number>();
  for (const { venue, quantity } of offers.flatMap((level) => level.venues)) {
    shown.set(venue, (shown.get(venue) ?? 0) + Number(quantity));
  }
  const quantity = Math.ceil((Math.max(0, ...shown.values()) + 1) / 100) * 100;
  return { quantity: String(quantity), limitPrice: offers.at(-1)?.price ?? '101' };
}
