import { setTimeout as sleep } from 'node:timers/promises';
import {
  type RegistryAddresses,
  type Directory as RegistryDirectory,
  readDirectory,
  watchDirectory,
} from '@stoa/contracts';
import type { Directory, DirectorySource } from '@stoa/schema';
import type { Client } from 'viem';
import type { Logger } from '../telemetry/logger.ts';

const RETRY_MS = 500;

export interface ChainDirectoryOptions {
  readonly addresses: RegistryAddresses;
  readonly pollIntervalMs: number;
  /** Ends the waiting for a first answer, and the watch. */
  readonly signal: AbortSignal;
}

/**
 * Reads the on-chain registries, as long as it takes until the chain answers, and follows them until
 * the signal ends it. While the chain is out of reach the last directory stays in force.
 *
 * @throws the last error of the chain when the signal ends the wait for the first answer
 */
export async function openChainDirectory(
  options: ChainDirectoryOptions,
  needs: { readonly client: Client; readonly logger: Logger },
): Promise<DirectorySource> {
  const { client, logger } = needs;
  const initial = await readFirst(options, client, logger);
  let current = toDirectory(initial);
  const listeners = new Set<(directory: Directory) => void>();
  void watchDirectory({
    client,
    ...options,
    initial,
    onChange: (directory) => {
      current = toDirectory(directory);
      for (const listener of listeners) listener(current);
    },
    onError: (error) => logger.warn({ err: error }, 'registries cannot be read'),
  });
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

async function readFirst(
  options: ChainDirectoryOptions,
  client: Client,
  logger: Logger,
): Promise<RegistryDirectory> {
  for (;;) {
    try {
      return await readDirectory(client, options.addresses);
    } catch (error) {
      logger.warn({ err: error }, 'registries cannot be read yet');
      await sleep(RETRY_MS, undefined, { signal: options.signal }).catch(() => undefined);
      if (options.signal.aborted) throw error;
    }
  }
}

function toDirectory(directory: RegistryDirectory): Directory {
  return {
    blockNumber: directory.blockNumber,
    members: new Map(directory.members.map((member) => [member.id, member])),
    instruments: new Map(directory.instruments.map((instrument) => [instrument.id, instrument])),
    listings: directory.listings,
  };
}
