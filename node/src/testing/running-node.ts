import {
  type Entry,
  encodeFrame,
  type InstrumentId,
  type MemberId,
  payloadHash,
  type SignedBytes,
} from '@stoa/schema';
import { Registry } from 'prom-client';
import { createPublisher, type Publisher } from '../market/publisher.ts';
import { type MemoryDirectory, testKey, testSeed } from '../network/testing/memory-directory.ts';
import { createObserver, type Observer, type ObserverOptions } from '../observer.ts';
import { createLogger } from '../telemetry/logger.ts';

const HEARTBEAT_MS = 200;
const STALE_AFTER_MS = 800;
const logger = createLogger('test', 'silent');

/** A member's node in this process, over real sockets. */
export interface RunningNode {
  readonly id: MemberId;
  readonly observer: Observer;
  readonly registry: Registry;
  readonly publisher: Publisher | undefined;
  stop(): Promise<void>;
}

export interface NodeSettings extends Partial<ObserverOptions> {
  /** Whether it publishes as a venue, with heartbeats. */
  readonly publishes?: boolean;
  /** Name of its test key; the member's id unless told. */
  readonly key?: string;
}

/** Starts the node of a member; whoever starts it stops it. */
export async function startNode(
  id: MemberId,
  directory: MemoryDirectory,
  settings: NodeSettings = {},
): Promise<RunningNode> {
  const { publishes = false, key = id, ...options } = settings;
  const registry = new Registry();
  const observer = createObserver(
    {
      ...{ member: id, seed: testSeed(key), listen: ['/ip4/127.0.0.1/tcp/0'], peers: [] },
      staleAfterMs: STALE_AFTER_MS,
      ...options,
    },
    { directory, logger, registry },
  );
  await observer.start();
  let publisher: Publisher | undefined;
  if (publishes) {
    publisher = createPublisher(
      {
        ...{ venue: id, nodeKey: testKey(key), epoch: Date.now(), firm: true },
        ...{ heartbeatMs: HEARTBEAT_MS, staleAfterMs: STALE_AFTER_MS },
      },
      { directory, logger, registry, now: Date.now, broadcast: observer.broadcast },
    );
    publisher.start();
  }
  let stopping: Promise<void> | undefined;
  return {
    ...{ id, observer, registry, publisher },
    stop() {
      publisher?.stop();
      stopping ??= observer.stop();
      return stopping;
    },
  };
}

/** What a node's metric says for some labels. */
export async function metricOf(
  node: RunningNode,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const metric = await node.registry.getSingleMetric(name)?.get();
  return (metric?.values ?? [])
    .filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    .reduce((sum, one) => sum + one.value, 0);
}

/** The state in which a node has a venue's quotes. */
export function feedOf(node: RunningNode, venue: MemberId): string | undefined {
  return node.observer.market.feeds().find((feed) => feed.venue === venue)?.state;
}

/** Signs frames of a venue, each naming the one before it. */
export function frameWriter(venue: MemberId, key = venue, epoch = Date.now()) {
  let sequence = 0;
  let previousHash: Uint8Array = new Uint8Array(32);
  return (entries: readonly Entry[] = []): SignedBytes => {
    sequence += 1;
    const payload = encodeFrame({
      ...{ version: 1, venue, epoch, sequence, sentAtMs: Date.now(), previousHash, entries },
    });
    previousHash = payloadHash(payload);
    return { payload, signature: testKey(key).sign('frame', payload) };
  };
}

/** A print with an id of the test's own. */
export function print(instrument: InstrumentId, executionId: string): Entry {
  return {
    ...{ kind: 'trade', action: 'print', instrument, executionId },
    ...{ price: 100, quantity: 1, executedAtMs: Date.now() },
  };
}
