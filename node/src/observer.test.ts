import { setTimeout as sleep } from 'node:timers/promises';
import type { VenueMarketEvent } from '@stoa/adapters';
import { encodeFrame, type InstrumentId, type MemberId, payloadHash } from '@stoa/schema';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { createPublisher, type Publisher } from './market/publisher.ts';
import {
  type MemoryDirectory,
  memoryDirectory,
  testInstrument,
  testKey,
  testMember,
  testSeed,
} from './network/testing/memory-directory.ts';
import { createObserver, type Observer } from './observer.ts';
import { createLogger } from './telemetry/logger.ts';
import { until } from './testing/until.ts';

const HEARTBEAT_MS = 200;
const STALE_AFTER_MS = 800;
const instruments = [testInstrument(1), testInstrument(2)];
const first = testInstrument(1).id;
const logger = createLogger('test', 'silent');

interface RunningNode {
  readonly id: MemberId;
  readonly observer: Observer;
  readonly registry: Registry;
  readonly publisher: Publisher | undefined;
  stop(): Promise<void>;
}

const running: RunningNode[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()));
});

async function startNode(
  id: MemberId,
  directory: MemoryDirectory,
  options: { peers?: readonly string[]; listen?: string; publishes?: boolean; key?: string } = {},
): Promise<RunningNode> {
  const registry = new Registry();
  const observer = createObserver(
    {
      member: id,
      seed: testSeed(options.key ?? id),
      listen: [options.listen ?? '/ip4/127.0.0.1/tcp/0'],
      peers: options.peers ?? [],
      staleAfterMs: STALE_AFTER_MS,
    },
    { directory, logger, registry },
  );
  await observer.start();
  let publisher: Publisher | undefined;
  if (options.publishes ?? true) {
    publisher = createPublisher(
      {
        ...{ venue: id, nodeKey: testKey(id), epoch: Date.now(), firm: true },
        ...{ heartbeatMs: HEARTBEAT_MS, staleAfterMs: STALE_AFTER_MS },
      },
      { directory, logger, registry, now: Date.now, broadcast: observer.broadcast },
    );
    publisher.start();
  }
  let stopping: Promise<void> | undefined;
  const node: RunningNode = {
    ...{ id, observer, registry, publisher },
    stop() {
      publisher?.stop();
      stopping ??= observer.stop();
      return stopping;
    },
  };
  running.push(node);
  return node;
}

/** Four nodes that all know each other: three venues and an observer. */
async function startNetwork(): Promise<{ directory: MemoryDirectory; nodes: RunningNode[] }> {
  const directory = memoryDirectory(['alpha', 'beta', 'gamma'], ['watcher', 'late'], instruments);
  const nodes: RunningNode[] = [];
  for (const id of ['alpha', 'beta', 'gamma', 'watcher']) {
    const peers = nodes.flatMap((node) => node.observer.addresses());
    nodes.push(await startNode(id, directory, { peers, publishes: id !== 'watcher' }));
  }
  await until(() => nodes.every((node) => node.observer.peers().length === 3), 10_000);
  return { directory, nodes };
}

function book(instrument: InstrumentId, bid: number, offer: number): VenueMarketEvent {
  const bids = [{ price: bid, quantity: 10 }];
  return { kind: 'book', instrument, bids, offers: [{ price: offer, quantity: 10 }] };
}

function stateOf(node: RunningNode, venue: MemberId): string | undefined {
  return node.observer.market.feeds().find((feed) => feed.venue === venue)?.state;
}

async function judged(node: RunningNode, code: string): Promise<number> {
  const metric = await node.registry.getSingleMetric('stoa_frames_judged_total')?.get();
  return metric?.values.find((one) => one.labels['code'] === code)?.value ?? 0;
}

async function refusedInbound(node: RunningNode): Promise<number> {
  const metric = await node.registry.getSingleMetric('stoa_connections_refused_total')?.get();
  return metric?.values.find((one) => one.labels['direction'] === 'inbound')?.value ?? 0;
}

function nodeOf(nodes: readonly RunningNode[], id: MemberId): RunningNode {
  const found = nodes.find((node) => node.id === id);
  if (!found) throw new Error(`no node ${id}`);
  return found;
}

