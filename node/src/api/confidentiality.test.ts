import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Directory, DirectorySource, MemberKind } from '@stoa/schema';
import { drizzle } from 'drizzle-orm/postgres-js';
import { Registry } from 'prom-client';
import { createClient, http } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrderBlotter } from '../orders/blotter/order-blotter.ts';
import { createOrderFeed } from '../orders/blotter/order-feed.ts';
import { createReceiptBlotter } from '../orders/blotter/receipt-blotter.ts';
import { createIdCodes } from '../orders/id-codes.ts';
import { LinkNetwork } from '../orders/testing/link-network.ts';
import { ScriptedVenue } from '../orders/testing/scripted-venue.ts';
import {
  storeEvents,
  storeExecution,
  storeLeg,
  storeOrder,
} from '../orders/testing/stored-orders.ts';
import { TestMarket } from '../orders/testing/test-market.ts';
import {
  BROKER_WALLET,
  directoryOf,
  INSTRUMENT,
  OTHER_WALLET,
  SILENT,
} from '../orders/testing/test-network.ts';
import { TestNode } from '../orders/testing/test-node.ts';
import { type AuditLog, openAuditLog } from '../records/audit/audit-log.ts';
import { createAuditTable } from '../records/audit/audit-table.ts';
import { createPositionReader } from '../settlement/positions.ts';
import { receipts } from '../store/tables/receipts.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

// Two worlds that differ in nothing but the orders of one member. Whatever somebody else is answered, on
// whatever it asks, must not tell in which of them it is.

const VENUES = ['alpha', 'beta', 'gamma'];
/** Balances are the chain's to tell, and the same in both worlds: nobody answers for it here. */
const NO_CHAIN = createClient({ transport: http('http://127.0.0.1:9', { retryCount: 0 }) });
/** An order of the other member, in the one world, and the name of one that is in neither. */
const FOREIGN = { id: 'alpha-3', client: 'order-3', leg: 'alpha-3.1.1' };
const NOBODYS = { id: 'alpha-9', client: 'order-9', leg: 'alpha-9.1.1' };

interface World {
  readonly node: TestNode;
  readonly audit: AuditLog;
  readonly api: SampleApi;
  /** Statements that the reads of the API have sent to the database. */
  statements(): number;
}

let folder: string;
let issuer: TokenIssuer;
let databases: TemporaryDatabases;
let alone: World;
let together: World;

function directory(): DirectorySource {
  const base = directoryOf(VENUES).current();
  const more: readonly (readonly [string, MemberKind])[] = [
    ...[['third', 'broker'] as const, ['issuer', 'issuer'] as const],
    ['examiner', 'examiner'],
  ];
  const members = new Map([
    ...base.members,
    ...more.map(([id, kind]) => {
      return [id, { id, kind, status: 'active', nodeKeys: [], signers: [] }] as const;
    }),
  ]);
  const current = { ...base, members } as Directory;
  return { current: () => current, onChange: () => () => undefined };
}

/** @param places where the broker's two orders stand among all of the node */
async function openWorld(name: string, places: readonly [number, number]): Promise<World> {
  const source = directory();
  const node = await TestNode.open(
    await databases.empty(name),
    {
      ...{ venue: 'alpha', network: new LinkNetwork(), directory: source },
      market: new TestMarket(INSTRUMENT.id, VENUES),
      newCode: createIdCodes(randomBytes),
    },
    new ScriptedVenue('alpha'),
  );
  let statements = 0;
  const counted = drizzle(node.store.sql, { logger: { logQuery: () => void (statements += 1) } });
  const auditReader = createAuditTable(node.store.db);
  const audit = await openAuditLog(
    { retentionMs: 1e12 },
    { sink: auditReader, logger: SILENT, metrics: new Registry(), nowMs: Date.now },
  );
  const api = await startSampleApi(
    'alpha',
    issuer.options,
    {},
    {
      ...{ orders: node.orders, directory: source },
      blotter: createOrderBlotter('alpha', counted),
      feed: createOrderFeed(counted),
      receipts: createReceiptBlotter('alpha', counted),
      positions: createPositionReader({
        ...{ db: counted, directory: source, client: NO_CHAIN },
        unsettled: { owed: () => 0n, owedNow: async () => 0n, due: () => 0n },
        promised: (member, wallet) =>
          node.orders.promised({ member, home: 'alpha', scopes: new Set() }, wallet),
        accounts: new Map([
          ['broker', new Set([BROKER_WALLET])],
          ['other', new Set([OTHER_WALLET])],
        ]),
      }),
      ...{ audit, auditReader },
    },
  );
  // The broker's own: the same in both.
  for (const [index, number] of places.entries()) {
    const id = `alpha-${index + 1}`;
    await storeOrder(node.store.db, index + 1, {
      ...{ number, filled: 10, status: 'partially-filled' },
    });
    await storeLeg(node.store.db, id, 1, { filled: 10 });
    await storeExecution(node.store.db, index + 1, { buyLegId: `${id}.1.1` });
    await storeReceipt(node, id);
  }
  await storeEvents(node.store.db, 'broker', [{ orderId: 'alpha-1' }, { orderId: 'alpha-2' }]);
  return { node, api, audit, statements: () => statements };
}

