import { randomBytes } from 'node:crypto';
import {
  encodeOrderMessage,
  encodeSigned,
  type MemberId,
  type OrderMessage,
  type OrderMessageBody,
} from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import { sessionOutbox } from '../../store/tables/session-outbox.ts';
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

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());

interface Node {
  readonly store: OpenDatabase;
  readonly received: string[];
  sessions: OrderSessions;
  metrics: Registry;
}

let network: LinkNetwork;
let alpha: Node;
let beta: Node;
/** Called within the transaction of each message. */
let onTake: (legId: string) => void;
/** Called after what a session wrote is committed, before it hears so. */
let onCommitted: () => void;
/** Called before a session fills numbers that came to nothing. */
let onFill: (() => Promise<never>) | undefined;

beforeEach(async () => {
  network = new LinkNetwork();
  onTake = () => undefined;
  onCommitted = () => undefined;
  onFill = undefined;
  alpha = await open('alpha');
  beta = await open('beta');
});

afterEach(async () => {
  for (const node of [alpha, beta]) {
    await node.sessions.stop();
    await node.store.close();
  }
});

async function open(member: MemberId): Promise<Node> {
  const store = await openDatabase(await databases.empty(member));
  await store.sql`create table if not exists effects (leg_id text, at serial)`;
  const node = { store, received: [], ...(await sessionsOf(member, store)) };
  start(node);
  return node;
}

async function sessionsOf(
  member: MemberId,
  store: OpenDatabase,
): Promise<Pick<Node, 'sessions' | 'metrics'>> {
  const metrics = new Registry();
  const sessions = await openOrderSessions(
    { self: member, tickMs: 10, resendAfterMs: 150 },
    {
      database: telling(store),
      links: network.links(member),
      nodeKey: keyOf(member),
      directory,
      logger: SILENT,
      metrics,
      nowMs: Date.now,
    },
  );
  return { sessions, metrics };
}

function telling({ db }: OpenDatabase): OpenDatabase['db'] {
  const committed = <Result>(result: Result): Result => {
    onCommitted();
    return result;
  };
  const told: OpenDatabase['db'] = Object.create(db);
  told.transaction = async (work) => committed(await db.transaction(work));
  const execute = db.execute.bind(db);
  Object.assign(told, {
    execute: async (query: Parameters<typeof execute>[0]) => {
      await onFill?.();
      return committed(await execute(query));
    },
  });
  return told;
}

function start(node: Node): void {
  node.sessions.start(async (tx, _from, messages) => {
    const legIds = messages.map(({ body }) => {
      if (body.kind !== 'leg-cancel') throw new Error('not in these tests');
      return body.legId;
    });
    for (const legId of legIds) {
      await tx.execute(`insert into effects (leg_id) values ('${legId}')`);
      onTake(legId);
    }
    return () => node.received.push(...legIds);
  });
}

/** As after a crash of the process: nothing but the store is left. */
async function restart(member: MemberId, node: Node): Promise<void> {
  await node.sessions.stop();
  Object.assign(node, await sessionsOf(member, node.store));
  start(node);
}

async function send(node: Node, to: MemberId, legIds: readonly string[]): Promise<void> {
  await node.store.db.transaction(async (tx) => {
    for (const legId of legIds) node.sessions.send(tx, to, { kind: 'leg-cancel', legId });
  });
}

async function effects(node: Node): Promise<string[]> {
  const rows = await node.store.sql<{ leg_id: string }[]>`select leg_id from effects order by at`;
  return rows.map((row) => row.leg_id);
}

async function refusals(node: Node): Promise<Record<string, number>> {
  const counter = await node.metrics.getSingleMetric('stoa_order_messages_refused_total')?.get();
  return Object.fromEntries(
    (counter?.values ?? []).map(({ labels, value }) => [String(labels['code']), value]),
  );
}

const ids = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `leg-${index}`);

