import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { until } from '../../testing/until.ts';
import { type JournalledVenue, openJournalledVenue } from '../testing/journalled-venue.ts';
import { INSTRUMENT, SECOND_WALLET } from '../testing/test-network.ts';

const SCRIPT = fileURLToPath(new URL('../testing/journalled-venue-process.ts', import.meta.url));

let databases: TemporaryDatabases;
let folder: string;
let url: string;
let running: ChildProcess | undefined;
let again: JournalledVenue | undefined;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-venue-'));
  url = await databases.empty('alpha');
});
afterEach(async () => {
  running?.kill('SIGKILL');
  await again?.node.close();
  again = undefined;
  await rm(folder, { recursive: true });
});

/** A venue in a process of its own, once its book is filled. */
async function startVenue() {
  const child = spawn(process.execPath, [SCRIPT, url, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  running = child;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<unknown> => JSON.parse((await lines.next()).value ?? '');
  return {
    digest: await line(),
    goOn: () => child.stdin.write('on\n'),
    line,
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

interface OpenRow {
  readonly side: string;
  readonly price: number;
  readonly open: number;
}

/** What the node recorded as open at its venue, by side and price. */
async function recorded({ node }: JournalledVenue): Promise<OpenRow[]> {
  return node.store.sql<OpenRow[]>`
    select side, limit_price::int as price, sum(quantity - filled)::int as open from venue_orders
    where status in ('new', 'partially-filled') group by side, limit_price order by side, price`;
}

it('brings a venue’s whole book back after kill -9, each order in its place', async () => {
  const venue = await startVenue();
  await venue.kill();
  again = await openJournalledVenue(url, folder);
  const { recovery, node, book } = again;
  expect(recovery).toMatchObject({ differences: [], tornBytes: 0 });
  expect(recovery.digests).toEqual({ [INSTRUMENT.id]: venue.digest });
  expect(book.digests()).toEqual({ [INSTRUMENT.id]: venue.digest });
  // The second of the bids stands first, since the first was replaced: so it is filled first.
  const hit = {
    clientOrderId: 'hit',
    side: 'sell',
    account: SECOND_WALLET,
    timeInForce: 'ioc',
    quantity: 60,
  } as const;
  await node.place(hit);
  await until(async () => (await node.order('alpha-2')).status === 'filled');
  expect((await node.order('alpha-1')).filled).toBe(0);
}, 30_000);

it('has after kill -9 in the middle of its trading exactly what the node recorded', async () => {
  const venue = await startVenue();
  venue.goOn();
  while (Number(await venue.line()) < 40);
  await venue.kill();
  again = await openJournalledVenue(url, folder);
  const { node, book, market } = again;
  await until(
    async () =>
      (await node.store.sql`select 1 from venue_orders where status = 'pending-new'`).length === 0,
  );
  await book.reconcile();
  const { bids, offers } = market.book().venues[0] ?? { bids: [], offers: [] };
  const shown = [
    ...bids.map(({ price, quantity }) => ({ side: 'buy', price, open: quantity })),
    ...offers.map(({ price, quantity }) => ({ side: 'sell', price, open: quantity })),
  ].toSorted((a, b) => a.side.localeCompare(b.side) || a.price - b.price);
  expect(shown).toEqual(await recorded(again));
  expect(shown.length).toBeGreaterThan(1);
}, 30_000);