/** The first revision of an order's receipt, as far as lists show it. */
async function storeReceipt({ store }: TestNode, orderId: string): Promise<void> {
  const body = { kind: 'decision', orderId } as const;
  await store.db.insert(receipts).values({
    ...{ orderId, revision: 1, kind: body.kind, round: 1, atMs: 1_000, routerVersion: '1' },
    ...{ body: JSON.stringify(body), hash: `hash of ${orderId}`, signature: new Uint8Array(64) },
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-confidential-'));
  issuer = await createTokenIssuer(folder);
  databases = await startTemporaryDatabases();
  alone = await openWorld('alone', [900_001, 900_002]);
  // Others placed one before, and two between.
  together = await openWorld('together', [900_002, 900_005]);
  const { db } = together.node.store;
  for (const [number, place] of [
    [3, 900_001],
    [4, 900_003],
    [5, 900_004],
  ] as const) {
    await storeOrder(db, number, {
      ...{ number: place, member: 'other', account: OTHER_WALLET },
      ...{ filled: 20, status: 'partially-filled' },
    });
    await storeLeg(db, `alpha-${number}`, 1, { filled: 20 });
    await storeExecution(db, number + 10, {
      ...{ buyLegId: `alpha-${number}.1.1`, buyer: OTHER_WALLET },
    });
  }
  await storeEvents(
    db,
    'other',
    [3, 4, 5].map((number) => ({ orderId: `alpha-${number}` })),
  );
}, 60_000);
afterAll(async () => {
  for (const { api, audit, node } of [alone, together]) {
    await api.stop();
    await audit.stop();
    await node.close();
  }
  await databases.stop();
  await rm(folder, { recursive: true });
});

const PAGE = 'pageInfo { startCursor endCursor hasNextPage hasPreviousPage }';
const ORDER = `id clientOrderId account side quantity limitPrice status filled leaves averagePrice reason placedAt
  legs { id status filled } executions { executionId price quantity } receipt { id revisions } fades { code }`;
const REFUSAL = '... on Refusal { code message action }';

/** Every way to ask for orders and what hangs on them; the names that stand for an order go in. */
function corpus({ id, client, leg }: typeof FOREIGN): string[] {
  return [
    `{ orders(first: 100) { edges { cursor node { ${ORDER} } } ${PAGE} } }`,
    `{ orders(last: 1) { edges { node { id } } ${PAGE} } }`,
    `{ orders(filter: { account: "${OTHER_WALLET}" }) { edges { node { id } } ${PAGE} } }`,
    `{ orders(filter: { clientOrderIdPrefix: "${client}" }) { edges { node { id } } ${PAGE} } }`,
    `{ legs(first: 100) { edges { cursor node { id venue { id } status order { id } } } ${PAGE} } }`,
    `{ legs(filter: { order: "${id}" }) { edges { node { id } } ${PAGE} } }`,
    `{ executions(first: 100) { edges { cursor node { executionId legId order { id } } } ${PAGE} } }`,
    `{ executions(filter: { order: "${id}" }) { edges { node { executionId } } ${PAGE} } }`,
    `{ receipts(first: 100) { edges { cursor node { id } } ${PAGE} } }`,
    `{ receipts(filter: { order: "${id}" }) { edges { node { id } } ${PAGE} } }`,
    '{ positions(first: 100) { edges { cursor node { token available openOrders unsettledOut } } } }',
    `{ positions(account: "${OTHER_WALLET}") { edges { cursor node { balance } } ${PAGE} } }`,
    `{ order(id: "${id}") { ${ORDER} } }`,
    `{ order(id: "${leg}") { ${ORDER} } }`,
    `{ order(clientOrderId: "${client}") { ${ORDER} } }`,
    `query { _entities(representations: [{ __typename: "Order", id: "${id}" }]) { ... on Order { ${ORDER} } } }`,
    `mutation { cancelOrder(id: "${id}") { ... on CancelRequested { order { id } } ${REFUSAL} } }`,
    `mutation { replaceOrder(input: { id: "${id}", quantity: "1" }) { ... on ReplaceRequested { order { id } } ${REFUSAL} } }`,
    `mutation { cancelAllOrders(side: SELL) { ... on CancelAllRequested { count } ${REFUSAL} } }`,
    '{ venues { id node { version peers framesPublished } } instruments { id book { version cbbo { bid { price } } } } }',
  ];
}

type Role =
  | 'broker'
  | 'third'
  | 'operator'
  | 'issuer'
  | 'examiner'
  | 'elsewhere'
  | 'nobody'
  | 'expired';

/** Everybody who is not the other member. */
const ROLES: Readonly<Record<Role, () => Promise<string | undefined>>> = {
  broker: () => issuer.token(),
  third: () => issuer.token({ member: 'third' }),
  operator: () =>
    issuer.token({
      member: 'alpha',
      scope: 'orders:read orders:write settlement:operate records:read',
    }),
  issuer: () => issuer.token({ member: 'issuer', scope: 'issuer:read orders:read orders:write' }),
  examiner: () => issuer.token({ member: 'examiner', scope: 'records:read orders:read' }),
  elsewhere: () => issuer.token({ home: 'beta' }),
  nobody: async () => undefined,
  expired: () => issuer.token({ lifetimeSeconds: -60 }),
};

/** Status, headers that could tell something, and the very bytes. */
async function ask({ api }: World, query: string, token: string | undefined): Promise<string> {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query }),
  });
  const own = ['date', 'x-request-id', 'www-authenticate'];
  const headers = [...response.headers].filter(([name]) => !own.includes(name));
  return JSON.stringify([response.status, headers, await response.text()]);
}

