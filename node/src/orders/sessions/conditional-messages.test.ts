import type { MemberId, OrderMessageBody } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, type OpenDatabase, openDatabase } from '../../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { until } from '../../testing/until.ts';
import { LinkNetwork } from '../testing/link-network.ts';
import { directoryOf, keyOf, SILENT } from '../testing/test-network.ts';
import { type OrderSessions, openOrderSessions } from './order-session.ts';

const directory = directoryOf(['alpha', 'beta']);
let databases: TemporaryDatabases;
let network: LinkNetwork;
let alpha: Node;
let beta: Node;
/** Whether a session may fill numbers that came to nothing. */
let mayFill: boolean;

interface Node {
  readonly store: OpenDatabase;
  readonly sessions: OrderSessions;
  /** Legs that it was told of, in order. */
  readonly received: string[];
}

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
beforeEach(async () => {
  network = new LinkNetwork();
  mayFill = true;
  alpha = await open('alpha');
  beta = await open('beta');
  await alpha.store.sql`create table if not exists facts (name text)`;
  await alpha.store.sql`delete from facts`;
  network.connect('alpha', 'beta');
});
afterEach(async () => {
  for (const { sessions, store } of [alpha, beta]) {
    await sessions.stop();
    await store.close();
  }
});

async function open(member: MemberId): Promise<Node> {
  const store = await openDatabase(await databases.empty(member));
  const received: string[] = [];
  const sessions = await openOrderSessions(
    { self: member, tickMs: 10, resendAfterMs: 150 },
    {
      ...{ database: filling(store.db), links: network.links(member), nodeKey: keyOf(member) },
      ...{ directory, logger: SILENT, metrics: new Registry(), nowMs: Date.now },
    },
  );
  sessions.start(async (_tx, _from, messages) => () => {
    received.push(...messages.map(({ body }) => ('legId' in body ? body.legId : body.kind)));
  });
  return { store, sessions, received };
}

/** The store, through which a session fills numbers only where the test lets it. */
function filling(db: Database): Database {
  const execute = db.execute.bind(db);
  return Object.assign(Object.create(db) as Database, {
    transaction: db.transaction.bind(db),
    execute: async (query: Parameters<typeof execute>[0]) => {
      if (!mayFill) throw new Error('no number may be filled');
      return execute(query);
    },
  });
}

const cancel = (legId: string): OrderMessageBody => ({ kind: 'leg-cancel', legId });
const isFact = sql`exists (select from facts)`;

describe('a message with a condition', () => {
  it('is written where it holds as the transaction has come so far, and leaves no gap where not', async () => {
    await alpha.store.db.transaction(async (tx) => {
      alpha.sessions.sendIf(tx, 'beta', isFact, cancel('before'));
      await tx.execute(sql`insert into facts values ('one')`);
      alpha.sessions.sendIf(tx, 'beta', isFact, cancel('behind'));
      alpha.sessions.sendIf(tx, 'beta', sql`not ${isFact}`, cancel('never'));
      alpha.sessions.send(tx, 'beta', cancel('last'));
    });
    await until(() => beta.received.length >= 2);
    expect(beta.received).toEqual(['behind', 'last']);
    await until(() => alpha.sessions.standings()[0]?.acknowledged === 4);
  });

  it('leaves with the commit where it holds, as any other', async () => {
    mayFill = false;
    await alpha.store.db.transaction(async (tx) => {
      alpha.sessions.sendIf(tx, 'beta', sql`true`, cancel('leg-a'));
    });
    await until(() => beta.received.length === 1);
    expect(beta.received).toEqual(['leg-a']);
  });

  it('is not sent where its transaction is rolled back, though it held', async () => {
    await alpha.store.db
      .transaction(async (tx) => {
        alpha.sessions.sendIf(tx, 'beta', sql`true`, cancel('never'));
        await tx.execute(sql`select 1`);
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    await alpha.store.db.transaction(async (tx) => {
      alpha.sessions.send(tx, 'beta', cancel('leg-a'));
    });
    await until(() => beta.received.length === 1);
    expect(beta.received).toEqual(['leg-a']);
  });
});
