import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  readVenueAdapterFile,
  type VenueAdapter,
  type VenueEvent,
  type VenueOrder,
} from '@stoa/adapters';
import { isRefusal } from '@stoa/schema';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BROKER_WALLET, FLOW_WALLET, INSTRUMENT, until } from '../orders/testing/test-network.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { EntryWorld } from './testing/entry-world.ts';

/** What this door has of FIX 4.4, as the file of a venue's dialect says it. */
const DIALECT = {
  ...{ name: 'stoa', about: 'Order entry at a node of this project.', certified: false },
  ...{ version: 'FIX.4.4', clientOrderId: { maxLength: 64, leadingZeros: true } },
  timesInForce: { day: '0', gtc: '1', ioc: '3', fok: '4', gtd: '6' },
  orders: {
    ...{ replace: true, status: true, massStatus: false, massCancel: true },
    ...{ allOrNone: true, minQuantity: true, displayQuantity: false },
    ...{ newFields: [], cancelFields: [], replaceFields: [] },
  },
  reports: { orderRejections: {}, cancelRejections: {} },
  securityStatus: false,
};

describe('another node’s FIX adapter as a member', () => {
  let databases: TemporaryDatabases;
  let folder: string;
  let world: EntryWorld;
  let adapter: VenueAdapter;
  let events: VenueEvent[];

  beforeAll(async () => {
    databases = await startTemporaryDatabases();
  });
  afterAll(() => databases.stop());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-own-adapter-'));
    world = await EntryWorld.open({ url: await databases.empty('alpha'), folder });
    events = [];
    adapter = await connect();
  });
  afterEach(async () => {
    await adapter.stop();
    await world.close();
    rmSync(folder, { recursive: true });
  });

  async function connect(): Promise<VenueAdapter> {
    const file = (name: string, content: unknown): string => {
      const path = join(folder, name);
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
      return path;
    };
    file('password', 'open sesame');
    file('dialect.json', DIALECT);
    const choice = readVenueAdapterFile(
      file('venue.json', {
        ...{ kind: 'fix', settlement: { clearingAccount: FLOW_WALLET, accounts: {} } },
        settings: {
          ...{ dialect: './dialect.json', durability: 'page-cache' },
          orders: {
            ...{ senderCompId: 'BROKER', targetCompId: 'ALPHA', passwordFile: './password' },
            hosts: [{ host: '127.0.0.1', port: world.port }],
          },
        },
      }),
    );
    if (isRefusal(choice) || !('create' in choice)) throw new Error(JSON.stringify(choice));
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const own = join(folder, 'adapter');
    mkdirSync(own, { recursive: true });
    const made = await choice.create({
      ...{ venue: 'beta', instruments: [INSTRUMENT], folder: own, nowMs: Date.now, log: silent },
    });
    const filled = events.reduce(
      (sum, event) => sum + (event.kind === 'executed' ? event.execution.quantity : 0),
      0,
    );
    const open = events.some((event) => event.kind === 'accepted') ? [{ order, filled }] : [];
    await made.start({
      ...{ openOrders: open, nextTradeNumber: 1 + events.filter(isExecuted).length },
      signal: new AbortController().signal,
      sink: { deliver: async (some) => void events.push(...some) },
    });
    return made;
  }

  const order: VenueOrder = {
    ...{ orderId: 'beta-1.1.1', instrument: INSTRUMENT.id, side: 'buy', timeInForce: 'day' },
    ...{ quantity: 100, limitPrice: 1_000, homeVenue: 'beta' },
    owner: { member: 'anybody', account: BROKER_WALLET },
  };

  const isExecuted = ({ kind }: VenueEvent): boolean => kind === 'executed';
  const heard = (kind: VenueEvent['kind'], count = 1): Promise<number> =>
    until(() => events.filter((event) => event.kind === kind).length === count);

  it('enters, replaces and cancels orders, and is told of every fill once', async () => {
    expect(await adapter.submit({ kind: 'new', order })).toEqual({ outcome: 'taken' });
    await heard('accepted');
    await world.offer(1_000, 40);
    await heard('executed');
    const { orderId, instrument } = order;
    await adapter.submit({
      ...{ kind: 'replace', orderId, instrument },
      quantity: 80,
      limitPrice: 995,
    });
    await heard('replaced');
    await adapter.submit({ kind: 'cancel', orderId, instrument });
    await heard('done');
    expect(events.findLast(({ kind }) => kind === 'done')).toMatchObject({
      ...{ orderId, state: 'canceled', filled: 40 },
    });
  });

  it('finds its order again after a restart of either side, and what was filled meanwhile', async () => {
    await adapter.submit({ kind: 'new', order });
    await heard('accepted');
    await adapter.stop();
    await world.offer(1_000, 40);
    adapter = await connect();
    await heard('executed');
    await world.entry.stop();
    await world.offer(1_000, 60);
    await world.openEntry();
    await heard('executed', 2);
    await adapter.submit({ kind: 'mass-cancel' });
    expect(await world.node.orders.openOrderCount()).toBe(0);
  });
});