describe("another member's orders", () => {
  it.each(Object.keys(ROLES) as Role[])('leave no trace in any answer to %s', async (role) => {
    const token = await ROLES[role]();
    for (const query of corpus(FOREIGN)) {
      const [without, withThem] = [
        await ask(alone, query, token),
        await ask(together, query, token),
      ];
      expect(withThem, query).toBe(without);
    }
  });

  it('are seen by their own member, so that the two worlds are two', async () => {
    const token = await issuer.token({ member: 'other' });
    const differing = [];
    for (const query of corpus(FOREIGN)) {
      if ((await ask(alone, query, token)) !== (await ask(together, query, token))) {
        differing.push(query);
      }
    }
    expect(differing.length).toBeGreaterThanOrEqual(10);
  });

  it.each(['broker', 'third', 'operator'] as const)(
    'answer %s as orders that do not exist, word for word, after as many looks into the store',
    async (role) => {
      const token = await ROLES[role]();
      const [foreign, nobodys] = [corpus(FOREIGN), corpus(NOBODYS)];
      const named = (text: string, { id, client, leg }: typeof FOREIGN) =>
        text.replaceAll(leg, 'LEG').replaceAll(id, 'ID').replaceAll(client, 'CLIENT');
      for (const [index, query] of foreign.entries()) {
        const before = together.statements();
        const ofForeign = named(await ask(together, query, token), FOREIGN);
        const between = together.statements();
        const ofNobodys = named(await ask(together, nobodys[index] ?? '', token), NOBODYS);
        expect(ofForeign, query).toBe(ofNobodys);
        expect(between - before, query).toBe(together.statements() - between);
      }
    },
  );

  it('stand in the audit log for whoever examines the venue, and for nobody else', async () => {
    const theirs = await issuer.token({ member: 'other' });
    await ask(
      together,
      corpus(FOREIGN).find((query) => query.includes('cancelOrder')) ?? '',
      theirs,
    );
    const query = `{ auditRecords(first: 100, filter: { member: "other" }) { edges { node { field target } } ${PAGE} } }`;
    for (const role of ['broker', 'third', 'issuer', 'elsewhere', 'nobody', 'expired'] as const) {
      const token = await ROLES[role]();
      expect(await ask(together, query, token), role).toBe(await ask(alone, query, token));
    }
    const beta = await issuer.token({ member: 'beta', scope: 'records:read' });
    expect(await ask(together, query, beta)).toContain('FORBIDDEN');
    expect(await ask(together, query, await ROLES.examiner())).toContain(FOREIGN.id);
  });

  it('move no number of events, and no end of a stream', async () => {
    const token = await issuer.token();
    const refused = async ({ api }: World): Promise<string> => {
      const response = await fetch(`${api.url}/graphql`, {
        method: 'POST',
        headers: {
          ...{ 'content-type': 'application/json', accept: 'text/event-stream' },
          authorization: `Bearer ${token}`,
        },
        body: JSON.stringify({ query: 'subscription { orderEvents(after: 999) { sequence } }' }),
      });
      return response.text();
    };
    const told = await refused(alone);
    expect(told).toContain('SEQUENCE_UNKNOWN');
    expect(await refused(together)).toBe(told);
  });

  it('are not counted by the names of others: an order id is a code that says nothing', async () => {
    const codes: string[] = [];
    for (let placed = 0; placed < 12; placed += 1) {
      const { id } = await together.node.place({ clientOrderId: `coded-${placed}` });
      expect(id).toMatch(/^alpha-[0-9a-z]{16}$/);
      codes.push(id);
    }
    // That twelve codes are in order by chance happens once in 479 million.
    expect(codes.toSorted()).not.toEqual(codes);
  });
});
