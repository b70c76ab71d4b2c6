import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../orders/testing/test-network.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { EntryWorld, type EntryWorldOptions } from './testing/entry-world.ts';
import { MemberClient, type MemberClientOptions, type Told } from './testing/member-client.ts';

let databases: TemporaryDatabases;
let folder: string;
let world: EntryWorld;
const clients: MemberClient[] = [];

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-fix-entry-'));
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.kill();
  await world.close();
  rmSync(folder, { recursive: true });
});

async function open(options: Partial<EntryWorldOptions> = {}): Promise<void> {
  world = await EntryWorld.open({ url: await databases.empty('alpha'), folder, ...options });
}

async function member(options: Partial<MemberClientOptions> = {}): Promise<MemberClient> {
  const client = new MemberClient({ folder, port: world.port, ...options }).start();
  clients.push(client);
  await client.up();
  return client;
}

/** Exec type, status, quantity, executed and left of each report. */
function story(told: readonly Told[]): string[] {
  return told.map((one) =>
    one[35] === '8'
      ? `${one[150]} ${one[39]} ${one[38]} ${one[14]} ${one[151]} ${one[11]}`
      : `${one[35]} ${one[39]} ${one[102]} ${one[11]}`,
  );
}

describe('a member’s order over FIX 4.4', () => {
  it('is acknowledged, fills in parts and is done', async () => {
    await open();
    const client = await member();
    await world.offer(1_000, 40);
    client.enter('A1');
    await client.report({ 11: 'A1', 150: 'F' });
    await world.offer(995, 60);
    const last = await client.report({ 11: 'A1', 39: '2' });
    expect(story(client.told)).toEqual([
      'A A 100 0 100 A1',
      '0 0 100 0 100 A1',
      'F 1 100 40 60 A1',
      'F 2 100 100 0 A1',
    ]);
    expect(last).toMatchObject({
      ...{ 1: 'HOUSE', 37: 'alpha-1', 55: 'BOND', 54: '1', 40: '2', 44: '10' },
      ...{ 32: '60', 31: '10', 6: '10' },
    });
    expect(await world.node.order('alpha-1')).toMatchObject({ member: 'broker', filled: 100 });
  });

  it('rests, is replaced and canceled, each under its own ClOrdID', async () => {
    await open();
    const client = await member();
    client.enter('A1', { 59: '1' });
    await client.report({ 11: 'A1', 150: '0' });
    client.replace('A2', 'A1', { 38: '150', 44: '9.95' });
    const replaced = await client.report({ 11: 'A2', 150: '5' });
    expect(replaced).toMatchObject({ 41: 'A1', 38: '150', 44: '9.95', 39: '0' });
    client.cancel('A3', 'A2');
    expect(await client.report({ 11: 'A3', 150: '4' })).toMatchObject({ 41: 'A2', 151: '0' });
    expect(story(client.told)).toEqual([
      'A A 100 0 100 A1',
      '0 0 100 0 100 A1',
      'E E 100 0 100 A2',
      '5 0 150 0 150 A2',
      '6 6 150 0 150 A3',
      '4 4 150 0 0 A3',
    ]);
  });

  it('that is refused is told so with the reason, and recorded', async () => {
    await open();
    const client = await member();
    const wrong: readonly [Record<number, string>, string][] = [
      [{ 55: 'NOBODY' }, '1'],
      [{ 38: '105' }, '13'],
      [{ 38: '0.5' }, '13'],
      [{ 44: '10.001' }, '99'],
      [{ 40: '3' }, '11'],
      [{ 1: '0x00000000000000000000000000000000000000ee' }, '15'],
    ];
    for (const [index, [fields, reason]] of wrong.entries()) {
      client.enter(`W${index}`, fields);
      const told = await client.report({ 11: `W${index}`, 150: '8' });
      expect(told, JSON.stringify(fields)).toMatchObject({ 37: 'NONE', 39: '8', 103: reason });
    }
    expect(new Set(client.told.map((one) => one[17])).size).toBe(wrong.length);
    expect(await world.node.orders.openOrderCount()).toBe(0);
    await until(async () => {
      const [row] = await world.node.store.sql`select count(*)::int as n from order_refusals`;
      return row?.n === wrong.length;
    });
  });

  it('is in the audit log with what came of it, before it is answered', async () => {
    await open();
    const client = await member();
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
    client.enter('A2', { 38: '105' });
    await client.report({ 11: 'A2', 150: '8' });
    client.cancel('A3', 'A9');
    await client.report({ 35: '9' });
    client.send('H', { 11: 'A1', 55: 'BOND', 54: '1' });
    client.cancel('A4', 'A1');
    await client.report({ 11: 'A4', 150: '4' });
    const page = await world.audit.page({ limit: 10, backward: false }, { kind: 'mutation' });
    const records = page.edges.map(({ node }) => node).reverse();
    const said = records.map((one) => [one.field, one.clientId, one.outcome, one.code]);
    expect(said).toEqual([
      ['FIX.NewOrderSingle', 'A1', 'accepted', null],
      ['FIX.NewOrderSingle', 'A2', 'refused', 'OFF_LOT'],
      ['FIX.OrderCancelRequest', 'A3', 'refused', 'ORDER_UNKNOWN'],
      ['FIX.OrderCancelRequest', 'A4', 'accepted', null],
    ]);
    expect(records[0]).toMatchObject({ member: 'broker', subject: 'BROKER' });
  });

  it('is not begun while the audit log cannot be written', async () => {
    await open();
    const client = await member();
    await world.node.store.sql`alter table audit_records rename to audit_records_gone`;
    client.enter('A1');
    // What has happened is told, though it could not be recorded yet.
    await client.report({ 11: 'A1', 150: '0' });
    await until(() => world.auditLog.failure() !== undefined);
    client.enter('A2');
    expect(await client.report({ 35: 'j' })).toMatchObject({ 372: 'D', 379: 'A2', 380: '4' });
    expect(await world.node.orders.openOrderCount()).toBe(1);
    await world.node.store.sql`alter table audit_records_gone rename to audit_records`;
    await until(() => world.auditLog.failure() === undefined);
    client.enter('A3');
    await client.report({ 11: 'A3', 150: '0' });
  });

  it('of a ClOrdID that was used is refused, and the first one lives', async () => {
    await open();
    const client = await member();
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
    client.enter('A1');
    expect(await client.report({ 11: 'A1', 150: '8' })).toMatchObject({ 103: '6' });
    client.cancel('A1', 'A1');
    expect(await client.report({ 35: '9' })).toMatchObject({ 102: '6', 434: '1', 41: 'A1' });
    expect(await world.node.orders.openOrderCount()).toBe(1);
  });

  it('that is sent again as a possible resend is answered as it stands', async () => {
    await open();
    const client = await member();
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
    client.enter('A1', { 97: 'Y' });
    expect(await client.report({ 11: 'A1', 150: 'I' })).toMatchObject({ 39: '0', 17: '0' });
    expect(await world.node.orders.openOrderCount()).toBe(1);
  });

  it('cannot be changed when it is done, not known, or being canceled', async () => {
    await open();
    const client = await member();
    await world.offer(1_000, 100);
    client.enter('A1');
    await client.report({ 11: 'A1', 39: '2' });
    client.cancel('A2', 'A1');
    expect(await client.report({ 35: '9', 11: 'A2' })).toMatchObject({ 102: '0', 39: '2' });
    client.cancel('A3', 'NEVER');
    expect(await client.report({ 35: '9', 11: 'A3' })).toMatchObject({ 102: '1', 37: 'NONE' });
    client.replace('A4', 'A1', { 38: '200', 44: '10' });
    expect(await client.report({ 35: '9', 11: 'A4' })).toMatchObject({ 102: '0', 434: '2' });
  });

  it('tells where it stands when asked, after all that was told of it', async () => {
    await open();
    const client = await member();
    await world.offer(1_000, 40);
    client.enter('A1');
    client.send('H', { 11: 'A1', 55: 'BOND', 54: '1', 790: 'Q1' });
    const status = await client.report({ 150: 'I' });
    const told = client.told.slice(0, client.told.indexOf(status));
    expect(status).toMatchObject({ 790: 'Q1', 14: told.at(-1)?.[14] ?? 'none', 17: '0' });
    client.send('H', { 11: 'NEVER', 55: 'BOND', 54: '1' });
    expect(await client.report({ 11: 'NEVER', 39: '8' })).toMatchObject({ 150: 'I', 103: '5' });
  });

  it('goes with all others of its member in a mass cancel', async () => {
    await open();
    const client = await member();
    for (const id of ['A1', 'A2', 'A3']) client.enter(id);
    for (const id of ['A1', 'A2', 'A3']) await client.report({ 11: id, 150: '0' });
    client.send('q', { 11: 'M1', 530: '7' });
    expect(await client.report({ 35: 'r' })).toMatchObject({ 11: 'M1', 531: '7', 533: '3' });
    for (const id of ['A1', 'A2', 'A3']) await client.report({ 11: id, 150: '4' });
    client.send('q', { 11: 'M2', 530: '3' });
    expect(await client.report({ 35: 'r', 11: 'M2' })).toMatchObject({ 531: '0', 532: '0' });
  });

  it('hears of a bust and of a correction, which name the trade’s ExecID', async () => {
    await open();
    const client = await member();
    await world.offer(1_000, 40);
    client.enter('A1');
    const trade = await client.report({ 11: 'A1', 150: 'F' });
    const [execution] = await world.node.store.sql<{ execution_id: string }[]>`
      select execution_id from executions`;
    await world.book.correct(execution?.execution_id ?? '', { quantity: 20, price: 995 });
    const corrected = await client.report({ 150: 'G' });
    expect(corrected).toMatchObject({ 19: trade[17], 32: '20', 31: '9.95', 14: '20', 151: '80' });
    await world.book.bust(execution?.execution_id ?? '', 'clearly erroneous');
    expect(await client.report({ 150: 'H' })).toMatchObject({ 19: trade[17], 14: '0', 151: '100' });
  });
});