describe('order sessions', () => {
  it('records what gathered while it was busy in few transactions, in order', async () => {
    network.connect('alpha', 'beta');
    await send(alpha, 'beta', ids(300));
    await until(async () => (await effects(beta)).length === 300);
    expect(await effects(beta)).toEqual(ids(300));
    const [row] = await beta.store.sql`select count(distinct xmin::text) as commits from effects`;
    expect(Number(row?.['commits'])).toBeLessThan(60);
    const standing = { member: 'beta', sent: 300, received: 0, heardAtMs: expect.any(Number) };
    await until(() => alpha.sessions.standings()[0]?.acknowledged === 300);
    expect(alpha.sessions.standings()).toEqual([{ ...standing, acknowledged: 300, state: 'up' }]);
    network.cut('alpha', 'beta');
    await send(alpha, 'beta', ['leg-300']);
    expect(alpha.sessions.standings()).toMatchObject([{ sent: 301, state: 'down' }]);
  });

  it('goes on, each effect once, when a connection breaks while it commits', async () => {
    network.connect('alpha', 'beta');
    for (let round = 0; round < 4; round += 1) {
      let left = 2;
      onCommitted = () => {
        left -= 1;
        if (left >= 0) throw new Error('the connection is gone');
      };
      await send(alpha, 'beta', [`a-${round}`, `b-${round}`]);
      await until(async () => (await effects(beta)).length === 2 * (round + 1));
    }
    const rounds = [0, 1, 2, 3];
    const all = rounds.flatMap((round) => [`a-${round}`, `b-${round}`]);
    expect(await effects(beta)).toEqual(all);
    // The last ones are in the store before whoever waits for their commit hears of it.
    await until(() => beta.received.length >= all.length);
    expect(beta.received).toEqual(all);
  });

  it('records everything before a message that cannot be recorded, and the rest after it can', async () => {
    let broken = true;
    onTake = (legId) => {
      if (broken && legId === 'leg-70') throw new Error('not now');
    };
    await send(alpha, 'beta', ids(100));
    network.connect('alpha', 'beta');
    await until(async () => (await effects(beta)).length === 70);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await effects(beta)).toEqual(ids(70));
    broken = false;
    await until(async () => (await effects(beta)).length === 100);
    expect(await effects(beta)).toEqual(ids(100));
    expect(beta.received).toEqual(ids(100));
  });

  it('bring messages across in order, and remove them from the outbox once they are recorded', async () => {
    network.connect('alpha', 'beta');
    await send(alpha, 'beta', ids(100));
    await until(() => beta.received.length === 100);
    expect(beta.received).toEqual(ids(100));
    await until(async () => {
      const rows = await alpha.store.db.select().from(sessionOutbox);
      return rows.length === 1 && rows[0]?.number === 100;
    });
  });

  it('keep what was written while there was no link, and send it when there is one', async () => {
    await send(alpha, 'beta', ['leg-a']);
    await send(alpha, 'beta', ['leg-b']);
    network.connect('alpha', 'beta');
    await until(() => beta.received.length === 2);
    expect(beta.received).toEqual(['leg-a', 'leg-b']);
  });

  it('send nothing of a transaction that was rolled back, and leave no gap behind it', async () => {
    network.connect('alpha', 'beta');
    await alpha.store.db
      .transaction(async (tx) => {
        alpha.sessions.send(tx, 'beta', { kind: 'leg-cancel', legId: 'never' });
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    await send(alpha, 'beta', ['leg-a']);
    await until(() => beta.received.length === 1);
    expect(beta.received).toEqual(['leg-a']);
    await until(async () => {
      const rows = await alpha.store.db.select().from(sessionOutbox);
      return rows.length === 1 && rows[0]?.number === 2;
    });
  });

  it('send what is committed first in the order of its numbers, after what is committed later', async () => {
    network.connect('alpha', 'beta');
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = alpha.store.db.transaction(async (tx) => {
      alpha.sessions.send(tx, 'beta', { kind: 'leg-cancel', legId: 'leg-a' });
      await promise;
    });
    await send(alpha, 'beta', ['leg-b']);
    await new Promise((wait) => setTimeout(wait, 100));
    expect(beta.received).toEqual([]);
    resolve();
    await slow;
    await until(() => beta.received.length === 2);
    expect(beta.received).toEqual(['leg-a', 'leg-b']);
  });

  it('fill a number that a process died over, before and behind what was committed', async () => {
    const dead = async (legId: string) =>
      alpha.store.db
        .transaction(async (tx) => {
          alpha.sessions.send(tx, 'beta', { kind: 'leg-cancel', legId });
          await tx.execute(sql`select pg_terminate_backend(pg_backend_pid())`);
        })
        .catch(() => undefined);
    // The process does not live to fill them.
    onFill = () => Promise.reject(new Error('dead'));
    await dead('never-1');
    await send(alpha, 'beta', ['leg-a']);
    await dead('never-2');
    await send(alpha, 'beta', ['leg-b']);
    onFill = undefined;
    await restart('alpha', alpha);
    network.connect('alpha', 'beta');
    await until(() => beta.received.length === 2);
    expect(beta.received).toEqual(['leg-a', 'leg-b']);
  });

  it('deliver once and in order over a link that loses, repeats and reorders', async () => {
    let state = 7;
    network.fate = () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      const roll = Math.floor(state / 65_536) % 10;
      return roll < 2 ? 'drop' : roll < 4 ? 'twice' : roll < 6 ? 'late' : 'pass';
    };
    network.connect('alpha', 'beta');
    await send(alpha, 'beta', ids(60));
    await send(beta, 'alpha', ids(60));
    await until(() => beta.received.length >= 60 && alpha.received.length >= 60, 30_000);
    expect(await effects(beta)).toEqual(ids(60));
    expect(await effects(alpha)).toEqual(ids(60));
  });

  it('take a message once that comes over two links while somebody is answered by it', async () => {
    let answered = 0;
    beta.sessions.onHeard(() => (answered += 1) > 0);
    network.fate = (from) => (from === 'alpha' ? 'doubly' : 'pass');
    network.connect('alpha', 'beta');
    await send(alpha, 'beta', ['leg-a']);
    await until(() => beta.received.length >= 1);
    await send(alpha, 'beta', ['leg-b']);
    await until(() => beta.received.includes('leg-b'));
    expect(await effects(beta)).toEqual(['leg-a', 'leg-b']);
    expect(answered).toBe(2);
  });

  it('resend after a crash between outbox and send', async () => {
    network.fate = () => 'drop';
    network.connect('alpha', 'beta');
    await send(alpha, 'beta', ['leg-a', 'leg-b']);
    await restart('alpha', alpha);
    network.fate = () => 'pass';
    network.connect('alpha', 'beta');
    await until(() => beta.received.length === 2);
    expect(await effects(beta)).toEqual(['leg-a', 'leg-b']);
  });

  it('apply a message once when the receiver crashes between receiving and committing', async () => {
    network.connect('alpha', 'beta');
    let crashes = 1;
    onTake = (legId) => {
      if (legId !== 'leg-b' || crashes === 0) return;
      crashes -= 1;
      throw new Error('crashed before the commit');
    };
    await send(alpha, 'beta', ['leg-a', 'leg-b', 'leg-c']);
    await until(() => crashes === 0);
    await restart('beta', beta);
    network.connect('alpha', 'beta');
    await until(() => beta.received.length === 3);
    expect(await effects(beta)).toEqual(['leg-a', 'leg-b', 'leg-c']);
  });

  it('apply a message once when the receiver crashes after the commit, before acknowledging', async () => {
    network.fate = (from) => (from === 'beta' ? 'drop' : 'pass');
    network.connect('alpha', 'beta');
    // Beta's half of the greeting must come through, or alpha would not send at all.
    network.inject('beta', 'alpha', signed('beta', 'alpha', {}));
    await send(alpha, 'beta', ['leg-a']);
    await until(() => beta.received.length === 1);
    await restart('beta', beta);
    network.fate = () => 'pass';
    network.connect('alpha', 'beta');
    await send(alpha, 'beta', ['leg-b']);
    await until(() => beta.received.includes('leg-b'));
    expect(await effects(beta)).toEqual(['leg-a', 'leg-b']);
  });

  it('apply nothing that the store says was applied, whatever the process remembers', async () => {
    network.connect('alpha', 'beta');
    await send(alpha, 'beta', ['leg-a']);
    await until(() => beta.received.length === 1);
    await beta.store.sql`update session_inbox set received = 2`;
    await send(alpha, 'beta', ['leg-b']);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await effects(beta)).toEqual(['leg-a']);
  });

  it('go on over a cut link where they were', async () => {
    network.connect('alpha', 'beta');
    await send(alpha, 'beta', ids(40).slice(0, 20));
    network.cut('alpha', 'beta');
    await send(alpha, 'beta', ids(40).slice(20));
    network.connect('alpha', 'beta');
    await until(() => beta.received.length === 40);
    expect(await effects(beta)).toEqual(ids(40));
  });
});

