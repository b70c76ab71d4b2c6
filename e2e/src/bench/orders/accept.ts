import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, startEmbeddedPostgres } from '@stoa/node/embedded-postgres';
import type { BenchProcesses } from '../bench-process.ts';
import { median, rounded } from '../statistics.ts';
import type { AcceptCommands } from './accept-process.ts';
import { runPgbench, scriptOfOrder } from './pgbench.ts';

const clients = 32;
const seconds = 4;

/**
 * Orders a second that a home node makes durable for 32 clients, each in a transaction with its
 * events, leg and outbox, beside what pgbench reaches with the same rows on the same server; in turns.
 */
export async function measureAccept(processes: BenchProcesses, rounds: number) {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-bench-'));
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
  try {
    const [databaseUrl = '', peerDatabaseUrl = ''] = await Promise.all(
      ['accept', 'peer'].map((name) => createDatabase(server.url('postgres'), name)),
    );
    const node = processes.start<AcceptCommands>('orders/accept-process.ts');
    await node.ask('start', { databaseUrl, peerDatabaseUrl });
    const { order } = await node.ask('place', { clients, seconds: 2 });
    const script = await scriptOfOrder(databaseUrl, order);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      ours.push((await node.ask('place', { clients, seconds })).perSecond);
      const tps = await runPgbench(databaseUrl, script, { folder, clients, seconds });
      if (tps !== undefined) theirs.push(tps);
    }
    const hasPeer = theirs.length > 0;
    return {
      perSecond: rounded(median(ours)),
      // Null: pgbench is not installed here.
      pgbenchPerSecond: hasPeer ? rounded(median(theirs)) : null,
      toPgbench: hasPeer ? rounded(median(ours) / median(theirs), 2) : null,
      ...{ clients, seconds, rounds },
    };
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
