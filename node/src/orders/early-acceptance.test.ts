import { setTimeout as sleep } from 'node:timers/promises';
import type { VenueEvent, VenueOrder } from '@stoa/adapters';
import {
  isRefusal,
  type LegOrder,
  type OrderMessageBody,
  type OrderRequest,
  type TradingCalendar,
} from '@stoa/schema';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import type { OrderView } from './blotter/order-view.ts';
import { createMessageCheck } from './sessions/session-message-check.ts';
import { LinkNetwork } from './testing/link-network.ts';
import { ScriptedVenue } from './testing/scripted-venue.ts';
import { TestMarket } from './testing/test-market.ts';
import { directoryOf, INSTRUMENT, until } from './testing/test-network.ts';
import { orderRequest, TestNode } from './testing/test-node.ts';

const VENUES = ['alpha', 'beta'];
const directory = directoryOf(VENUES);
const DAY_MS = 86_400_000;
/** A session a day, without a break between two. */
const ALWAYS: TradingCalendar = {
  timeZone: 'UTC',
  weekdays: [1, 2, 3, 4, 5, 6, 7],
  ...{ entryOpen: '00:00', open: '00:00', close: '24:00', holidays: [], earlyCloses: [] },
};
let databases: TemporaryDatabases;
let network: LinkNetwork;
let home: TestNode;
let venue: TestNode;
/** Beta's, which says beforehand that it accepts whatever it is asked about. */
let book: ScriptedVenue;
/** What beta said to alpha, by its number in their session. */
let told: Map<number, OrderMessageBody>;
/** Legs that alpha sent to beta. */
let legs: LegOrder[];

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
beforeEach(async () => {
  network = new LinkNetwork();
  told = new Map();
  legs = [];
  network.fate = (from, to, bytes) => {
    const read = createMessageCheck(to, directory)(from, bytes, Date.now());
    if (isRefusal(read)) throw new Error(read.message);
    const { number, body } = read.message;
    if (from === 'beta' && number > 0) told.set(number, body);
    if (body.kind === 'leg-new') legs.push(body.leg);
    return 'pass';
  };
  const market = new TestMarket(INSTRUMENT.id, VENUES);
  // What waits at alpha costs, so that it waits at beta.
  const makerPpm = { alpha: 100 };
  const options = { network, market, directory, makerPpm, calendars: { beta: ALWAYS } };
  book = accepting();
  const own = new ScriptedVenue('alpha');
  home = await TestNode.open(await databases.empty('alpha'), { ...options, venue: 'alpha' }, own);
  // No leg becomes unknown while a test looks at it.
  home.legDeadlineMs = 60_000;
  await home.orders.stop();
  await home.start(own);
  venue = await TestNode.open(await databases.empty('beta'), { ...options, venue: 'beta' }, book);
  market.show('beta', { offers: [{ price: 1_000, quantity: 1_000 }] });
  network.connect('alpha', 'beta');
});
afterEach(async () => {
  await home.close();
  await venue.close();
});

function accepting(): ScriptedVenue {
  const one = new ScriptedVenue('beta');
  one.accepts = () => true;
  return one;
}

/** What beta said in the order of its numbers, all of it or of one leg. */
const reports = (of?: string): string[] =>
  [...told]
    .filter(([, body]) => of === undefined || ('legId' in body && body.legId === of))
    .toSorted(([a], [b]) => a - b)
    .map(([, body]) => body.kind);
const statusAtHome = async (id = 'alpha-1'): Promise<string> => (await home.order(id)).status;

/** Places an immediate order, and waits until its venue has acknowledged it. */
async function acknowledged(other: Partial<OrderRequest> = {}): Promise<OrderView> {
  const request = orderRequest({ timeInForce: 'ioc', ...other });
  const how = { answerOn: 'acknowledged', answerWithinMs: 60_000 } as const;
  const placed = await home.orders.place(home.caller, request, how);
  if (isRefusal(placed)) throw new Error(placed.code);
  return placed.order;
}

/** The order that beta's book got last. */
async function entered(count = 1): Promise<VenueOrder> {
  await until(() => book.entered.length >= count);
  const order = book.entered.at(-1);
  if (!order) throw new Error('no order came');
  return order;
}

/** Beta starts again, with a book that knows of nothing. */
async function restart(): Promise<void> {
  await venue.orders.stop();
  book = accepting();
  await venue.start(book);
  network.connect('alpha', 'beta');
}

/** Alpha says this to beta, under numbers of its own. */
async function say(...bodies: OrderMessageBody[]): Promise<void> {
  await home.store.db.transaction(async (tx) => home.sessions.send(tx, 'beta', ...bodies));
}

