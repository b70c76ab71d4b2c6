import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type SeededRandom, seededRandom } from '@stoa/adapters/seeded-random';
import type { VenueId } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO_VENUES, shippedFlow } from '../harness/demo-venues.ts';
import { type Network, startNetwork } from '../harness/network.ts';
import type { BookAnswer, BrokerDesk, OrderAnswer, OrderInput } from './broker-desk.ts';
import { openBrokerDesk } from './broker-desk.ts';
import { readHoldings } from './holdings.ts';
import { awaitReplayedMarket } from './market-ready.ts';
import { eventually, scenarioFailure } from './scenario-failure.ts';
import {
  readSettledLegs,
  readTrades,
  readUnevenOrders,
  type StoredTrade,
  unexplainedMoves,
} from './trade-audit.ts';

const [HOME] = DEMO_VENUES;
const ORDERS = 40;
/** Every venue dies at least once, home and one other twice. */
const VICTIMS: readonly VenueId[] = [...DEMO_VENUES, HOME, 'beta'];
const ENDED = /^(FILLED|CANCELED|REJECTED|EXPIRED)$/;
/** What a client is to send again: the node is not there, or cannot look at the chain yet. */
const TRY_AGAIN = /NODE_UNAVAILABLE|NODE_NOT_OPEN|CHECK_UNAVAILABLE|HALTED|errors/;

describe('a stream of orders while nodes are killed and started again', () => {
  let network: Network;
  let desk: BrokerDesk;
  let book: BookAnswer;

  beforeAll(async () => {
    network = await startNetwork({
      baseFolder: `${tmpdir()}/stoa-e2e`,
      flows: new Map(DEMO_VENUES.map((venue) => [venue, shippedFlow(venue)])),
      flowSpeed: 'max',
    });
    desk = await openBrokerDesk(network);
    book = await awaitReplayedMarket(network, desk, () => undefined);
  }, 120_000);
  afterAll(() => network?.stop());

  it('ends every order, and settles every trade exactly once', async ({ onTestFailed }) => {
    const seed = Number(process.env['STOA_CRASH_SEED'] ?? Date.now() % 1_000_000);
    onTestFailed(() => console.error(`again with STOA_CRASH_SEED=${seed}`));
    const random = seededRandom(seed);
    const before = await readHoldings(network);

    const kills = planKills(random);
    const dying: Promise<unknown>[] = [];
    for (let index = 0; index < ORDERS; index += 1) {
      const input = anOrder(random, network, book, index);
      const placing = placeUntilTaken(desk, input);
      for (const { venue, delayMs } of kills.get(index) ?? []) {
        dying.push(killAndRestart(network, venue, delayMs));
      }
      await placing;
      await sleep(random.between(0, 120));
    }
    await Promise.all(dying);

    const orders = await endAll(desk);
    for (const order of orders) {
      const executed = order.executions.reduce((sum, one) => sum + Number(one.quantity), 0);
      expect(Number(order.filled), order.id).toBe(executed);
      expect(
        order.legs.reduce((sum, leg) => sum + Number(leg.filled), 0),
        order.id,
      ).toBe(executed);
      expect(order.settlements.filter(({ state }) => state !== 'SETTLED')).toEqual([]);
    }
    const trades = await tradesOnWhichAllStoresAgree(network);
    expect(trades.length).toBeGreaterThan(ORDERS / 4);
    expect(await readUnevenOrders(network, HOME)).toEqual([]);
    const name = (venue: string, number: string | bigint) => `${venue} ${number}`;
    const settled = (await readSettledLegs(network)).map((leg) =>
      name(leg.executingVenue, leg.tradeNumber),
    );
    expect(settled.toSorted()).toEqual(
      trades.map(({ venue, tradeNumber }) => name(venue, tradeNumber)).toSorted(),
    );
    expect(unexplainedMoves(network, trades, before, await readHoldings(network))).toEqual([]);
  }, 120_000);
});

/** Which venue is killed how soon after which order goes out. */
function planKills(random: SeededRandom): Map<number, { venue: VenueId; delayMs: number }[]> {
  const plan = new Map<number, { venue: VenueId; delayMs: number }[]>();
  for (const venue of VICTIMS) {
    const index = random.between(2, ORDERS - 5);
    const kill = { venue, delayMs: random.between(0, 60) };
    plan.set(index, [...(plan.get(index) ?? []), kill]);
  }
  return plan;
}

async function killAndRestart(network: Network, venue: VenueId, delayMs: number): Promise<void> {
  await sleep(delayMs);
  const node = network.venues.get(venue);
  // Dead already: then it dies a little later than planned.
  if (!node) return;
  node.process.kill('SIGKILL');
  await node.process.exited;
  await network.restartVenue(venue);
}

/** Immediate orders of all sizes, some of them all or none, and some that wait at home. */
function anOrder(
  random: SeededRandom,
  network: Network,
  book: BookAnswer,
  index: number,
): OrderInput {
  const timeInForce = random.pick(['IOC', 'IOC', 'IOC', 'FOK', 'DAY'] as const);
  const best = Number(timeInForce === 'DAY' ? book.cbbo.bid?.price : book.cbbo.offer?.price);
  const cents = timeInForce === 'DAY' ? 0 : random.between(0, 12);
  return {
    clientOrderId: `crash-${index}`,
    instrument: network.chain.instrument,
    account: network.chain.alice.address,
    side: 'BUY',
    type: 'LIMIT',
    timeInForce,
    quantity: String(random.between(1, timeInForce === 'DAY' ? 50 : 1_500)),
    limitPrice: (best + cents / 100).toFixed(2),
  };
}

/** What every client of an exchange does: the same request under the same id until there is an answer. */
function placeUntilTaken(desk: BrokerDesk, input: OrderInput): Promise<OrderAnswer> {
  return eventually(`An answer to ${input.clientOrderId}`, async () => {
    const placed = await answerOf(() => desk.place(input));
    if (placed === undefined) return undefined;
    if ('order' in placed) return placed.order;
    const { code, message } = placed.refusal;
    if (TRY_AGAIN.test(code)) return undefined;
    throw scenarioFailure(`Order ${input.clientOrderId} was refused: ${code}: ${message}`);
  });
}

/** An answer; undefined where there was none because the node was dead. */
async function answerOf<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Error && TRY_AGAIN.test(error.message)) return undefined;
    throw error;
  }
}

/** Cancels what waits, and waits for the end of every order and of its settlement. */
async function endAll(desk: BrokerDesk): Promise<OrderAnswer[]> {
  const orders: OrderAnswer[] = [];
  for (let index = 0; index < ORDERS; index += 1) {
    const id = `crash-${index}`;
    const order = await eventually(`Order ${id}`, () => answerOf(() => desk.order(id)));
    if (order && !ENDED.test(order.status)) await desk.cancel(order.id);
    const ended = await desk.settledOrder(id);
    orders.push(ended);
  }
  return orders;
}

/** All trades, once their venues' stores and the home's say the same of them. */
async function tradesOnWhichAllStoresAgree(network: Network): Promise<StoredTrade[]> {
  const atHome = await readTrades(network, HOME);
  const atVenues = await Promise.all(
    DEMO_VENUES.map(async (venue) =>
      (await readTrades(network, venue)).filter((trade) => trade.venue === venue),
    ),
  );
  expect(atHome).toEqual(atVenues.flat());
  return atHome;
}
