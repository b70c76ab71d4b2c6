import {
  CodedError,
  type DirectorySource,
  encodeSigned,
  type MemberId,
  nodeKeyFromSeed,
  type SignedBytes,
  type Verifier,
  verifierOf,
} from '@stoa/schema';
import type { Registry } from 'prom-client';
import type { EquivocationProof } from './market/judgement-record.ts';
import { createMarket } from './market/market.ts';
import type { MarketView } from './market/market-view.ts';
import { createAdmission } from './network/admission.ts';
import { createFramesProtocol } from './network/frames-protocol.ts';
import { createHeadsGossip } from './network/heads.ts';
import { createHost } from './network/host.ts';
import type { OrderLinks } from './network/order-links.ts';
import { createOrderStreams } from './network/order-streams.ts';
import { createQuoteStreams } from './network/quote-streams.ts';
import type { Logger } from './telemetry/logger.ts';

export type { EquivocationProof } from './market/judgement-record.ts';
export * from './market/market-view.ts';
export { type ChainDirectoryOptions, openChainDirectory } from './network/chain-directory.ts';
export type { OrderLinks } from './network/order-links.ts';
export { createLogger, LOG_LEVELS, type Logger } from './telemetry/logger.ts';

const HEADS_INTERVAL_MS = 250;
const DEFAULT_CLOCK_SKEW_MS = 2_000;

export interface ObserverOptions {
  /** This node's own member id. */
  readonly member: MemberId;
  /** Seed of its Ed25519 node key, 32 bytes; the key is the libp2p identity too. */
  readonly seed: Uint8Array;
  /** Multiaddrs to listen on, such as `/ip4/127.0.0.1/tcp/0`. */
  readonly listen: readonly string[];
  /** Multiaddrs of other nodes, each ending with /p2p/ and the peer id. */
  readonly peers: readonly string[];
  /** Without a frame for so long, a venue's quotes are stale. */
  readonly staleAfterMs: number;
  /** How far other members' clocks may be off; 2 s unless told. */
  readonly maxClockSkewMs?: number;
}

export interface ObserverNeeds {
  /** Who is a member and what is listed; see {@link openChainDirectory}. */
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Unix milliseconds; the system's clock unless given. */
  readonly now?: () => number;
}

/** A node's part in the network: it hears all venues, verifies all they say, and carries messages. */
export interface Observer {
  readonly market: MarketView;
  readonly directory: DirectorySource;
  readonly links: OrderLinks;
  /** Members this node is connected to. */
  readonly peers: () => MemberId[];
  /** Multiaddrs others reach this node at, once it is started. */
  readonly addresses: () => string[];
  /** Sends a frame to this node's own judge and, as it stands, to every peer: each judges for itself. */
  readonly broadcast: (signed: SignedBytes) => void;
  /** Contradictions that venues have signed, with the proof. */
  readonly proofs: () => readonly EquivocationProof[];
  start(): Promise<void>;
  /** Ends within a second. */
  stop(): Promise<void>;
}

/**
 * Composes network and market: what a venue's node and a gateway have in common.
 *
 * @throws CodedError `NODE_KEY_INVALID` for a seed that is not 32 bytes; from `start`,
 * `PEER_ADDRESS_INVALID` for a peer without a peer id
 */
export function createObserver(options: ObserverOptions, needs: ObserverNeeds): Observer {
  const { directory, logger, registry } = needs;
  const now = needs.now ?? Date.now;
  const nodeKey = nodeKeyFromSeed(options.seed);
  const verifier = createVerifierCache();
  const maxClockSkewMs = options.maxClockSkewMs ?? DEFAULT_CLOCK_SKEW_MS;

  const admission = createAdmission(nodeKey.publicKey, { directory, logger, registry, now });
  const host = createHost(options, { admission, directory, logger, registry });

  const market = createMarket(
    { staleAfterMs: options.staleAfterMs, maxClockSkewMs },
    {
      ...{ directory, logger, registry, now, verifier },
      peers: () => host.peers().map((peer) => peer.member),
      async pull(member, request, signal) {
        const peer = host.peers().find((one) => one.member === member);
        if (!peer) throw new CodedError('PEER_GONE', `${member} is not connected.`);
        return frames.request(peer, request, signal);
      },
    },
  );
  const frames = createFramesProtocol({ host, logger, frames: market.frames });
  const quotes = createQuoteStreams({
    ...{ host, logger, registry },
    onFrame: (peer, bytes) => market.receive(bytes, 'pushed', peer.member),
  });
  const heads = createHeadsGossip(
    { member: options.member, nodeKey, intervalMs: HEADS_INTERVAL_MS, maxClockSkewMs },
    {
      ...{ host, directory, logger, registry, now, verifier },
      heads: market.heads,
      onHeads: market.hear,
    },
  );
  const links = createOrderStreams({ host, logger });

  return {
    ...{ market, directory, links },
    // A stream, not a connection: a node that refuses us lets the connection stand for a moment.
    peers: () => quotes.connected(),
    addresses: host.addresses,
    proofs: market.proofs,
    broadcast(signed) {
      market.receive(encodeSigned(signed), 'pushed', options.member);
      quotes.push(signed);
    },
    async start() {
      await host.start();
      heads.start();
      market.start();
    },
    async stop() {
      market.stop();
      heads.stop();
      quotes.stop();
      links.stop();
      await host.stop();
    },
  };
}

/** Parsed keys, kept: parsing one costs more than a check with it. As many as the registry names. */
function createVerifierCache(): (publicKey: string) => Verifier {
  const verifiers = new Map<string, Verifier>();
  return (publicKey) => {
    const known = verifiers.get(publicKey);
    if (known) return known;
    const verifier = verifierOf(publicKey);
    verifiers.set(publicKey, verifier);
    return verifier;
  };
}
