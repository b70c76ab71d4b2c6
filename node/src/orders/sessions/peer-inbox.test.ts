import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { PeerInbox } from './peer-inbox.ts';
import { newPeer, type SessionPeer } from './session-peer.ts';

let databases: TemporaryDatabases;
let store: OpenDatabase;
let peer: SessionPeer;
/** Numbers of the messages that were recorded together. */
let recorded: number[][];

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
beforeEach(async () => {
  store = await openDatabase(await databases.empty('inbox'));
  peer = newPeer('beta');
  recorded = [];
  return () => store.close();
});

function inboxOf(followedWithinMs: number): PeerInbox {
  return new PeerInbox(peer, {
    followedWithinMs,
    database: store.db,
    logger: createLogger('test', 'silent'),
    handler: () => async (_tx, _from, messages) => {
      recorded.push(messages.map(({ sentAtMs }) => sentAtMs));
      return undefined;
    },
    stage: () => undefined,
    onRecorded: () => undefined,
  });
}

/** Its number stands in place of its time, by which the handler tells it. */
function arrive(inbox: PeerInbox, number: number, canWait: boolean): Promise<void> {
  const body = { kind: 'leg-accepted', legId: `alpha-${number}.1.1` } as const;
  const from = { version: 2, from: 'beta', to: 'alpha', acknowledged: 0 };
  const message = { ...from, number, sentAtMs: number, body };
  return inbox.add({ message, signed: new Uint8Array(), canWait });
}

it('records what follows on a message that can wait in one commit with it', async () => {
  const inbox = inboxOf(60_000);
  await arrive(inbox, 1, true);
  await sleep(50);
  expect(recorded).toEqual([]);
  await arrive(inbox, 2, false);
  await inbox.idle();
  expect(recorded).toEqual([[1, 2]]);
  expect(peer.received).toBe(2);
});

it('records a message that can wait and on which nothing follows', async () => {
  const inbox = inboxOf(5);
  await arrive(inbox, 1, true);
  await inbox.idle();
  expect(recorded).toEqual([[1]]);
});

it('waits no longer when there is no room for more', async () => {
  const inbox = inboxOf(60_000);
  const most = 64;
  for (let number = 1; number <= most; number += 1) await arrive(inbox, number, true);
  await arrive(inbox, most + 1, false);
  await inbox.idle();
  expect(recorded.flat()).toHaveLength(most + 1);
  expect(recorded[0]).toHaveLength(most);
});
