import { setTimeout as sleep } from 'node:timers/promises';
import {
  type RegistryAddresses,
  type Directory as RegistryDirectory,
  readDirectory,
  watchDirectory,
} from '@stoa/contracts';
import { CodedError, type Directory, type DirectorySource } from '@stoa/schema';
import { BaseError, type Client, ContractFunctionZeroDataError } from 'viem';
import type { Logger } from '../telemetry/logger.ts';

const RETRY_MS = 500;
/** A chain that does not answer for so long is a mistake in the configuration, not a slow start. */
const FIRST_READ_WITHIN_MS = 20_000;

export interface ChainDirectoryOptions {
  readonly addresses: RegistryAddresses;
  readonly pollIntervalMs: number;
  /** Ends the waiting for a first answer, and the watch. */
  readonly signal: AbortSignal;
}

/**
 * Reads the on-chain registries, waiting for the chain to answer, and follows them until the signal
 * ends it. While the chain is out of reach the last directory stays in force.
 *
 * @throws CodedError `CHAIN_UNREADABLE` when there is no first answer within 20 s or before the signal
 * aborts, or at once where the addresses hold no registries
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
  const deadline = performance.now() + FIRST_READ_WITHIN_MS;
  for (;;) {
    try {
      return await readDirectory(client, options.addresses);
    } catch (cause) {
      const [reason = ''] = String(cause instanceof Error ? cause.message : cause).split('\n');
      if (options.signal.aborted || performance.now() > deadline || isPermanent(cause)) {
        throw new CodedError('CHAIN_UNREADABLE', `The registries cannot be read: ${reason}`, {
          cause,
        });
      }
      logger.warn({ reason }, 'registries cannot be read yet');
      await sleep(RETRY_MS, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
}

/** The chain answered, and there is no such contract: waiting changes nothing. */
function isPermanent(error: unknown): boolean {
  return (
    error instanceof BaseError &&
    error.walk((cause) => cause instanceof ContractFunctionZeroDataError) !== null
  );
}

function toDirectory(directory: RegistryDirectory): Directory {
  return {
    blockNumber: directory.blockNumber,
    members: new Map(directory.members.map((member) => [member.id, member])),
    instruments: new Map(directory.instruments.map((instrument) => [instrument.id, instrument])),
    listings: directory.listings,
  };
}