describe('a member’s message', () => {
  it('that the standard does not let pass is answered as the standard says', async () => {
    await open();
    const client = await member();
    client.enter('A1', { 54: '' });
    expect(await client.report({ 35: '3', 371: '54' })).toMatchObject({ 372: 'D', 373: '1' });
    client.enter('A2', { 54: 'x' });
    expect(await client.report({ 35: '3', 373: '5' })).toMatchObject({ 371: '54' });
    client.send('UX', { 11: 'A3' });
    expect(await client.report({ 35: '3', 373: '11' })).toMatchObject({ 372: 'UX' });
    client.send('V', { 262: 'M1' });
    expect(await client.report({ 35: 'j', 372: 'V' })).toMatchObject({ 380: '3' });
    client.enter('A5');
    await client.report({ 11: 'A5', 150: '0' });
  });

  it('that comes faster than was agreed is refused, and not done', async () => {
    await open({ sessions: [{ maxRequestsPerSecond: 3 }] });
    const client = await member();
    for (let order = 1; order <= 5; order += 1) client.enter(`A${order}`);
    expect(await client.report({ 35: 'j', 379: 'A5' })).toMatchObject({ 380: '4', 372: 'D' });
    await client.report({ 11: 'A3', 150: '0' });
    expect(await world.node.orders.openOrderCount()).toBe(3);
  });

  it('of the node’s other doors is none of the session’s: it hears only of its own orders', async () => {
    await open();
    const client = await member();
    await world.node.place({ clientOrderId: 'elsewhere' });
    client.enter('A1');
    await client.report({ 11: 'A1', 150: '0' });
    expect(client.told.filter((one) => one[11] !== 'A1')).toEqual([]);
    client.cancel('A2', 'elsewhere');
    expect(await client.report({ 35: '9' })).toMatchObject({ 102: '1' });
  });
});

describe.each([
  ['FIX.4.2', 'FIX.4.2'],
  ['FIX.5.0SP2', 'FIXT.1.1'],
] as const)('a member that speaks %s', (version, beginString) => {
  it('is told in that version what it asks for and what becomes of it', async () => {
    await open({ sessions: [{ version }] });
    const client = await member({ beginString });
    const isOld = version === 'FIX.4.2';
    await world.offer(1_000, 40);
    client.enter('A1');
    const fill = await client.report({ 11: 'A1', 14: '40' });
    expect(fill).toMatchObject(isOld ? { 20: '0', 150: '1', 39: '1' } : { 150: 'F', 39: '1' });
    client.replace('A2', 'A1', { 38: '80', 44: '10.00' });
    await client.report({ 11: 'A2', 150: '5', 39: isOld ? '5' : '1' });
    client.cancel('A3', 'A2');
    await client.report({ 11: 'A3', 150: '4', 14: '40' });
    client.send('q', { 11: 'M1', 530: '7' });
    await client.report(isOld ? { 35: 'j', 380: '3' } : { 35: 'r', 533: '0' });
    client.enter('A4', { 44: '10.001' });
    await client.report({ 11: 'A4', 39: '8', 103: isOld ? '0' : '18' });
  });
});