/** Alpha says this to beta, which takes all of it in in one transaction. */
async function takenInTogether(...bodies: OrderMessageBody[]): Promise<void> {
  await venue.store.sql.begin(async (held) => {
    await held`lock table session_inbox in share mode`;
    // While this one waits the others gather.
    await say({ kind: 'leg-cancel', legId: 'alpha-0.1.1' });
    await until(async () => (await heldUp()).length > 0);
    await say(...bodies);
    await until(() => legs.length > 1);
  });
  await until(() => venue.sessions.standings()[0]?.received === 2 + bodies.length);
  // They are the last that was recorded of the leg, and of what was taken in.
  const changes = await venue.store.sql`
    select xmin::text from session_inbox union
    (select xmin::text from venue_orders order by sequence desc limit 1)`;
  expect(changes).toHaveLength(1);
}

const accepted = ({ orderId }: VenueOrder): VenueEvent => ({ kind: 'accepted', orderId });
const done = (orderId: string, state: 'filled' | 'canceled'): VenueEvent => {
  const filled = state === 'filled' ? 100 : 0;
  return { kind: 'done', orderId, state, filled, reason: 'it is over' };
};

/** An order that was acknowledged beforehand, and then came to its end. */
async function ended(state: 'filled' | 'canceled'): Promise<LegOrder> {
  await acknowledged();
  const order = await entered();
  const fills = state === 'filled' ? [book.trade(order, 1, 100)] : [];
  await book.say(accepted(order), ...fills, done(order.orderId, state));
  await until(async () => (await statusAtHome()) === state);
  const [leg] = legs;
  if (!leg) throw new Error('no leg was sent');
  return leg;
}

describe('an order that its venue says beforehand it accepts', () => {
  it('is acknowledged though the book says nothing', async () => {
    expect((await acknowledged()).status).toBe('new');
    await until(async () => (await statusAtHome()) === 'new');
    expect(await entered()).toMatchObject({ quantity: 100, limitPrice: 1_000 });
    expect(book.entered).toHaveLength(1);
    expect(reports()).toEqual(['leg-accepted']);
  });

  it('is asked about as the book then gets it', async () => {
    const asked: VenueOrder[] = [];
    book.accepts = (order) => asked.push(order) > 0;
    await acknowledged();
    expect(asked).toEqual([await entered()]);
  });

  it('is not told of where the venue says no: then the book says so', async () => {
    book.accepts = () => false;
    const answer = acknowledged();
    const order = await entered();
    expect(reports()).toEqual([]);
    await book.say(accepted(order));
    expect((await answer).status).toBe('new');
    expect(reports()).toEqual(['leg-accepted']);
  });

  it('is recorded, taken in and told of in one transaction', async () => {
    await acknowledged();
    const rows = await venue.store.sql`
      select 'leg' as what, xmin::text as by from venue_orders where acceptance_told
      union all select 'number', xmin::text from session_inbox where received = 1
      union all select body ->> 'kind', xmin::text from session_outbox order by what`;
    expect(rows.map(({ what }) => what)).toEqual(['leg', 'leg-accepted', 'number']);
    expect(new Set(rows.map(({ by }) => by)).size).toBe(1);
  });

  it('is told of to nobody before that is committed', async () => {
    const answer = await venue.store.sql.begin(async (held) => {
      await held`lock table session_outbox in share mode`;
      const waiting = acknowledged();
      await until(async () => (await heldUp()).length > 0);
      await sleep(100);
      expect(await Promise.race([waiting, Promise.resolve('not yet')])).toBe('not yet');
      expect(await statusAtHome()).toBe('pending-new');
      expect(book.entered).toEqual([]);
      expect(reports()).toEqual([]);
      return { waiting };
    });
    expect((await answer.waiting).status).toBe('new');
  });

  it('is told of once, though its record came to nothing at first', async () => {
    const answer = await venue.store.sql.begin(async (held) => {
      await held`lock table session_outbox in share mode`;
      const waiting = acknowledged();
      await until(async () => (await heldUp()).length > 0);
      await held`select pg_cancel_backend(pid) from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database()`;
      return { waiting };
    });
    expect((await answer.waiting).status).toBe('new');
    expect((await entered()).quantity).toBe(100);
    expect(book.entered).toHaveLength(1);
    // The number that came to nothing says nothing.
    expect(reports()).toEqual(['acknowledge', 'leg-accepted']);
  });

  it('is not accepted a second time when the book says so, and is filled as any other', async () => {
    await acknowledged();
    const order = await entered();
    await book.say(accepted(order));
    expect(await venue.store.sql`select status from venue_orders`).toEqual([{ status: 'new' }]);
    await book.say(book.trade(order, 1, 100), done(order.orderId, 'filled'));
    await until(async () => (await statusAtHome()) === 'filled');
    expect(reports()).toEqual(['leg-accepted', 'leg-executed', 'leg-done']);
    const events = await home.store.sql`select kind from order_events order by sequence`;
    expect(events.filter(({ kind }) => kind === 'leg-accepted')).toHaveLength(1);
    expect(await home.instructions()).toHaveLength(1);
  });

  it('is rejected where its book rejects it after all, as if it was halted meanwhile', async () => {
    expect((await acknowledged()).status).toBe('new');
    const { orderId } = await entered();
    const rejection = { code: 'HALTED', message: 'Trading is halted.' };
    await book.say({ kind: 'rejected', orderId, rejection });
    await until(async () => (await statusAtHome()) === 'rejected');
    expect(await home.order('alpha-1')).toMatchObject({
      ...{ filled: 0, leaves: 0, reason: 'HALTED: Trading is halted.' },
    });
    expect(reports()).toEqual(['leg-accepted', 'leg-rejected']);
    expect(await venue.store.sql`select status from venue_orders`).toEqual([
      { status: 'rejected' },
    ]);
  });

  it('is rejected where its book is not there any more when it gets it', async () => {
    const rejection = { code: 'VENUE_NOT_READY', message: 'It is not.' };
    book.answer = () => ({ outcome: 'refused', rejection });
    expect((await acknowledged()).status).toBe('new');
    await until(async () => (await statusAtHome()) === 'rejected');
    expect(reports()).toEqual(['leg-accepted', 'leg-rejected']);
  });
});

