import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { ConnectionGater, Libp2p, PeerId, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { peerIdFromString } from '@libp2p/peer-id';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { CodedError, type DirectorySource, type MemberId, payloadHash } from '@stoa/schema';
import { createLibp2p } from 'libp2p';
import { Gauge, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import type { Admission } from './admission.ts';
import { createDialer } from './dialer.ts';
import { guardedMuxer } from './guarded-muxer.ts';
import { singleWrite } from './single-write.ts';

/** Key windows end by the clock, with no change on chain to say so. */
const ADMISSION_CHECK_MS = 1_000;
const STREAM_TIMEOUT_MS = 3_000;

export interface HostOptions {
  /** Seed of the node's Ed25519 key: the registry's node key is the libp2p identity. */
  readonly seed: Uint8Array;
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[];
  /** Multiaddrs of peers, with /p2p/ and the peer id. */
  readonly peers: readonly string[];
}

export interface HostNeeds {
  readonly admission: Admission;
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Calls when a member is admitted no longer for what it sent. */
  onBan?(listener: () => void): void;
}

/** A peer that stands in the registry and is connected. */
export interface ConnectedPeer {
  readonly id: string;
  readonly member: MemberId;
}

/** This node on the network. Protocols are registered before `start`. */
export interface Host {
  /** Where others reach this node, once it is started; each ends with /p2p/ and the peer id. */
  readonly addresses: () => string[];
  peers(): ConnectedPeer[];
  /** Whether of the two the peer is the one that opens streams: one side must, and only one. */
  opensTo(peer: string): boolean;
  /** Opens a stream; rejects after three seconds, or when the peer is gone. */
  open(peer: string, protocol: string, signal: AbortSignal): Promise<Stream>;
  /** Answers a protocol, for admitted peers only. */
  answer(
    protocol: string,
    maxStreamsPerPeer: number,
    handler: (peer: ConnectedPeer, stream: Stream) => void,
  ): void;
  /** Calls when a peer's first connection stands and when its last one is gone. */
  onPeer(listener: (peer: ConnectedPeer, up: boolean) => void): void;
  /** Gossip, once started. */
  pubsub(): GossipSub;
  start(): Promise<void>;
  stop(): Promise<void>;
}

type Node = Libp2p<{ pubsub: GossipSub }>;

interface Answer {
  readonly protocol: string;
  readonly maxStreams: number;
  readonly handler: Parameters<Host['answer']>[2];
}

/** Builds the host; nothing listens or dials before `start`. */
export function createHost(options: HostOptions, needs: HostNeeds): Host {
  const { admission, logger } = needs;
  const answers: Answer[] = [];
  const listeners: ((peer: ConnectedPeer, up: boolean) => void)[] = [];
  const connected = new Map<string, MemberId>();
  let node: Node | undefined;
  let cleanUp = (): void => undefined;
  registerPeerGauge(needs.registry, connected);

  const running = (): Node => {
    if (!node) throw new CodedError('HOST_NOT_STARTED', 'The network host is not started.');
    return node;
  };
  const onConnect = (peer: PeerId): void => {
    const member = admission.memberOfPeer(peer);
    if (member === undefined) return;
    connected.set(peer.toString(), member);
    logger.info({ member, peer: peer.toString() }, 'member connected');
    for (const listener of listeners) listener({ id: peer.toString(), member }, true);
  };
  const onDisconnect = (peer: PeerId): void => {
    const id = peer.toString();
    const member = connected.get(id);
    if (member === undefined) return;
    connected.delete(id);
    logger.info({ member, peer: id }, 'member disconnected');
    for (const listener of listeners) listener({ id, member }, false);
  };

  return {
    addresses: () => node?.getMultiaddrs().map((address) => address.toString()) ?? [],
    peers: () => [...connected].map(([id, member]) => ({ id, member })),
    opensTo: (peer) => running().peerId.toString() < peer,
    async open(peer, protocol, signal) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(STREAM_TIMEOUT_MS)]);
      const connection = running()
        .getConnections(peerIdFromString(peer))
        .find((one) => one.status === 'open');
      if (!connection) throw new CodedError('PEER_GONE', 'The peer is not connected.');
      return connection.newStream(protocol, { signal: bounded });
    },
    answer: (protocol, maxStreams, handler) => answers.push({ protocol, maxStreams, handler }),
    onPeer: (listener) => listeners.push(listener),
    pubsub: () => running().services.pubsub,
    async start() {
      const started = await createNode(options, admission.gater);
      node = started;
      for (const answer of answers) await register(started, admission, answer);
      started.addEventListener('peer:connect', (event) => onConnect(event.detail));
      started.addEventListener('peer:disconnect', (event) => onDisconnect(event.detail));
      const dialer = createDialer(options, { libp2p: started, logger, admission });
      await started.start();
      dialer.start();
      const stopEviction = evictRevoked(started, needs);
      cleanUp = () => {
        dialer.stop();
        stopEviction();
      };
    },
    async stop() {
      cleanUp();
      admission.stop();
      await node?.stop();
    },
  };
}

