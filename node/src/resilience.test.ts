import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Entry, encodeSigned, type MemberId } from '@stoa/schema';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type MemoryDirectory,
  memoryDirectory,
  testInstrument,
  testKey,
  testMember,
} from './network/testing/memory-directory.ts';
import { type RawPeer, startRawPeer } from './testing/raw-peer.ts';
import {
  feedOf,
  frameWriter,
  metricOf,
  type NodeSettings,
  print,
  type RunningNode,
  startNode,
} from './testing/running-node.ts';
import { until } from './testing/until.ts';

const instrument = testInstrument(1);
const running: (RunningNode | RawPeer)[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(running.splice(0).map((node) => node.stop()));
});

async function start(
  id: MemberId,
  directory: MemoryDirectory,
  settings: NodeSettings = {},
): Promise<RunningNode> {
  const node = await startNode(id, directory, settings);
  running.push(node);
  return node;
}

/** A venue, a member that listens to it, and one that means harm. */
async function startAttack() {
  const directory = memoryDirectory(['alpha'], ['watcher', 'rogue'], [instrument]);
  const alpha = await start('alpha', directory);
  const peers = alpha.observer.addresses();
  const watcher = await start('watcher', directory, { peers, banMs: 2_000 });
  await until(() => watcher.observer.peers().includes('alpha'));
  const rogue = await startRawPeer('rogue', directory, watcher.observer.addresses());
  running.push(rogue);
  return { directory, alpha, watcher, rogue, say: frameWriter('alpha') };
}

const HONEST_INTERVAL_MS = 10;

