import type { PeerId } from '@libp2p/interface';
import {
  CodedError,
  type DirectorySource,
  encodeSigned,
  type Head,
  type MemberId,
  nodeKeyFromSeed,
  type SignedBytes,
  type Verifier,
  verifierOf,
} from '@stoa/schema';
import type { Registry } from 'prom-client';
import { createForkWatch } from './market/fork-watch.ts';
import type { FrameArchive } from './market/frame-archive.ts';
import type { Verdict } from './market/judge.ts';
import type { EquivocationProof } from './market/judgement-record.ts';
import { createMarket, type Market, type MarketNeeds } from './market/market.ts';
import type { MarketView } from './market/market-view.ts';
import { offenceOf } from './market/peer-fault.ts';
import { createProofAlarm, proofName } from './market/proof-alarm.ts';
import { type Admission, createAdmission } from './network/admission.ts';
import { type Broadcast, createBroadcast, type FrameOutcome } from './network/broadcast.ts';
import { createFramesProtocol, type FramesProtocol } from './network/frames-protocol.ts';
import { createHeadsGossip } from './network/heads.ts';
import { createHost, type Host } from './network/host.ts';
import type { OrderLinks } from './network/order-links.ts';
import { createOrderStreams } from './network/order-streams.ts';
import { createPeerScores, DEFAULT_SCORES } from './network/peer-scores.ts';
import type { NamedProof } from './network/proof-gossip.ts';
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
  /** For how long a member that sent what no honest node sends is refused; a minute unless told. */
  readonly banMs?: number;
}

export interface ObserverNeeds {
  /** Who is a member and what is listed; see {@link openChainDirectory}. */
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Unix milliseconds; the system's clock unless given. */
  readonly now?: () => number;
  /** Frames and proofs beyond memory; a gateway has none. */
  readonly archive?: FrameArchive | undefined;
  /** Hears of each contradiction once, whether this node found it or another one showed it. */
  readonly onProof?: (proof: EquivocationProof) => void;
}

/** A node's part in the network: it hears all venues, verifies all they say, and carries messages. */
export interface Observer {
  readonly market: MarketView;
  /** SignedFrames of a range that this node still has, in order of their sequence. */
  readonly frames: Market['frames'];
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
  /** Frames that were missing between others, the oldest first. */
  readonly gaps: Market['gaps'];
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
  const { member, staleAfterMs, maxClockSkewMs = DEFAULT_CLOCK_SKEW_MS } = options;
  const now = needs.now ?? Date.now;
  const nodeKey = nodeKeyFromSeed(options.seed);
  const shared = { directory, logger, registry, now, verifier: createVerifierCache() };

  const scores = createPeerScores({ ...DEFAULT_SCORES, ...options }, { logger, registry, now });
  const { isBanned, charge, onBan } = scores;
  const admission = createAdmission(nodeKey.publicKey, { ...shared, isBanned });
  const host = createHost(options, { admission, directory, logger, registry, onBan });
  const pull = createPull(host, () => frames);
  const market = createMarket(
    { staleAfterMs, maxClockSkewMs },
    {
      ...{ ...shared, pull, archive: needs.archive, ownKey: nodeKey.publicKey },
      peers: () => host.peers().map((peer) => peer.member),
      onVerdict(verdict, from) {
        const offence = offenceOf(verdict, from);
        if (offence) charge(from, offence);
        if (verdict.verdict === 'reject' && verdict.contradicts) alarm.check();
      },
    },
  );
  const frames = createFramesProtocol({ host, logger, charge, frames: market.frames });
  const broadcast = createBroadcast(member, {
    ...{ host, directory, logger, registry, charge },
    onFrame: (peer, bytes) => outcomeOf(market.receive(bytes, 'pushed', peer.member)),
    onProof(peer, { first, second }) {
      const { verdict } = market.receiveProof(first, second);
      if (verdict === 'accept') alarm.check();
      if (verdict === 'reject') charge(peer.member, 'PROOF_INVALID');
    },
    isAhead: (head) => head.epoch <= now() + maxClockSkewMs && isAhead(head, market.heads()),
    proofs: () => market.proofs().map(namedProof),
  });
  const alarm = createProofAlarm({
    ...{ registry, proofs: market.proofs },
    onProof(proof) {
      needs.onProof?.(proof);
      broadcast.spreadProofs();
    },
  });
  const forks = createForkWatch({
    ...{ logger, pull, held: market.held, now: () => performance.now() },
    isConnected: (other) => host.peers().some((peer) => peer.member === other),
    receive: (bytes, from) => market.receive(bytes, 'pulled', from),
  });
  const heads = createHeadsGossip(
    { member, nodeKey, intervalMs: HEADS_INTERVAL_MS, maxClockSkewMs },
    {
      ...{ ...shared, host, heads: market.heads },
      charge: (peer, code) => chargePeer(admission, charge, peer, code),
      onHeads(from, said) {
        market.hear(from, said);
        for (const part of [broadcast, forks]) part.onHeads(from, said);
      },
    },
  );
  const links = createOrderStreams({ host, logger });
  return composed(options.member, { market, directory, links, broadcast, host, heads, forks });
}

