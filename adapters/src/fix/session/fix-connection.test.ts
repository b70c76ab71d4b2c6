import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixMessage } from '../testing/fix-text.ts';
import { canMakeCertificates, testCertificates } from '../testing/test-certificates.ts';
import { timestampText } from '../wire/utc-timestamp.ts';
import { FixAcceptor, type FixAcceptorOptions } from './fix-acceptor.ts';
import { type FixHost, FixInitiator, type FixInitiatorOptions } from './fix-initiator.ts';
import { SessionRunner } from './session-runner.ts';
import { SESSION_LIMITS, type SessionSettings } from './session-settings.ts';
import { SessionStore } from './session-store.ts';

const BASE: Omit<SessionSettings, 'role' | 'senderCompId' | 'targetCompId'> = {
  ...{ beginString: 'FIX.4.4', heartbeatSeconds: 30, resetOnLogon: false },
  ...{ maxClockSkewMs: 120_000, resendChunk: 0, logonFields: [] },
};
const LOCAL = '127.0.0.1';

interface Side {
  readonly runner: SessionRunner;
  readonly store: SessionStore;
  readonly said: string[];
  readonly notices: string[];
}

describe('sessions over sockets', () => {
  let folder: string;
  const ends: (() => unknown)[] = [];
  beforeEach(() => {
    folder = fs.mkdtempSync(join(os.tmpdir(), 'stoa-fix-link-'));
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    fs.rmSync(folder, { recursive: true });
  });

  function side(role: 'initiator' | 'acceptor', name: string, limits = SESSION_LIMITS): Side {
    const ours = role === 'initiator' ? 'A' : 'B';
    const said: string[] = [];
    const notices: string[] = [];
    const store = new SessionStore({
      ...{ path: join(folder, `${name}.log`), durability: 'page-cache', nowMs: Date.now },
    });
    const runner: SessionRunner = new SessionRunner(
      { ...BASE, role, senderCompId: ours, targetCompId: ours === 'A' ? 'B' : 'A' },
      limits,
      {
        ...{ store, nowMs: Date.now, onEstablished: () => undefined, onDown: () => undefined },
        onMessage: ({ fields, seq }) => {
          said.push(fields.text(58) ?? '');
          runner.acknowledge({ seq, numbering: runner.numbering });
        },
        onNotice: ({ code, text }) => notices.push(`${code} ${text}`),
      },
    );
    ends.push(() => runner.close());
    return { runner, store, said, notices };
  }

  async function acceptorFor(
    { runner, notices }: Side,
    more: Partial<FixAcceptorOptions> = {},
  ): Promise<FixHost> {
    const acceptor = new FixAcceptor(
      {
        ...{
          host: LOCAL,
          port: 0,
          maxConnections: 10,
          logonTimeoutMs: 2_000,
          maxLogonBytes: 4_096,
        },
        ...more,
      },
      {
        admit: async (logon) => (logon.text(49) === 'A' ? runner : 'no such company'),
        onNotice: ({ code, text }) => notices.push(`${code} ${text}`),
      },
    );
    ends.push(() => acceptor.close());
    return { host: LOCAL, port: await acceptor.listen() };
  }

  function initiator(one: Side, options: FixInitiatorOptions): FixInitiator {
    const made = new FixInitiator(
      { firstRetryMs: 20, lastRetryMs: 100, ...options },
      {
        ...{ runner: one.runner, begunAtMs: () => one.store.begunAtMs, nowMs: Date.now },
        ...{ onConnecting: () => undefined, onConnected: () => undefined },
        onNotice: ({ code, text }) => one.notices.push(`${code} ${text}`),
      },
    );
    made.start();
    ends.push(() => made.abort());
    return made;
  }

  const up = (one: Side): Promise<void> =>
    expect.poll(() => one.runner.isUp, { timeout: 5_000 }).toBe(true);

  it('log on, say what they have to say, and log out', async () => {
    const [a, b] = [side('initiator', 'a'), side('acceptor', 'b')];
    const made = initiator(a, { hosts: [await acceptorFor(b)] });
    await up(a);
    a.runner.send('B', (writer) => writer.text(58, 'hello'));
    expect(await a.runner.ping()).toBe(true);
    expect(b.said).toEqual(['hello']);
    await made.stop();
    expect(b.runner.isUp).toBe(false);
    expect(b.notices.at(-1)).toContain('LOGGED_OUT');
  });

  it('go on with their numbers in a new process, and repeat what was said meanwhile', async () => {
    const [a, b] = [side('initiator', 'a'), side('acceptor', 'b')];
    const host = await acceptorFor(b);
    const first = initiator(a, { hosts: [host] });
    await up(a);
    first.abort();
    a.runner.close();
    await expect.poll(() => b.runner.isConnected).toBe(false);
    b.runner.send('B', (writer) => writer.text(58, 'meanwhile'));
    const again = side('initiator', 'a');
    initiator(again, { hosts: [host] });
    await expect.poll(() => again.said, { timeout: 5_000 }).toEqual(['meanwhile']);
    expect(again.store.nextIn).toBeGreaterThan(2);
  });

  it('go to the next host when one does not answer, and begin again with the first', async () => {
    const [a, b] = [side('initiator', 'a'), side('acceptor', 'b')];
    const closed = net.createServer();
    await new Promise<void>((resolve) => closed.listen(0, LOCAL, resolve));
    const { port } = closed.address() as net.AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    initiator(a, { hosts: [{ host: LOCAL, port }, await acceptorFor(b)] });
    await up(a);
    expect(a.notices.join()).toContain('ECONNREFUSED');
    a.runner.cut();
    await expect.poll(() => a.runner.isUp).toBe(false);
    await up(a);
  });

  it('refuse a second connection under the same name, and keep the first', async () => {
    const [a, b] = [side('initiator', 'a'), side('acceptor', 'b')];
    const host = await acceptorFor(b);
    initiator(a, { hosts: [host] });
    await up(a);
    const second = net.connect(host);
    ends.push(() => second.destroy());
    const logon = `35=A|49=A|56=B|34=1|52=${timestampText(Date.now())}|98=0|108=30`;
    second.write(fixMessage(logon, 'FIX.4.4'));
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      second.on('data', (chunk) => (text += chunk.toString()));
      second.on('close', () => resolve(text));
    });
    expect(answer).toBe('');
    expect(b.notices.at(-1)).toContain('has a connection already');
    expect(a.runner.isUp).toBe(true);
  });

  it.each([
    ['noise', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['another first message', fixMessage('35=0|49=A|56=B|34=1', 'FIX.4.4')],
    ['an unknown company', fixMessage('35=A|49=Z|56=B|34=1', 'FIX.4.4')],
    ['more than a Logon', Buffer.alloc(10_000, 65)],
  ])('tell nothing to who begins with %s', async (_about, bytes) => {
    const b = side('acceptor', 'b');
    const stranger = net.connect(await acceptorFor(b));
    ends.push(() => stranger.destroy());
    stranger.on('error', () => undefined);
    stranger.write(bytes);
    let answer = '';
    stranger.on('data', (chunk) => (answer += chunk.toString()));
    await new Promise((resolve) => stranger.on('close', resolve));
    expect(answer).toBe('');
    expect(b.notices.at(-1)).toContain('LOGON_REFUSED');
  });

  it('end a connection whose peer does not read, and say so', async () => {
    const limits = { ...SESSION_LIMITS, maxUnreadBytes: 100_000 };
    const b = side('acceptor', 'b', limits);
    const peer = net.connect(await acceptorFor(b));
    ends.push(() => peer.destroy());
    const logon = `35=A|49=A|56=B|34=1|52=${timestampText(Date.now())}|98=0|108=30`;
    peer.write(fixMessage(logon, 'FIX.4.4'));
    await up(b);
    peer.pause();
    const text = 'x'.repeat(1_000);
    for (let one = 0; one < 20_000 && b.runner.isConnected; one += 1) {
      b.runner.send('B', (writer) => writer.text(58, text));
      if (one % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(b.notices.join()).toContain('PEER_NOT_READING');
  });

  it.skipIf(!canMakeCertificates())(
    'are encrypted where they are to be, and trust nobody unknown',
    async () => {
      const { ca, cert, key } = testCertificates(folder);
      const [a, b] = [side('initiator', 'a'), side('acceptor', 'b')];
      const host = await acceptorFor(b, { tls: { cert, key, ca } });
      const made = initiator(a, { hosts: [host], tls: { serverName: 'localhost' } });
      await expect
        .poll(() => a.notices.join(), { timeout: 5_000 })
        .toMatch(/certificate|self.signed/i);
      made.abort();
      const c = side('initiator', 'c');
      initiator(c, { hosts: [host], tls: { ca, cert, key, serverName: 'localhost' } });
      await up(c);
      c.runner.send('B', (writer) => writer.text(58, 'secret'));
      expect(await c.runner.ping()).toBe(true);
      expect(b.said).toEqual(['secret']);
    },
  );

  it('connect only within their hours, and begin numbers anew with each session', async () => {
    const [a, b] = [side('initiator', 'a'), side('acceptor', 'b')];
    for (const { store } of [a, b]) {
      store.sent(7, undefined);
      store.received(9);
    }
    const begunAtMs = Date.parse('2026-01-05T00:00:00Z');
    const hours = { timeZone: 'UTC', start: '00:00', end: '00:00', days: [1, 2, 3, 4, 5, 6, 7] };
    const fresh = side('initiator', 'a-of-today');
    fresh.store.sent(7, undefined);
    const opened = new FixInitiator(
      { hosts: [await acceptorFor(b)], schedule: hours, firstRetryMs: 20 },
      {
        ...{ runner: fresh.runner, begunAtMs: () => begunAtMs, nowMs: Date.now },
        ...{ onConnecting: () => undefined, onConnected: () => undefined },
        onNotice: () => undefined,
      },
    );
    b.runner.reset();
    opened.start();
    ends.push(() => opened.abort());
    await up(fresh);
    expect([fresh.store.nextOut, b.store.nextOut]).toEqual([2, 2]);
    expect(a.runner.isConnected).toBe(false);
  });
});
