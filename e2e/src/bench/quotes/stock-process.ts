import { createRequire } from 'node:module';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { decodeFrame, encodeFrame, type InstrumentId, isRefusal } from '@stoa/schema';
import { serveCommands } from '../process-commands.ts';
import { nowNs } from './clock.ts';
import { instrumentsOf, type NetworkPlan } from './network-plan.ts';

const topic = 'quotes';
const bestBid = 10_000;
const pollMs = 2;

/** What we use of libp2p and its gossipsub. */
interface StockNode {
  start(): Promise<void>;
  dial(address: unknown): Promise<unknown>;
  getMultiaddrs(): { toString(): string }[];
  readonly services: {
    readonly pubsub: {
      subscribe(topic: string): void;
      publish(topic: string, data: Uint8Array): Promise<unknown>;
      getMeshPeers(topic: string): string[];
      addEventListener(
        name: 'gossipsub:message',
        listener: (event: { detail: { msg: { data: Uint8Array } } }) => void,
      ): void;
    };
  };
}

/** The very packages the node runs, of its versions: they are its dependencies, not the bench's. */
const load = createRequire(fileURLToPath(import.meta.resolve('@stoa/node/observer')));

/**
 * A node of stock gossipsub: its defaults, StrictSign among them, one quote a message. What it
 * carries is the BOOK entry our frames carry, encoded by the same code; our own signature and the
 * consolidated book are spared it.
 */
async function createStockNode(): Promise<StockNode> {
  const part = (name: string, factory: string): unknown => load(name)[factory]();
  return load('libp2p').createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [part('@libp2p/tcp', 'tcp')],
    connectionEncrypters: [part('@libp2p/noise', 'noise')],
    streamMuxers: [part('@libp2p/yamux', 'yamux')],
    // Five nodes of one host that dial each other at once; nothing to do with how gossip flows.
    connectionManager: { inboundConnectionThreshold: 200 },
    services: {
      identify: part('@libp2p/identify', 'identify'),
      pubsub: part('@libp2p/gossipsub', 'gossipsub'),
    },
  });
}

let node: StockNode | undefined;
let received = 0;
let lastReceivedAtNs = 0;
/** The latest quote of each instrument. */
const latest = new Map<InstrumentId, number>();

function running(): StockNode {
  if (node === undefined) throw new Error('the node is not started');
  return node;
}

function receive(data: Uint8Array): void {
  const decoded = decodeFrame(data);
  if (isRefusal(decoded)) throw new Error('a quote cannot be read');
  for (const entry of decoded.frame.entries) {
    if (entry.kind === 'book') latest.set(entry.instrument, entry.bids[0]?.quantity ?? 0);
  }
  received += 1;
  lastReceivedAtNs = nowNs();
}

/** One quote as a message: a frame of one whole book, with its header and no signature of ours. */
function quote(plan: NetworkPlan, instrument: InstrumentId, update: number): Uint8Array {
  const level = (sign: number) => (_: unknown, at: number) => ({
    price: bestBid + (sign > 0 ? 1 : 0) + sign * at,
    quantity: at === 0 && sign < 0 ? update : 100 + at,
  });
  return encodeFrame({
    ...{ version: 1, venue: 'alpha', epoch: 1, sequence: update, sentAtMs: Date.now() },
    previousHash: new Uint8Array(32),
    entries: [
      {
        ...({ kind: 'book', instrument, firm: true, validUntilMs: Date.now() + 6_000 } as const),
        bids: Array.from({ length: plan.levels }, level(-1)),
        offers: Array.from({ length: plan.levels }, level(1)),
      },
    ],
  });
}

const commands = {
  async start({ peers }: { peers: readonly string[] }) {
    node = await createStockNode();
    await node.start();
    node.services.pubsub.addEventListener('gossipsub:message', ({ detail }) =>
      receive(detail.msg.data),
    );
    node.services.pubsub.subscribe(topic);
    const { multiaddr } = load('@multiformats/multiaddr');
    for (const peer of peers) await node.dial(multiaddr(peer));
    return { addresses: node.getMultiaddrs().map((address) => address.toString()) };
  },
  meshPeers: () => running().services.pubsub.getMeshPeers(topic).length,
  /** Publishes as fast as gossipsub takes it. */
  async publish({ plan, count, first }: { plan: NetworkPlan; count: number; first: number }) {
    const instruments = instrumentsOf(plan);
    const startNs = nowNs();
    for (let update = first; update < first + count; update += 1) {
      const instrument = instruments[update % instruments.length];
      if (instrument)
        await running().services.pubsub.publish(topic, quote(plan, instrument.id, update));
      // Lets what was published go out; a loop of promises alone would hold everything back.
      await setImmediate();
    }
    return { startNs };
  },
  forget(): void {
    received = 0;
    latest.clear();
  },
  /** Until so many quotes have come. */
  async untilReceived({ count, withinMs }: { count: number; withinMs: number }) {
    const deadline = performance.now() + withinMs;
    while (received < count && performance.now() < deadline) await sleep(pollMs);
    return { received, atNs: lastReceivedAtNs };
  },
};

export type StockCommands = typeof commands;

serveCommands(commands);