interface Parts {
  readonly market: Market;
  readonly directory: DirectorySource;
  readonly links: OrderLinks & { stop(): void };
  readonly broadcast: Broadcast;
  readonly host: Host;
  readonly heads: { start(): void; stop(): void };
  readonly forks: { stop(): void };
}

function composed(member: MemberId, parts: Parts): Observer {
  const { market, directory, links, broadcast, host, heads, forks } = parts;
  return {
    ...{ market, directory, links, proofs: market.proofs, addresses: host.addresses },
    frames: market.frames,
    gaps: market.gaps,
    // A stream, not a connection: a node that refuses us lets the connection stand for a moment.
    peers: broadcast.connected,
    broadcast(signed) {
      const bytes = encodeSigned(signed);
      broadcast.publish(bytes);
      // Peers first: to judge its own frame takes a node as long as the frame takes to reach others.
      setImmediate(() => market.receive(bytes, 'own', member));
    },
    async start() {
      await host.start();
      for (const part of [heads, market, broadcast]) part.start();
    },
    async stop() {
      for (const part of [market, heads, forks, broadcast, links]) part.stop();
      await host.stop();
    },
  };
}

/** Charges the member behind a connection, if it is one still. */
function chargePeer(
  admission: Admission,
  charge: (member: MemberId, code: string) => void,
  peer: PeerId,
  code: string,
): void {
  const member = admission.memberOfPeer(peer);
  if (member !== undefined) charge(member, code);
}

/** Asks a member for frames, over whichever of its nodes is connected. */
function createPull(host: Host, frames: () => FramesProtocol): MarketNeeds['pull'] {
  return async (member, request, signal) => {
    const peer = host.peers().find((one) => one.member === member);
    if (!peer) throw new CodedError('PEER_GONE', `${member} is not connected.`);
    return frames().request(peer, request, signal);
  };
}

/** What a verdict is to the tree: a wrong frame that the venue signed has its place, and travels on. */
function outcomeOf(verdict: Verdict): FrameOutcome {
  if (verdict.verdict === 'ignore') {
    return { standing: verdict.repeats ? 'repeat' : 'useless', venue: verdict.repeats };
  }
  const logged = verdict.verdict === 'accept' ? verdict.logged : verdict.authentic;
  return { standing: logged ? 'first' : 'useless', venue: logged?.frame.venue };
}

function isAhead(head: Head, own: readonly Head[]): boolean {
  const known = own.find(({ venue }) => venue === head.venue);
  if (!known || head.epoch > known.epoch) return true;
  return head.epoch === known.epoch && head.sequence > known.sequence;
}

function namedProof(proof: EquivocationProof): NamedProof {
  const [first, second] = proof.frames;
  return { name: proofName(proof), first, second };
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
