import { Agent, request } from 'node:http';
import { brokerToken, type Network } from '../../harness/network.ts';

export interface BrokerConnection {
  /** The answer's text. */
  ask(query: string, variables: Readonly<Record<string, unknown>>): Promise<string>;
}

/** One kept connection to a venue's node, as a broker's system has it. */
export async function openConnection(network: Network, venue: string): Promise<BrokerConnection> {
  const token = await brokerToken(network);
  return keptConnection(network.venues.get(venue)?.graphql ?? '', {
    authorization: `Bearer ${token}`,
  });
}

/** One kept connection to where GraphQL is answered. */
export function keptConnection(
  url: string,
  more: Readonly<Record<string, string>> = {},
): BrokerConnection {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { 'content-type': 'application/json', ...more };
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