describe('a leg that comes again', () => {
  it.each(['filled', 'canceled'] as const)(
    'is told that it is %s and not that it is accepted, and the session goes on',
    async (state) => {
      const leg = await ended(state);
      const before = told.size;
      await say({ kind: 'leg-new', leg });
      await until(() => reports().includes('leg-status'));
      // The number of the acceptance that was not written says nothing.
      const since = [...told].filter(([number]) => number > before).map(([, body]) => body);
      const { legId } = leg;
      expect(since).toEqual([
        { kind: 'acknowledge' },
        { kind: 'leg-status', legId, state, filled: state === 'filled' ? 100 : 0 },
      ]);
      expect(book.entered).toHaveLength(1);
      expect((await acknowledged()).status).toBe('new');
      await until(async () => (await statusAtHome('alpha-2')) === 'new');
      expect(await statusAtHome()).toBe(state);
      expect(reports().filter((kind) => kind === 'leg-accepted')).toHaveLength(2);
    },
  );

  it('is not told that it is accepted where it is changed in the same transaction', async () => {
    const leg = await ended('filled');
    const { legId } = leg;
    await takenInTogether({ kind: 'leg-cancel', legId }, { kind: 'leg-new', leg });
    await until(() => reports(legId).includes('leg-status'));
    expect(reports(legId).filter((kind) => kind === 'leg-accepted')).toHaveLength(1);
    expect(book.entered).toHaveLength(1);
  });

  it('is told once that it is accepted where it comes twice in one transaction', async () => {
    const legId = 'alpha-1.1.2';
    const leg = { ...(await ended('filled')), legId };
    await takenInTogether({ kind: 'leg-new', leg }, { kind: 'leg-new', leg });
    await until(() => reports(legId).includes('leg-status'));
    expect(reports(legId)).toEqual(['leg-accepted', 'leg-status']);
    expect(book.entered).toHaveLength(2);
  });
});

describe('a venue that restarts after it told of an acceptance, and before its book had the order', () => {
  it('enters one that rests into its book, and tells of its acceptance no second time', async () => {
    await acknowledged({ timeInForce: 'day', limitPrice: 995, remainder: 'rest-best' });
    const order = await entered();
    await restart();
    expect(await entered()).toEqual(order);
    expect(book.restored).toEqual([]);
    await book.say(accepted(order));
    await book.say(book.trade(order, 1, 100), done(order.orderId, 'filled'));
    await until(async () => (await statusAtHome()) === 'filled');
    expect(reports()).toEqual(['leg-accepted', 'leg-executed', 'leg-done']);
  });

  it('enters none whose day is over, and tells of its end', async () => {
    await acknowledged({ timeInForce: 'day', limitPrice: 995, remainder: 'rest-best' });
    await entered();
    venue.aheadMs = DAY_MS;
    await restart();
    await until(async () => (await statusAtHome()) === 'expired');
    expect(book.requests).toEqual([]);
    expect(reports()).toEqual(['leg-accepted', 'leg-done']);
  });

  it('tells of an immediate one that it is canceled', async () => {
    await acknowledged();
    await entered();
    await restart();
    await until(async () => (await statusAtHome()) === 'canceled');
    expect(await home.order('alpha-1')).toMatchObject({ filled: 0, leaves: 0 });
    expect(reports()).toEqual(['leg-accepted', 'leg-done']);
    expect(book.requests).toEqual([]);
  });
});

/** Statements at beta that wait for what a test holds. */
async function heldUp(): Promise<readonly unknown[]> {
  return venue.store.sql`select 1 from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`;
}
