import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Hex } from 'viem';
import { getBlock, getLogs } from 'viem/actions';
import { type Directory, type RegistryAddresses, readDirectory } from './registry-reader.ts';

export interface WatchDirectoryOptions {
  readonly client: Client;
  readonly addresses: RegistryAddresses;
  readonly pollIntervalMs: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** A directory already read: the watch then reports only what changed after it. */
  readonly initial?: Directory;
  /** Called with the first directory (unless `initial` was given) and after every registry event. */
  readonly onChange: (directory: Directory) => void;
  /** Called once per outage, with its first error; the last directory stays in force meanwhile. */
  readonly onError: (error: unknown) => void;
}

/** A gap of more blocks than this is read anew, instead of asking for a range that nodes refuse. */
const maxRangeBlocks = 2_000n;

/** Where the watch stands: what was read, at which block. */
interface Position {
  readonly number: bigint;
  readonly hash: Hex;
}

/**
 * Watches the registries by polling block ranges, and reads the whole directory anew after any
 * event. No subscription is involved: subscriptions and filters die silently with the connection,
 * and say nothing of a reorganisation.
 *
 * @returns a promise that resolves when the signal ends the watch; it never rejects for a failing
 * RPC, whatever the length of the outage
 */
export async function watchDirectory(options: WatchDirectoryOptions): Promise<void> {
  const { client, signal } = options;
  let position: Position | undefined;
  let isOut = false;
  if (options.initial) {
    // The hash is unknown, so the first poll compares nothing; it reads the events since.
    position = { number: options.initial.blockNumber, hash: '0x' };
  }
  while (!signal.aborted) {
    try {
      const step = await poll(client, options.addresses, position);
      isOut = false;
      position = step.position;
      if (step.directory && !signal.aborted) options.onChange(step.directory);
    } catch (error) {
      if (!isOut && !signal.aborted) options.onError(error);
      isOut = true;
    }
    await sleep(options.pollIntervalMs, undefined, { signal }).catch(() => undefined);
  }
}

async function poll(
  client: Client,
  addresses: RegistryAddresses,
  position: Position | undefined,
): Promise<{ position: Position; directory?: Directory }> {
  const head = await getBlock(client, { blockTag: 'latest' });
  if (head.number === position?.number && head.hash === position.hash) return { position };
  if (position === undefined || (await hasChanged(client, addresses, position, head.number))) {
    const directory = await readDirectory(client, addresses);
    const block = await getBlock(client, { blockNumber: directory.blockNumber });
    return { position: { number: directory.blockNumber, hash: block.hash }, directory };
  }
  return { position: { number: head.number, hash: head.hash } };
}

/** Whether anything the directory depends on may have happened since the position. */
async function hasChanged(
  client: Client,
  addresses: RegistryAddresses,
  position: Position,
  headNumber: bigint,
): Promise<boolean> {
  // The chain is shorter than it was, or started again.
  if (headNumber < position.number) return true;
  if (headNumber - position.number > maxRangeBlocks) return true;
  if (position.hash !== '0x') {
    const known = await getBlock(client, { blockNumber: position.number });
    // Reorganised: what was read may no longer be so, and no event says it.
    if (known.hash !== position.hash) return true;
  }
  if (headNumber === position.number) return false;
  const logs = await getLogs(client, {
    address: [addresses.memberRegistry, addresses.listingRegistry],
    fromBlock: position.number + 1n,
    toBlock: headNumber,
  });
  return logs.length > 0;
}
