import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** The folder of one run of the network: everything it writes lies in it. */
export interface RunFolder {
  readonly path: string;
  /** Make a folder inside and return its path. */
  folder(name: string): Promise<string>;
  /** The path of a file inside. */
  file(name: string): string;
  /** Remove it with all it holds. Safe to call twice. */
  remove(): Promise<void>;
}

/** Make a new folder for one run below `base`, which is made where it is missing. */
export async function createRunFolder(base: string): Promise<RunFolder> {
  const parent = resolve(base);
  await mkdir(parent, { recursive: true });
  const path = await mkdtemp(join(parent, 'run-'));
  return {
    path,
    folder: async (name) => {
      const inside = join(path, name);
      await mkdir(inside, { recursive: true });
      return inside;
    },
    file: (name) => join(path, name),
    // Retries, because a process that is just ending may still write into it.
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  };
}
