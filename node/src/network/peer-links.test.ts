import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { until } from '../testing/until.ts';
import { createAdmission } from './admission.ts';
import { createHost, type Host } from './host.ts';
import { createPeerLinks, type PeerLink, type PeerLinks } from './peer-links.ts';
import { memoryDirectory, testKey, testSeed } from './testing/memory-directory.ts';

const logger = createLogger('test', 'silent');
const directory = memoryDirectory(['alpha', 'beta'], [], []);
const BOUNDS = { protocol: '/test/1', maxMessageBytes: 65_536, maxBufferedBytes: 1_048_576 };

interface End {
  readonly host: Host;
  readonly links: PeerLinks;
  readonly received: Uint8Array[];
  readonly events: string[];
}

const ends: End[] = [];
afterEach(async () => {
  for (const { links } of ends) links.stop();
  await Promise.all(ends.splice(0).map(({ host }) => host.stop()));
});

async function start(name: string, peers: readonly string[]): Promise<End> {
  const registry = new Registry();
  const admission = createAdmission(testKey(name).publicKey, {
    ...{ directory, logger, registry, now: Date.now },
  });
  const listen = ['/ip4/127.0.0.1/tcp/0'];
  const host = createHost(
    { seed: testSeed(name), listen, peers },
    { admission, directory, logger, registry },
  );
  const received: Uint8Array[] = [];
  const events: string[] = [];
  const links = createPeerLinks(BOUNDS, {
    ...{ host, logger },
    onMessage: (_link, message) => received.push(message),
    onLink: (link, up) => events.push(`${link.peer.member} ${up ? 'up' : 'down'}`),
  });
  await host.start();
  const end = { host, links, received, events };
  ends.push(end);
  return end;
}

async function startPair(): Promise<[End, End, PeerLink, PeerLink]> {
  const alpha = await start('alpha', []);
  const beta = await start('beta', alpha.host.addresses());
  await until(() => !!alpha.links.to('beta') && !!beta.links.to('alpha'));
  return [alpha, beta, linkOf(alpha, 'beta'), linkOf(beta, 'alpha')];
}

function linkOf(end: End, member: string): PeerLink {
  const link = end.links.to(member);
  if (!link) throw new Error(`no link to ${member}`);
  return link;
}

describe('the link between two nodes', () => {
  it('is one stream, whoever dialled, and carries messages both ways in order', async () => {
    const [alpha, beta, toBeta, toAlpha] = await startPair();
    for (const text of ['one', '', 'three']) expect(toBeta.send(Buffer.from(text))).toBe(true);
    toAlpha.send(Buffer.from('back'));
    await until(() => beta.received.length === 3 && alpha.received.length === 1);
    expect(beta.received.map(String)).toEqual(['one', '', 'three']);
    expect([alpha.events, beta.events]).toEqual([['beta up'], ['alpha up']]);
    expect([alpha.links.all().length, beta.links.all().length]).toEqual([1, 1]);
  });

  it('takes nothing more for a reader that has stopped, and loses nothing it took', async () => {
    const [, beta, toBeta, toAlpha] = await startPair();
    toAlpha.pause();
    const message = Buffer.alloc(16_384, 7);
    let taken = 0;
    while (toBeta.send(message)) {
      taken += 1;
      // The bound, and what the socket and the stream's window hold besides.
      if (taken * message.length > 32 * 1_048_576) throw new Error('unbounded');
      if (taken % 8 === 0) await sleep(1);
    }
    expect(taken * message.length).toBeGreaterThan(BOUNDS.maxBufferedBytes / 2);
    toAlpha.resume();
    await until(() => beta.received.length === taken);
    expect(toBeta.send(message)).toBe(true);
  });

  it('is opened again when it breaks, within a second, and told to both sides', async () => {
    const [alpha, beta, toBeta] = await startPair();
    toBeta.abort(new Error('broken by the test'));
    await until(() => beta.events.length === 3 && alpha.events.length === 3);
    expect([alpha.events, beta.events]).toEqual([
      ['beta up', 'beta down', 'beta up'],
      ['alpha up', 'alpha down', 'alpha up'],
    ]);
    expect(toBeta.send(Buffer.from('late'))).toBe(false);
    linkOf(alpha, 'beta').send(Buffer.from('again'));
    await until(() => beta.received.length === 1);
  });

  it('is reset by a message beyond the maximum', async () => {
    const [alpha, beta, toBeta] = await startPair();
    toBeta.send(Buffer.alloc(BOUNDS.maxMessageBytes + 1));
    await until(() => alpha.events.length === 3);
    expect(beta.received).toEqual([]);
  });
});
