import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { CodedError } from '@stoa/schema';

const LOWEST_PORT = 10_000;
/** Where Linux begins to take ports for outgoing connections, unless it says otherwise. */
const DEFAULT_EPHEMERAL_FROM = 32_768;
const MAX_TRIES = 1_000;

/**
 * Free TCP ports of the loopback interface, all different, for programs that have to be told their
 * port before they start. They are drawn below the range that the system takes outgoing connections
 * from: one of those would otherwise take a port between now and the program's start.
 *
 * @throws CodedError `NO_FREE_PORT`
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  const end = ephemeralFrom();
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries === MAX_TRIES) throw new CodedError('NO_FREE_PORT', 'No free TCP port was found.');
    const port = randomInt(LOWEST_PORT, end);
    if (!ports.has(port) && (await isPortFree(port))) ports.add(port);
  }
  return [...ports];
}

/** Whether a port of the loopback interface can be listened on now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => resolve(true));
  const free = await promise;
  if (free) await new Promise((closed) => server.close(closed));
  return free;
}

function ephemeralFrom(): number {
  try {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    const from = Number(range.split(/\s+/)[0]);
    return from > LOWEST_PORT + MAX_TRIES ? from : DEFAULT_EPHEMERAL_FROM;
  } catch {
    return DEFAULT_EPHEMERAL_FROM;
  }
}
