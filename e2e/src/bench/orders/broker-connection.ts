import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { brokerToken, type Network } from '../../harness/network.ts';

export interface BrokerConnection {
  /** The answer's text. One question at a time. */
  ask(query: string, variables: Readonly<Record<string, unknown>>): Promise<string>;
}

/** One kept connection to a venue's node, as a broker's system has it. */
export async function openConnection(network: Network, venue: string): Promise<BrokerConnection> {
  const token = await brokerToken(network);
  return keptConnection(network.venues.get(venue)?.graphql ?? '', {
    authorization: `Bearer ${token}`,
  });
}

const HEAD_END = '\r\n\r\n';

/**
 * One kept connection to where GraphQL is answered. HTTP/1.1 as it stands on the socket: a client's own
 * work is not what is measured, and Node's takes half a millisecond for each request.
 */
export async function keptConnection(
  url: string,
  more: Readonly<Record<string, string>> = {},
): Promise<BrokerConnection> {
  const { hostname, port, host, pathname } = new URL(url);
  const headers = { host, 'content-type': 'application/json', ...more };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${pathname} HTTP/1.1\r\n${lines.join('')}`;
  const dial = async (): Promise<Socket> => {
    const dialed = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(dialed, 'connect');
    // Whoever asks hears of it; while nobody does, the next one dials again.
    return dialed.on('error', () => undefined);
  };
  let socket = await dial();
  return {
    ask: async (query, variables) => {
      const body = JSON.stringify({ query, variables });
      // A server ends a connection on which nothing was asked for some seconds.
      if (!socket.writable) socket = await dial();
      const answer = bodyOf(socket);
      socket.ref();
      socket.write(`${head}content-length: ${Buffer.byteLength(body)}${HEAD_END}${body}`);
      // What is open ends with the process that measures.
      return answer.finally(() => socket.unref());
    },
  };
}

/** The body of the next answer, which says how long it is. */
function bodyOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let taken = Buffer.alloc(0);
    const done = (): void => {
      socket.off('data', take).off('error', failed).off('close', failed);
    };
    const failed = (error: unknown): void => {
      done();
      reject(error instanceof Error ? error : new Error('the connection was closed'));
    };
    const take = (part: Buffer): void => {
      taken = Buffer.concat([taken, part]);
      const at = taken.indexOf(HEAD_END);
      if (at < 0) return;
      const length = /\r\ncontent-length: *(\d+)/i.exec(taken.toString('latin1', 0, at))?.[1];
      if (length === undefined) return failed(new Error('an answer does not say how long it is'));
      const body = taken.subarray(at + HEAD_END.length);
      if (body.length < Number(length)) return;
      done();
      resolve(body.toString());
    };
    socket.on('data', take).on('error', failed).on('close', failed);
  });
}
