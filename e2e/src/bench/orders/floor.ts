import { setTimeout as sleep } from 'node:timers/promises';
import type { Network } from '../../harness/network.ts';
import { benchProcesses } from '../bench-process.ts';
import { quantile, rounded } from '../statistics.ts';
import { keptConnection } from './broker-connection.ts';
import type { FloorCommands } from './floor-process.ts';

const warmUps = 300;
const samples = 60;
const pauseMs = 200;

/**
 * What the way of an order costs on this machine whoever goes it: a GraphQL mutation of no content, as
 * many durable commits one after another as an order waits for (at its home, and of its leg at the venue
 * with the venue's word; the audit record's beside them), and a signed message there and back over a
 * socket, verified; in as many processes, on the same database server, with nothing recorded that
 * means anything.
 */
export async function measureFloor(network: Network) {
  await using processes = benchProcesses();
  const [home, venue] = await Promise.all(
    ['floor_home', 'floor_venue'].map(async (owner) => ({
      process: processes.start<FloorCommands>('orders/floor-process.ts'),
      databaseUrl: await network.databases.database(owner),
    })),
  );
  if (!home || !venue) throw new Error('a process is missing');
  const venuePort = await venue.process.ask('venue', { databaseUrl: venue.databaseUrl });
  const { databaseUrl } = home;
  const connection = await keptConnection(
    await home.process.ask('home', { databaseUrl, venuePort }),
  );
  const place = async (): Promise<number> => {
    const begunMs = performance.now();
    const answer = await connection.ask('mutation { place }', {});
    if (!answer.includes('"NEW"')) throw new Error(`the floor answered ${answer}`);
    return performance.now() - begunMs;
  };
  for (let order = 0; order < warmUps; order += 1) await place();
  const tookMs: number[] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    await sleep(pauseMs);
    tookMs.push(await place());
  }
  return {
    p50Ms: rounded(quantile(tookMs, 0.5), 2),
    p99Ms: rounded(quantile(tookMs, 0.99), 2),
  };
}
