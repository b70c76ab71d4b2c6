import type { LegOrder } from '@stoa/schema';
import { isRefusal } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import { venueOrders } from '../../store/tables/venue-orders.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { BROKER_WALLET, directoryOf, INSTRUMENT } from '../testing/test-network.ts';
import { CounterpartyGate } from './counterparty-gate.ts';
import { parseRoutingAgreements, RoutingAgreements } from './routing-agreements.ts';
import { defaultVenueTerms } from './venue-terms-book.ts';

let databases: TemporaryDatabases;
let store: OpenDatabase;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  store = await openDatabase(await databases.empty('beta'));
});
afterAll(async () => {
  await store.close();
  await databases.stop();
});

/** Rests 100 at 10.00: a thousand in cash. */
function leg(number: number, other: Partial<LegOrder> = {}): LegOrder {
  return {
    legId: `alpha-${number}.1.1`,
    ...{ instrument: INSTRUMENT.id, side: 'buy', timeInForce: 'gtc' },
    ...{ quantity: 100, limitPrice: 1_000, member: 'broker', account: BROKER_WALLET },
    ...other,
  };
}

function gateOf(maxOpenNotional: string): CounterpartyGate {
  const orders = ['immediate', 'resting'];
  const file = parseRoutingAgreements({ from: [{ venue: 'alpha', orders, maxOpenNotional }] });
  if (isRefusal(file)) throw new Error(file.message);
  return new CounterpartyGate('beta', {
    directory: directoryOf(['alpha', 'beta']),
    terms: defaultVenueTerms({ allOrNone: false, minQuantity: false }),
    agreements: new RoutingAgreements(file),
    nowMs: Date.now,
  });
}

describe('the gate for orders of other venues', () => {
  it('adds up what is open of a home venue, and nothing else', async () => {
    const row = (homeVenue: string, order: LegOrder, more: object) => ({
      ...order,
      ...{ homeVenue, status: 'new' as const, filled: 0, receivedAtMs: 0 },
      ...more,
    });
    await store.db
      .insert(venueOrders)
      .values([
        row('alpha', leg(1), { filled: 40, status: 'partially-filled' }),
        row('alpha', leg(2), {}),
        row('alpha', leg(3), { filled: 100, status: 'filled' }),
        row('alpha', leg(4), { status: 'canceled' }),
        row('gamma', leg(5, { legId: 'gamma-5.1.1' }), {}),
      ]);
    // 600 and 1,000 are open; a third order adds 1,000.
    const judge = (gate: CounterpartyGate, order: LegOrder) =>
      store.db.transaction((tx) => gate.whyNotTaken(tx, 'alpha', order, Date.now()));
    expect(await judge(gateOf('2600'), leg(6))).toBeUndefined();
    expect(await judge(gateOf('2599'), leg(6))).toMatchObject({
      code: 'OVER_AGREED_OPEN_NOTIONAL',
    });

    // A replacement is not counted against itself: 600 stay open beside it.
    const [second] = (await store.db.select().from(venueOrders)).filter(
      ({ legId }) => legId === leg(2).legId,
    );
    if (!second) throw new Error('the row is gone');
    const replace = (gate: CounterpartyGate, quantity: number) =>
      store.db.transaction((tx) =>
        gate.whyNotReplaced(tx, 'alpha', second, { quantity, limitPrice: 1_000 }),
      );
    expect(await replace(gateOf('1700'), 110)).toBeUndefined();
    expect(await replace(gateOf('1700'), 120)).toMatchObject({ code: 'OVER_AGREED_OPEN_NOTIONAL' });
  });
});