async function register(node: Node, admission: Admission, answer: Answer): Promise<void> {
  const limits = { maxInboundStreams: answer.maxStreams, maxOutboundStreams: answer.maxStreams };
  await node.handle(
    answer.protocol,
    (stream, connection) => {
      const member = admission.memberOfPeer(connection.remotePeer);
      if (member === undefined) stream.abort(new Error('not a member'));
      else answer.handler({ id: connection.remotePeer.toString(), member }, stream);
    },
    limits,
  );
}

/** Closes the connections of whoever is a member no longer, at once and whatever they are doing. */
function evictRevoked(node: Node, needs: HostNeeds): () => void {
  const check = (): void => {
    for (const connection of node.getConnections()) {
      if (needs.admission.memberOfPeer(connection.remotePeer) !== undefined) continue;
      needs.logger.warn(
        { peer: connection.remotePeer.toString() },
        'connection closed: not admitted',
      );
      connection.abort(new Error('not admitted to the network'));
    }
  };
  const stopWatching = needs.directory.onChange(check);
  needs.onBan?.(check);
  const timer = setInterval(check, ADMISSION_CHECK_MS);
  return () => {
    stopWatching();
    clearInterval(timer);
  };
}

async function createNode(options: HostOptions, connectionGater: ConnectionGater): Promise<Node> {
  return createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', options.seed),
    addresses: { listen: [...options.listen] },
    transports: [tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })],
    connectionEncrypters: [singleWrite(noise())],
    // A window below the read buffer's bound: a reader that pauses is then never reset.
    streamMuxers: [guardedMuxer(yamux({ streamOptions: { maxStreamWindowSize: 1_048_576 } }))],
    connectionGater,
    connectionManager: {
      // Members share hosts and restart together; strangers hold a pending slot for 1.5 s at most.
      inboundConnectionThreshold: 200,
      maxIncomingPendingConnections: 100,
      inboundUpgradeTimeout: 1_500,
      connectionCloseTimeout: 300,
      dialTimeout: 2_000,
      addressDialTimeout: 1_500,
    },
    // A peer that is stalled or cut off silently is noticed within about three seconds.
    connectionMonitor: {
      pingInterval: 1_000,
      pingTimeout: { minTimeout: 1_000, maxTimeout: 3_000 },
    },
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gossipsub({
        // What gossip carries is signed by us, and checked by us (heads.ts).
        globalSignaturePolicy: StrictNoSign,
        msgIdFn: (message) => payloadHash(message.data).subarray(0, 20),
        allowPublishToZeroTopicPeers: true,
        ignoreDuplicatePublishError: true,
        fallbackToFloodsub: false,
        seenTTL: 10_000,
        mcacheLength: 2,
        mcacheGossip: 1,
        scoreParams: { IPColocationFactorWeight: 0 },
      }),
    },
  });
}

function registerPeerGauge(registry: Registry, connected: ReadonlyMap<string, MemberId>): void {
  new Gauge({
    name: 'stoa_peers',
    help: 'Members this node is connected to.',
    registers: [registry],
    collect() {
      this.set(connected.size);
    },
  });
}