/** Publishes a print every 10 ms and gives the sorted delays to the watcher's tape. */
async function measure(
  { alpha, watcher, say }: Awaited<ReturnType<typeof startAttack>>,
  prefix: string,
  count = 60,
): Promise<number[]> {
  const delays: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const trade = `${prefix}-${index}`;
    const sentAtMs = performance.now();
    alpha.observer.broadcast(say([print(instrument.id, trade)]));
    const seen = () => watcher.observer.market.lastTrade(instrument.id)?.executionId === trade;
    while (!seen()) {
      if (performance.now() - sentAtMs > 3_000) throw new Error(`${trade} did not come`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    delays.push(performance.now() - sentAtMs);
    await sleep(HONEST_INTERVAL_MS);
  }
  return delays.sort((one, other) => one - other);
}

/** Sends ten messages for each honest frame until stopped; `next` gives each message. */
function flood(rogue: RawPeer, next: (count: number) => Uint8Array): () => number {
  let sent = 0;
  const timer = setInterval(() => {
    for (let index = 0; index < 10; index += 1) {
      if (rogue.links.to('watcher')?.send(next(sent))) sent += 1;
    }
  }, HONEST_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    return sent;
  };
}

const offences = (node: RunningNode, code: string) =>
  metricOf(node, 'stoa_peer_offences_total', { member: 'rogue', code });

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
function bytesUsed(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('a flood at ten times the honest rate', () => {
  it.each<[string, string, () => (count: number) => Uint8Array]>([
    ['garbage', 'SIGNED_MALFORMED', () => (count) => Buffer.alloc(400, count % 251)],
    [
      'forged frames',
      'SIGNATURE_INVALID',
      () => {
        const forge = frameWriter('alpha', 'rogue');
        return () => encodeSigned(forge());
      },
    ],
    ['oversize messages', 'FRAME_TOO_LARGE', () => () => Buffer.alloc(70_000)],
  ])('of %s gets its sender banned, and honest frames flow', async (_what, code, messages) => {
    const attack = await startAttack();
    const calm = await measure(attack, 'calm');
    const stop = flood(attack.rogue, messages());
    const stormy = await measure(attack, 'storm');
    // Streams that are reset take a moment to be opened again: ten oversize messages take seconds.
    await until(async () => (await metricOf(attack.watcher, 'stoa_peers_banned')) === 1);
    expect(attack.watcher.observer.peers()).toEqual(['alpha']);
    stop();
    expect(await offences(attack.watcher, code)).toBeGreaterThanOrEqual(10);
    expect(stormy[30]).toBeLessThan(5 * (calm[30] ?? 0) + 5);
    expect(feedOf(attack.watcher, 'alpha')).toBe('live');
    // A ban is no sentence for life: a node that was repaired comes back.
    await until(() => attack.watcher.observer.peers().includes('rogue'), 6_000);
  });

  it('of replays is nobody’s offence, waits for its turn, and takes no memory', async () => {
    const attack = await startAttack();
    await measure(attack, 'warm', 20);
    const old = attack.say([print(instrument.id, 'old')]);
    attack.alpha.observer.broadcast(old);
    const calm = await measure(attack, 'calm');
    const before = bytesUsed();
    const replay = encodeSigned(old);
    const stop = flood(attack.rogue, () => replay);
    const stormy = await measure(attack, 'storm', 150);
    expect(stop()).toBeGreaterThan(500);
    expect(stormy[75]).toBeLessThan(5 * (calm[30] ?? 0) + 5);
    expect(bytesUsed() - before).toBeLessThan(50 * 1_048_576);
    expect(await metricOf(attack.watcher, 'stoa_peer_offences_total')).toBe(0);
    expect(attack.watcher.observer.peers().sort()).toEqual(['alpha', 'rogue']);
    expect(attack.watcher.observer.proofs()).toEqual([]);
  });

  it('of genuine frames out of order costs nobody anything', async () => {
    const attack = await startAttack();
    const calm = await measure(attack, 'calm', 30);
    const seen: Uint8Array[] = [];
    const stop = flood(attack.rogue, (count) => {
      // Whatever the venue has said so far, back to front.
      const at = seen.length - 1 - (count % Math.max(1, seen.length));
      return seen[at] ?? encodeSigned(first);
    });
    const first = attack.say();
    attack.alpha.observer.broadcast(first);
    const { say } = attack;
    const recording = {
      ...attack,
      say: (entries: Parameters<typeof say>[0]) => {
        const frame = say(entries);
        seen.push(encodeSigned(frame));
        // The rogue may be quicker than the venue.
        attack.rogue.links.to('watcher')?.send(encodeSigned(frame));
        return frame;
      },
    };
    const stormy = await measure(recording, 'storm', 60);
    stop();
    expect(stormy[30]).toBeLessThan(5 * (calm[15] ?? 0) + 5);
    expect(await metricOf(attack.watcher, 'stoa_peer_offences_total')).toBe(0);
    expect(attack.watcher.observer.proofs()).toEqual([]);
    expect(feedOf(attack.watcher, 'alpha')).toBe('live');
  });
});

describe('an observer', () => {
  it('listens, and is banned for what it publishes', async () => {
    const directory = memoryDirectory(['alpha'], ['watcher'], [instrument]);
    const alpha = await start('alpha', directory, { publishes: true });
    const watcher = await start('watcher', directory, { peers: alpha.observer.addresses() });
    await until(() => feedOf(watcher, 'alpha') === 'live');
    const say = frameWriter('watcher');
    watcher.observer.broadcast(say());
    await until(
      async () =>
        (await metricOf(alpha, 'stoa_frames_judged_total', { code: 'NOT_A_VENUE' })) === 1,
    );
    expect(alpha.observer.peers()).toEqual(['watcher']);
    for (let count = 0; count < 12; count += 1) watcher.observer.broadcast(say());
    await until(() => alpha.observer.peers().length === 0);
    expect(alpha.observer.market.feeds().map(({ venue }) => venue)).toEqual(['alpha']);
  });
});

describe('a member that changes its key', () => {
  it('is heard without a gap, under either key, while both count', async () => {
    const directory = memoryDirectory(['alpha'], ['watcher'], [instrument]);
    const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;
    const [oldKey, newKey] = [testKey('alpha').publicKey, testKey('alpha-new').publicKey];
    const admit = (oldEnds: number) =>
      directory.setMember({
        ...testMember('alpha', 'venue'),
        nodeKeys: [
          { key: oldKey, validFrom: 0, validTo: oldEnds },
          { key: newKey, validFrom: 0, validTo: 0 },
        ],
      });
    admit(0);
    const before = await start('alpha', directory, { publishes: true });
    const watcher = await start('watcher', directory, { peers: before.observer.addresses() });
    await until(() => feedOf(watcher, 'alpha') === 'live');
    const states = new Set<string | undefined>();
    const watching = setInterval(() => states.add(feedOf(watcher, 'alpha')), 5);

    // The new node dials: its address is not known to the others.
    const peers = watcher.observer.addresses();
    const after = await start('alpha', directory, { publishes: true, key: 'alpha-new', peers });
    const epoch = () => watcher.observer.market.feeds()[0]?.epoch ?? 0;
    const oldEpoch = epoch();
    await until(() => epoch() > oldEpoch);
    const [listen = ''] = before.observer.addresses();
    await before.stop();
    admit(inSeconds(-1));
    await sleep(600);
    clearInterval(watching);
    expect([...states]).toEqual(['live']);
    expect(await metricOf(watcher, 'stoa_frames_judged_total', { verdict: 'reject' })).toBe(0);

    // And at the old address the new key is expected.
    await after.stop();
    await until(() => watcher.observer.peers().length === 0);
    await start('alpha', directory, {
      ...{ publishes: true, key: 'alpha-new', listen: [listen.split('/p2p/')[0] ?? ''] },
    });
    await until(() => watcher.observer.peers().includes('alpha'));
  });

  it('is not heard under a key whose time is over, and its connection ends', async () => {
    const directory = memoryDirectory(['alpha'], ['watcher'], [instrument]);
    const alpha = await start('alpha', directory, { publishes: true });
    const watcher = await start('watcher', directory, { peers: alpha.observer.addresses() });
    await until(() => feedOf(watcher, 'alpha') === 'live');
    const validTo = Math.floor(Date.now() / 1_000) + 1;
    directory.setMember({
      ...testMember('alpha', 'venue'),
      nodeKeys: [{ key: testKey('alpha').publicKey, validFrom: 0, validTo }],
    });
    expect(await until(() => watcher.observer.peers().length === 0)).toBeLessThan(4_000);
  });
});

describe('a peer that is stalled', () => {
  it('costs bounded memory, and is back within a second of its return', async () => {
    const directory = memoryDirectory(['alpha'], ['watcher'], [instrument]);
    const alpha = await start('alpha', directory);
    const script = new URL('./testing/watcher-process.ts', import.meta.url).pathname;
    const [address = ''] = alpha.observer.addresses();
    const child = spawn(process.execPath, [script, 'watcher', 'alpha', address], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');
    await until(() => alpha.observer.peers().includes('watcher'));

    const reason = 'x'.repeat(250);
    const status: Entry = {
      ...{
        kind: 'status',
        instrument: instrument.id,
        state: 'trading',
        authority: 'venue',
        reason,
      },
    };
    const frame = frameWriter('alpha')(Array<Entry>(200).fill(status));
    alpha.observer.broadcast(frame);
    const before = bytesUsed();
    child.kill('SIGSTOP');
    // 80 MB, which would all be held for it were there no bound.
    for (let count = 0; count < 1_500; count += 1) {
      alpha.observer.broadcast(frame);
      if (count % 50 === 0) await sleep(1);
    }
    expect(alpha.observer.peers()).toEqual(['watcher']);
    expect(bytesUsed() - before).toBeLessThan(40 * 1_048_576);
    await until(() => alpha.observer.peers().length === 0, 10_000);
    child.kill('SIGCONT');
    // Within a second on a machine that is not busy.
    expect(await until(() => alpha.observer.peers().includes('watcher'))).toBeLessThan(2_000);
  });
});
