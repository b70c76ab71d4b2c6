import { CodedError, type DirectorySource, type Instrument } from '@stoa/schema';
import { createPublicClient, http, type PublicClient } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { NodeConfig } from '../config.ts';
import { openChainDirectory } from '../network/chain-directory.ts';
import { createChainFetch } from '../network/chain-fetch.ts';
import { createRemoteSigner } from '../settlement/remote-signer.ts';
import type { SettlementSigner } from '../settlement/settlement-signer.ts';
import { listedInstruments, requireVenue } from '../venue-standing.ts';
import type { Base } from './base.ts';

const REGISTRY_POLL_MS = 500;
const RPC_TIMEOUT_MS = 5_000;
const NO_ACCOUNT = `0x${'00'.repeat(20)}` as const;

export interface Chain {
  readonly client: PublicClient;
  readonly signer: SettlementSigner;
  readonly directory: DirectorySource;
  /** What this venue lists. */
  readonly instruments: readonly Instrument[];
}

export async function readChain({ config, logger, running }: Base): Promise<Chain> {
  const client = createPublicClient({
    transport: http(config.STOA_RPC_URL, {
      ...{ timeout: RPC_TIMEOUT_MS, retryCount: 0 },
      // What it may take at most, it knows itself.
      ...{ fetchFn: createChainFetch(), maxResponseBodySize: false },
    }),
    cacheTime: 0,
  });
  const addresses = {
    memberRegistry: config.STOA_MEMBER_REGISTRY,
    listingRegistry: config.STOA_LISTING_REGISTRY,
  };
  const directory = await openChainDirectory(
    { addresses, pollIntervalMs: REGISTRY_POLL_MS, signal: running },
    { client, logger },
  );
  const signer = settlementSigner(config);
  requireVenue(directory.current(), {
    venue: config.STOA_VENUE,
    publicKey: config.STOA_NODE_KEY_FILE.publicKey,
    signer: signer.address,
  });
  if (!(await client.getCode({ address: config.STOA_SETTLEMENT }))) {
    throw new CodedError('NO_SETTLEMENT', `There is no contract at ${config.STOA_SETTLEMENT}.`);
  }
  const instruments = listedInstruments(directory.current(), config.STOA_VENUE);
  return { client, signer, directory, instruments };
}

/** The key in this process, or a signing service: configuration has exactly one of them. */
function settlementSigner(config: NodeConfig): SettlementSigner {
  const {
    STOA_SETTLEMENT_KEY_FILE: key,
    STOA_SETTLEMENT_SIGNER_URL: url = '',
    STOA_SETTLEMENT_SIGNER_ADDRESS: address = NO_ACCOUNT,
  } = config;
  return key === undefined ? createRemoteSigner({ url, address }) : privateKeyToAccount(key);
}
