import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { clusterNameOf, endPostmaster, readPostmasterFile } from '../postgres-process.ts';

const STOP_WITHIN_MS = 5_000;

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of the one PostgreSQL that the test files of a run share; the first that needs it starts it. */
    readonly databasesFolder: string;
  }
}

/** Once a run of tests, whichever they are: names the folder, and ends the server if there came to be one. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-databases-'));
  provide('databasesFolder', folder);
  return async () => {
    const cluster = join(folder, 'cluster');
    const server = readPostmasterFile(cluster);
    if (server) await endPostmaster(server.pid, clusterNameOf(cluster), STOP_WITHIN_MS);
    await rm(folder, { recursive: true, force: true });
  };
}