/** A message of version 1 as its author would sign it, with what a forger changes. */
function signed(
  from: MemberId,
  to: MemberId,
  change: Partial<OrderMessage>,
  key: MemberId = from,
): Uint8Array {
  const body: OrderMessageBody = { kind: 'hello' };
  const payload = encodeOrderMessage({
    ...{ version: 1, from, to, number: 0, acknowledged: 0, sentAtMs: Date.now(), body },
    ...change,
  });
  return encodeSigned({ payload, signature: keyOf(key).sign('order', payload) });
}

describe('order sessions refuse', () => {
  const legCancel: OrderMessageBody = { kind: 'leg-cancel', legId: 'forged' };
  const cases: [string, string, () => Uint8Array][] = [
    ['bytes that are none', 'SIGNED_MALFORMED', () => Uint8Array.of(1, 2, 3)],
    ['too many bytes', 'SIGNED_MALFORMED', () => new Uint8Array(300_000)],
    [
      'a stranger’s signature',
      'ORDER_MESSAGE_SIGNATURE',
      () => signed('beta', 'alpha', { number: 1, body: legCancel }, 'stranger'),
    ],
    [
      'a signature made for another purpose',
      'ORDER_MESSAGE_SIGNATURE',
      () => {
        const payload = randomBytes(64);
        return encodeSigned({ payload, signature: keyOf('beta').sign('frame', payload) });
      },
    ],
    [
      'a payload that is no message',
      'ORDER_MESSAGE_MALFORMED',
      () => {
        const payload = Buffer.from('not a message');
        return encodeSigned({ payload, signature: keyOf('beta').sign('order', payload) });
      },
    ],
    [
      'another version',
      'ORDER_MESSAGE_VERSION',
      () => signed('beta', 'alpha', { version: 3, body: legCancel }),
    ],
    [
      'a message to somebody else',
      'ORDER_MESSAGE_MISADDRESSED',
      () => signed('beta', 'gamma', { number: 1, body: legCancel }),
    ],
    [
      'a message that should have a number and has none',
      'ORDER_MESSAGE_NUMBER',
      () => signed('beta', 'alpha', { number: 0, body: legCancel }),
    ],
    [
      'an acknowledgement of what was never sent',
      'ORDER_MESSAGE_ACKNOWLEDGED_AHEAD',
      () => signed('beta', 'alpha', { acknowledged: 99 }),
    ],
  ];

  it.each(cases)('%s, and count it', async (_what, code, bytes) => {
    network.connect('alpha', 'beta');
    await send(beta, 'alpha', ['before']);
    await until(() => alpha.received.length === 1);
    network.inject('beta', 'alpha', bytes());
    await until(async () => (await refusals(alpha))[code] === 1);
    await send(beta, 'alpha', ['after']);
    await until(() => alpha.received.length === 2);
    expect(await effects(alpha)).toEqual(['before', 'after']);
  });
});
