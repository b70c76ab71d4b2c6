import type { DirectorySource, InstrumentId } from '@stoa/schema';
import { type Client, parseAbi } from 'viem';
import { readContract } from 'viem/actions';
import type { Logger } from '../telemetry/logger.ts';

/** Whether transfers of tokens are paused, as the tokens themselves said lately. */
export interface TokenPauses {
  /** Undefined where the token did not say: it has no such function, or the chain was not reached. */
  isPaused(instrument: InstrumentId): boolean | undefined;
  start(signal: AbortSignal): void;
}

interface TokenPausesNeeds {
  readonly client: Client;
  readonly directory: DirectorySource;
  readonly logger: Logger;
}

// ERC-3643 IToken; OpenZeppelin's Pausable has the same.
const abi = parseAbi(['function paused() view returns (bool)']);
const ASK_EVERY_MS = 5_000;
const AT_ONCE = 8;

/** Asks every listed token in turn. Unknown is never taken for "not paused". */
export function createTokenPauses({ client, directory, logger }: TokenPausesNeeds): TokenPauses {
  const paused = new Map<InstrumentId, boolean>();

  async function ask(instrument: InstrumentId, address: `0x${string}`): Promise<void> {
    try {
      paused.set(instrument, await readContract(client, { abi, address, functionName: 'paused' }));
    } catch {
      paused.delete(instrument);
    }
  }
  async function askAll(signal: AbortSignal): Promise<void> {
    const { instruments, listings } = directory.current();
    const listed = [...new Set(listings.map(({ instrument }) => instrument))];
    for (let at = 0; at < listed.length && !signal.aborted; at += AT_ONCE) {
      const some = listed.slice(at, at + AT_ONCE).flatMap((id) => instruments.get(id) ?? []);
      await Promise.all(some.map(({ id, token }) => ask(id, token)));
    }
  }

  return {
    isPaused: (instrument) => paused.get(instrument),
    start(signal) {
      let isAsking = false;
      const timer = setInterval(() => {
        if (isAsking) return;
        isAsking = true;
        askAll(signal)
          .catch((error: unknown) => logger.error({ err: error }, 'tokens cannot be asked'))
          .finally(() => {
            isAsking = false;
          });
      }, ASK_EVERY_MS);
      signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    },
  };
}
