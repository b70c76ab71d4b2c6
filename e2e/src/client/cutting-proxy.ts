import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a server that breaks when the test says so. */
export interface CuttingProxy {
  /** The server's address, by way of this. */
  readonly url: string;
  /** Connections that were ever made. */
  readonly connections: number;
  /** Breaks every connection that is open, in the middle of whatever it carries. */
  cut(): void;
  /** From now on requests get through, and the connection breaks before anything of an answer does. */
  swallowAnswers(does: boolean): void;
  /** Answers that were swallowed. */
  readonly swallowed: number;
  stop(): Promise<void>;
}

/** Starts a {@link CuttingProxy} before a server. */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port, pathname } = new URL(target);
  const sockets = new Set<Socket>();
  let connections = 0;
  let swallows = false;
  let swallowed = 0;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // Either end that breaks, breaks the other: as a cable does.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (!swallows) {
        client.write(chunk);
        return;
      }
      swallowed += 1;
      client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    get connections() {
      return connections;
    },
    get swallowed() {
      return swallowed;
    },
    cut,
    swallowAnswers(does) {
      swallows = does;
    },
    async stop() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
