import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canMakeCertificates, testCertificates } from '@stoa/adapters/testing/test-certificates';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../orders/testing/test-network.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { EntryWorld, type EntryWorldOptions } from './testing/entry-world.ts';
import { MemberClient, type MemberClientOptions } from './testing/member-client.ts';

let databases: TemporaryDatabases;
let folder: string;
let world: EntryWorld;
let said: { readonly code?: string; readonly text?: string }[];
const clients: MemberClient[] = [];

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-fix-entry-'));
  said = [];
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.kill();
  await world.close();
  rmSync(folder, { recursive: true });
});

async function open(options: Partial<EntryWorldOptions> = {}): Promise<void> {
  const write = (line: string): void => void said.push(JSON.parse(line) as (typeof said)[number]);
  const logger = pino({ level: 'warn' }, { write });
  world = await EntryWorld.open({
    url: await databases.empty('alpha'),
    folder,
    logger,
    ...options,
  });
}

function start(options: Partial<MemberClientOptions> = {}): MemberClient {
  const client = new MemberClient({ folder, port: world.port, ...options }).start();
  clients.push(client);
  return client;
}

/** The operator reads why. */
async function operatorReads(text: string): Promise<void> {
  await until(() => said.some((line) => line.text?.includes(text) === true));
}

describe('a logon', () => {
  it.each([
    ['of a company id that nobody agreed on', { compId: 'STRANGER' }, 'no session has these'],
    ['to another company', { settings: { targetCompId: 'BETA' } }, 'no session has these'],
    ['with the wrong password', { settings: { password: 'open barley' } }, 'password is wrong'],
    ['in another version', { beginString: 'FIX.4.2' }, 'does not speak FIX.4.4'],
  ] as const)('%s is not answered, and the operator reads why', async (_what, options, reason) => {
    await open();
    const client = start(options);
    await operatorReads(reason);
    expect(client.runner.isUp).toBe(false);
    expect(client.told).toEqual([]);
  });

  it('from an address that is not allowed is not answered', async () => {
    await open({ sessions: [{ allowedAddresses: ['10.0.0.0/8', '127.0.0.2', 'fd00::/8'] }] });
    start();
    await operatorReads('BROKER: its address is not allowed');
  });

  it('outside of the session’s hours is not answered', async () => {
    const hours = { timeZone: 'UTC', start: '08:00', end: '16:00', days: [1, 2, 3, 4, 5] };
    // A Sunday.
    const nowMs = (): number => Date.parse('2026-11-29T10:00:00Z');
    await open({ sessions: [{ schedule: hours }], nowMs });
    start();
    await operatorReads('BROKER: it is outside its hours');
  });

  it('of a second connection is refused, and the first stays', async () => {
    await open();
    const first = start();
    await first.up();
    const second = start({ folder: mkdtempSync(join(folder, 'second-')) });
    await operatorReads('its session has a connection already');
    expect(second.runner.isUp).toBe(false);
    first.enter('A1');
    await first.report({ 11: 'A1', 150: '0' });
  });

  it('is not waited for for ever, nor read without end', async () => {
    await open();
    const socket = net.connect(world.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.write(`8=FIX.4.4\x019=70000\x01${'x'.repeat(8_192)}`);
    await closed;
    await operatorReads('more bytes than a Logon has');
  });
});

describe.runIf(canMakeCertificates())('a logon over TLS', () => {
  it('needs a certificate of the member’s own name', async () => {
    const [own, broker, other] = ['localhost', 'BROKER', 'OTHER'].map((name) =>
      testCertificates(folder, name),
    );
    if (!own || !broker || !other) throw new Error('no certificates');
    await open({ tls: { ...own, ca: broker.ca + other.ca } });
    const stranger = start({ tls: { ...other, ca: own.ca } });
    await operatorReads('its certificate is of OTHER');
    stranger.kill();
    const client = start({
      tls: { ...broker, ca: own.ca },
      folder: mkdtempSync(join(folder, 'x-')),
    });
    await client.up();
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
  });
});

describe('a session', () => {
  it('that is cut off hears what happened meanwhile, once, and its repeats as such', async () => {
    await open();
    const client = start();
    await client.up();
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
    client.runner.cut();
    await world.offer(1_000, 100);
    await client.report({ 11: 'A1', 39: '2' });
    const trades = client.told.filter((one) => one[150] === 'F');
    expect(trades.map((one) => one[32])).toEqual(['100']);
  });

  it('goes on where it was when the node’s door was closed and opened', async () => {
    await open();
    const client = start();
    await client.up();
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
    await world.entry.stop();
    await world.offer(1_000, 40);
    client.enter('A2', { 44: '9.95' });
    await world.openEntry();
    await client.report({ 11: 'A1', 150: 'F' });
    await client.report({ 11: 'A2', 150: '0' });
    client.replace('A3', 'A1', { 38: '60', 44: '10' });
    await client.report({ 11: 'A3', 150: '5', 14: '40', 151: '20' });
    const ids = client.told.map((one) => one[17]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await world.node.orders.openOrderCount()).toBe(2);
  });

  it('ends its orders with its connection where that was agreed on', async () => {
    await open({ sessions: [{ cancelOnDisconnect: true }], disconnectGraceMs: 50 });
    const client = start();
    await client.up();
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
    client.kill();
    await until(async () => (await world.node.orders.openOrderCount()) === 0);
    const again = start();
    expect(await again.report({ 11: 'A1', 150: '4' })).toMatchObject({ 39: '4', 151: '0' });
  });

  it('leaves its orders open else', async () => {
    await open({ disconnectGraceMs: 50 });
    const client = start();
    await client.up();
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
    await client.stop();
    const other = start({ folder });
    await other.up();
    other.send('H', { 11: 'A1', 55: 'BOND', 54: '1' });
    expect(await other.report({ 150: 'I' })).toMatchObject({ 39: '0', 151: '100' });
  });

  it('of another member hears nothing of it', async () => {
    await open({ sessions: [{}, { compId: 'SECOND', member: 'other' }] });
    const client = start();
    const other = start({ compId: 'SECOND' });
    await client.up();
    await other.up();
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
    other.cancel('B1', 'A1');
    expect(await other.report({ 35: '9' })).toMatchObject({ 102: '1', 37: 'NONE' });
    other.enter('B2');
    expect(await other.report({ 11: 'B2' })).toMatchObject({ 39: '8', 103: '15' });
    expect(other.told.length).toBe(2);
  });

  it('begins anew with each day of its hours', async () => {
    const hours = { timeZone: 'UTC', start: '00:00', end: '23:59:59', days: [1, 2, 3, 4, 5, 6, 7] };
    let aheadMs = 0;
    await open({ sessions: [{ schedule: hours }], nowMs: () => Date.now() + aheadMs });
    const client = start();
    await client.up();
    client.enter('A1', { 59: '1' });
    await client.report({ 11: 'A1', 150: '0' });
    await client.stop();
    aheadMs = 86_400_000;
    const tomorrow = start({
      folder: mkdtempSync(join(folder, 'tomorrow-')),
      nowMs: () => Date.now() + aheadMs,
    });
    await tomorrow.up();
    tomorrow.cancel('A2', 'A1');
    expect(await tomorrow.report({ 11: 'A2', 150: '4' })).toMatchObject({ 41: 'A1', 34: '3' });
  });
});