describe('a network of four nodes', () => {
  it('shows every venue its quotes at every node, and loses the one that stops', async () => {
    const { nodes } = await startNetwork();
    nodeOf(nodes, 'alpha').publisher?.deliver([book(first, 99, 103)]);
    nodeOf(nodes, 'beta').publisher?.deliver([book(first, 100, 104)]);
    nodeOf(nodes, 'gamma').publisher?.deliver([book(first, 98, 102)]);
    const isWhole = (node: RunningNode) => {
      const { bids, offers } = node.observer.market.book(first);
      return bids.length === 3 && bids[0]?.price === 100 && offers[0]?.price === 102;
    };
    await until(() => nodes.every(isWhole));
    expect(nodes.map((node) => stateOf(node, 'alpha'))).toEqual(['live', 'live', 'live', 'live']);

    await nodeOf(nodes, 'beta').stop();
    const others = nodes.filter((node) => node.id !== 'beta');
    const tookMs = await until(() => others.every((node) => stateOf(node, 'beta') === 'stale'));
    expect(tookMs).toBeLessThan(STALE_AFTER_MS + 1_000);
    expect(others.map((node) => node.observer.market.book(first).bids[0]?.price)).toEqual([
      99, 99, 99,
    ]);
  });

  it('refuses a stranger, and a frame that a stranger signed whoever brings it', async () => {
    const { directory, nodes } = await startNetwork();
    const peers = nodes.flatMap((node) => node.observer.addresses());
    const stranger = await startNode('stranger', directory, { peers, publishes: false });

    const payload = encodeFrame({
      ...{ version: 1, venue: 'alpha', epoch: Date.now(), sequence: 1, sentAtMs: Date.now() },
      previousHash: new Uint8Array(32),
      entries: [],
    });
    const signature = testKey('stranger').sign('frame', payload);
    nodeOf(nodes, 'watcher').observer.broadcast({ payload, signature });
    for (const node of nodes) {
      while ((await judged(node, 'SIGNATURE_INVALID')) === 0) await sleep(5);
    }
    await until(() => nodes.every((node) => stateOf(node, 'alpha') === 'live'));
    for (const node of nodes) {
      while ((await refusedInbound(node)) === 0) await sleep(5);
    }
    expect(stranger.observer.peers()).toEqual([]);
    expect(nodes.map((node) => node.observer.peers().length)).toEqual([3, 3, 3, 3]);
    expect(nodes.map((node) => stateOf(node, 'alpha'))).toEqual(['live', 'live', 'live', 'live']);
  });

  it('gives a late joiner the whole market, even from a peer that is no venue', async () => {
    const { directory, nodes } = await startNetwork();
    for (const [index, venue] of ['alpha', 'beta', 'gamma'].entries()) {
      const events = instruments.map(({ id }) => book(id, 90 + index, 110 + index));
      nodeOf(nodes, venue).publisher?.deliver(events);
    }
    nodeOf(nodes, 'gamma').publisher?.deliver([
      { kind: 'trading-status', instrument: first, state: 'halted', reason: 'news' },
    ]);
    await until(() => nodeOf(nodes, 'watcher').observer.market.book(first).bids.length === 2);

    const peers = nodeOf(nodes, 'watcher').observer.addresses();
    const late = await startNode('late', directory, { peers, publishes: false });
    const isWhole = () => {
      const books = instruments.map(({ id }) => late.observer.market.book(id));
      return books[0]?.bids.length === 2 && books[1]?.bids.length === 3;
    };
    expect(await until(isWhole)).toBeLessThan(2_000);
    expect(late.observer.peers()).toEqual(['watcher']);
    const halted = late.observer.market.book(first).venues.find(({ venue }) => venue === 'gamma');
    expect(halted).toMatchObject({ halted: true, haltReason: 'news', state: 'live' });
  });

  it('takes a venue that starts again with its new epoch, within a second', async () => {
    const { directory, nodes } = await startNetwork();
    const alpha = nodeOf(nodes, 'alpha');
    alpha.publisher?.deliver([book(first, 99, 103)]);
    const others = nodes.filter((node) => node.id !== 'alpha');
    await until(() => others.every((node) => node.observer.market.book(first).bids.length === 1));
    const [listen = ''] = alpha.observer.addresses();
    await alpha.stop();
    await sleep(300);

    const peers = others.flatMap((node) => node.observer.addresses());
    const again = await startNode('alpha', directory, {
      peers,
      listen: listen.split('/p2p/')[0] ?? '',
    });
    again.publisher?.deliver([book(first, 97, 105)]);
    const sees = (node: RunningNode) => node.observer.market.book(first).bids[0]?.price === 97;
    expect(await until(() => others.every(sees))).toBeLessThan(1_000);
    expect(others.map((node) => stateOf(node, 'alpha'))).toEqual(['live', 'live', 'live']);
  });

  it('closes the connections of a member that is suspended', async () => {
    const { directory, nodes } = await startNetwork();
    directory.setMember({ ...testMember('gamma', 'venue'), status: 'suspended' });
    await until(() => nodeOf(nodes, 'gamma').observer.peers().length === 0, 2_000);
    expect(
      nodeOf(nodes, 'alpha')
        .observer.market.feeds()
        .map(({ venue }) => venue),
    ).toEqual(['alpha', 'beta']);
  });

  it('carries order messages both ways, in order, and says which links stand', async () => {
    const { nodes } = await startNetwork();
    const [alpha, beta] = [nodeOf(nodes, 'alpha').observer, nodeOf(nodes, 'beta').observer];
    await until(() => alpha.links.connected().length === 3 && beta.links.connected().length === 3);
    const heard: string[] = [];
    beta.links.onMessage(async (member, bytes) => {
      // The first takes longest: the others wait for it.
      await sleep(heard.length === 0 ? 50 : 1);
      heard.push(`${member} ${Buffer.from(bytes).toString()}`);
    });
    const links: string[] = [];
    beta.links.onLink((member, up) => links.push(`${member} ${up}`));
    for (const text of ['one', 'two', 'three']) {
      expect(alpha.links.send('beta', Buffer.from(text))).toBe(true);
    }
    expect(alpha.links.send('nobody', Buffer.from('lost'))).toBe(false);
    await until(() => heard.length === 3);
    expect(heard).toEqual(['alpha one', 'alpha two', 'alpha three']);
    await nodeOf(nodes, 'alpha').stop();
    await until(() => links.includes('alpha false'));
    expect(links.slice(0, 3).sort()).toEqual(['alpha true', 'gamma true', 'watcher true']);
  });

  it('resets the link when a message cannot be handled, so that both sides begin anew', async () => {
    const { nodes } = await startNetwork();
    const [alpha, beta] = [nodeOf(nodes, 'alpha').observer, nodeOf(nodes, 'beta').observer];
    await until(() => alpha.links.connected().includes('beta'));
    const heard: string[] = [];
    beta.links.onMessage(async (_member, bytes) => {
      heard.push(Buffer.from(bytes).toString());
      if (heard.length === 1) throw new Error('the database is away');
    });
    const links: string[] = [];
    alpha.links.onLink((member, up) => links.push(`${member} ${up}`));
    alpha.links.send('beta', Buffer.from('one'));
    alpha.links.send('beta', Buffer.from('two'));
    await until(() => links.filter((link) => link === 'beta true').length === 2);
    expect(heard).toEqual(['one']);
    alpha.links.send('beta', Buffer.from('one again'));
    await until(() => heard.length === 2);
  });

  it('stops within a second, with every stream open', async () => {
    const { nodes } = await startNetwork();
    const start = performance.now();
    await Promise.all(nodes.map((node) => node.stop()));
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

describe('a peer that was cut off', () => {
  it('fetches every frame it missed, trades and all, and the venue is live again', async () => {
    const directory = memoryDirectory(['alpha'], ['watcher'], instruments);
    const alpha = await startNode('alpha', directory, { publishes: false });
    const peers = alpha.observer.addresses();
    const watcher = await startNode('watcher', directory, { peers, publishes: false });
    const say = frameWriter('alpha');
    const isLinked = () => alpha.observer.links.connected().length === 1;

    await until(isLinked);
    alpha.observer.broadcast(say('t-1'));
    await until(() => stateOf(watcher, 'alpha') === 'live');
    directory.setMember({ ...testMember('watcher', 'observer'), status: 'suspended' });
    await until(() => !isLinked());
    for (const trade of ['t-2', 't-3', 't-4', 't-5']) alpha.observer.broadcast(say(trade));
    directory.setMember(testMember('watcher', 'observer'));
    await until(isLinked);
    alpha.observer.broadcast(say('t-6'));

    await until(() => watcher.observer.market.lastTrade(first)?.executionId === 't-6');
    await until(() => stateOf(watcher, 'alpha') === 'live');
    expect(await judged(watcher, 'OK')).toBe(6);
  });
});

/** Signs frames of one trade each, as a venue does. */
function frameWriter(venue: MemberId) {
  const epoch = Date.now();
  let sequence = 0;
  let previousHash: Uint8Array = new Uint8Array(32);
  return (executionId: string) => {
    sequence += 1;
    const payload = encodeFrame({
      ...{ version: 1, venue, epoch, sequence, sentAtMs: Date.now(), previousHash },
      entries: [
        {
          ...{ kind: 'trade', action: 'print', instrument: first, executionId },
          ...{ price: 100, quantity: 1, executedAtMs: Date.now() },
        },
      ],
    });
    previousHash = payloadHash(payload);
    return { payload, signature: testKey(venue).sign('frame', payload) };
  };
}
