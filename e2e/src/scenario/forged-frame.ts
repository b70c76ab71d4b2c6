import { randomBytes } from 'node:crypto';
import {
  createLogger,
  createObserver,
  type Observer,
  openChainDirectory,
  type VenueFeed,
} from '@stoa/node/observer';
import {
  CodedError,
  encodeFrame,
  type InstrumentId,
  nodeKeyFromSeed,
  type SignedBytes,
  type VenueId,
  WIRE_VERSION,
} from '@stoa/schema';
import { Registry } from 'prom-client';
import { connectLocalChain } from '../chain/chain-writer.ts';
import { type Network, PROBE } from '../harness/network.ts';

const QUOTE_VALID_MS = 60_000;

/** Joins the network as the admitted observer whose key we hold; stop it when done. */
export async function openProbe(network: Network): Promise<Observer> {
  const identity = network.identities.get(PROBE);
  if (!identity) throw new CodedError('MEMBER_UNKNOWN', 'The network has no probe.');
  const logger = createLogger(PROBE, 'silent');
  const over = new AbortController();
  const { memberRegistry, listingRegistry } = network.chain;
  const directory = await openChainDirectory(
    {
      addresses: { memberRegistry, listingRegistry },
      pollIntervalMs: 500,
      signal: over.signal,
    },
    { client: connectLocalChain(network.rpcUrl), logger },
  );
  const reachable = [...network.identities.values()].filter((other) => other.id !== PROBE);
  const observer = createObserver(
    {
      member: PROBE,
      seed: identity.nodeKey.seed,
      listen: [identity.multiaddr.replace(/\/p2p\/.*$/, '')],
      peers: reachable.map((other) => other.multiaddr),
      staleAfterMs: 5_000,
    },
    { directory, logger, registry: new Registry() },
  );
  await observer.start();
  return {
    ...observer,
    stop: async () => {
      over.abort();
      await observer.stop();
    },
  };
}

/** The next frame of a venue, with an offer far below the market, signed by nobody the registry knows. */
export function forgedFrame(
  instrument: InstrumentId,
  venue: VenueId,
  feed: VenueFeed | undefined,
): SignedBytes {
  const sentAtMs = Date.now();
  const payload = encodeFrame({
    version: WIRE_VERSION,
    venue,
    epoch: feed?.epoch ?? sentAtMs,
    sequence: (feed?.lastSequence ?? 0) + 1,
    sentAtMs,
    previousHash: new Uint8Array(32),
    entries: [
      {
        kind: 'book',
        instrument,
        firm: true,
        validUntilMs: sentAtMs + QUOTE_VALID_MS,
        bids: [],
        offers: [{ price: 100, quantity: 1_000_000 }],
      },
    ],
  });
  const stranger = nodeKeyFromSeed(randomBytes(32));
  return { payload, signature: stranger.sign('frame', payload) };
}
