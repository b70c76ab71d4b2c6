import type { Quantity } from '@stoa/schema';
import { isComplete, type LegState } from '../life/order-state.ts';
import type { PartedNodes } from './parted-nodes.ts';

interface VenueRow {
  readonly leg_id: string;
  readonly quantity: string;
  readonly pending_quantity: string | null;
  readonly filled: string;
  readonly is_open: boolean;
}

/**
 * What of an order was executed, and what still could be, wherever it is: on its way, recorded at its
 * venue, in an engine. Read in the order in which quantity moves, so that none is counted twice.
 */
export async function atRisk(parted: PartedNodes, orderId: string): Promise<Quantity> {
  const legs = await parted.nodes.alpha.legs(orderId);
  const rows = new Map<string, VenueRow>();
  for (const node of Object.values(parted.nodes)) {
    for (const row of await venueRows(node, orderId)) rows.set(row.leg_id, row);
  }
  return legs.reduce((sum, leg) => sum + riskOf(parted, leg, rows.get(leg.id)), 0);
}

function riskOf({ engines }: PartedNodes, leg: LegState, row: VenueRow | undefined): Quantity {
  const engine = engines[leg.venue === 'alpha' ? 'alpha' : 'beta'].of(leg.id);
  if (engine && !engine.isOpen) return engine.executed;
  if (row && !row.is_open) return Number(row.filled);
  // Whatever its home believes: what its venue has not recorded is still to come, or to come again.
  return Math.max(
    ...[leg.quantity, leg.pending?.quantity ?? 0, engine?.most ?? 0],
    ...[Number(row?.quantity ?? 0), Number(row?.pending_quantity ?? 0)],
  );
}

async function venueRows(
  { store }: PartedNodes['nodes']['alpha'],
  orderId: string,
): Promise<VenueRow[]> {
  return store.sql<VenueRow[]>`
    select leg_id, quantity, pending_quantity, filled,
      status not in ('filled', 'canceled', 'rejected', 'expired') as is_open
    from venue_orders where leg_id like ${`${orderId}.%`} order by leg_id`;
}

/** One side's word on an order: its trades, and its legs with what is left of them. */
export interface View {
  readonly trades: readonly string[];
  readonly legs: readonly string[];
}

/** A leg that never came to be is nobody's to remember. */
function leg(id: string, filled: number, left: number): string[] {
  return filled + left > 0 ? [`${id}: ${filled}, ${left} left`] : [];
}

/** The order's home, the venues' nodes, and the engines: three that must say the same in the end. */
export async function threeViews(
  { nodes, engines }: PartedNodes,
  orderId: string,
): Promise<{ readonly home: View; readonly executing: View; readonly engines: View }> {
  const pattern = `${orderId}.%`;
  const tradesOf = async ({ store, venue }: PartedNodes['nodes']['alpha'], at?: string) => {
    const rows = await store.sql<{ trade: string }[]>`
      select concat_ws(' ', buy_leg_id, execution_id, quantity) as trade from executions
      where buy_leg_id like ${pattern} and (${at === undefined} or venue = ${venue})`;
    return rows.map(({ trade }) => trade);
  };
  const both = Object.values(nodes);
  const trades = await Promise.all(both.map((node) => tradesOf(node, node.venue)));
  const rows = await Promise.all(both.map((node) => venueRows(node, orderId)));
  const homeLegs = await nodes.alpha.legs(orderId);
  const ledgers = Object.values(engines);
  return {
    home: {
      trades: (await tradesOf(nodes.alpha)).toSorted(),
      legs: homeLegs
        .flatMap((each) =>
          leg(each.id, each.filled, isComplete(each) ? 0 : each.quantity - each.filled),
        )
        .toSorted(),
    },
    executing: {
      trades: trades.flat().toSorted(),
      legs: rows
        .flat()
        .flatMap(({ leg_id, quantity, filled, is_open }) =>
          leg(leg_id, Number(filled), is_open ? Number(quantity) - Number(filled) : 0),
        )
        .toSorted(),
    },
    engines: {
      trades: ledgers
        .flatMap((ledger) => ledger.trades)
        .filter((trade) => trade.orderId.startsWith(`${orderId}.`))
        .map((trade) => `${trade.orderId} ${trade.executionId} ${trade.quantity}`)
        .toSorted(),
      legs: homeLegs
        .flatMap(({ id }) => {
          const known = ledgers.flatMap((ledger) => ledger.of(id) ?? []);
          return known.flatMap(({ most, executed, isOpen }) =>
            leg(id, executed, isOpen ? most - executed : 0),
          );
        })
        .toSorted(),
    },
  };
}
