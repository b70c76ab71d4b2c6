import { createServer, type Server } from 'node:net';

/**
 * Ask the operating system for free TCP ports of the loopback interface, all different. They are
 * free when this returns and not reserved: use them soon, and prefer port 0 where a program can
 * say which port it got.
 */
export async function freePorts(count: number): Promise<number[]> {
  // All are held open until the last is known, or one port would be given out twice.
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

async function listen(): Promise<Server> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
