import type { Hex } from 'viem';
import type { SettlementWorld } from './settlement-world.ts';

/** An order of a home's to sell, whose leg rests in beta's book. */
export async function restAtBeta(
  world: SettlementWorld,
  { home, id, account }: { home: 'alpha' | 'gamma'; id: string; account: Hex },
): Promise<void> {
  const node = world.nodes[home];
  const { instrument } = world.fixture.network;
  await node.recordOrder({ id, member: 'harbor' });
  await node.tamper(`update orders set side = 'sell', account = '${account}',
    instrument = '${instrument}', status = 'new', filled = 0, leaves = 1 where id = '${id}'`);
  await node.tamper(`update legs set status = 'new', filled = 0, purpose = 'rest', venue = 'beta'
    where id = '${id}.1.1'`);
  await takeAtBeta(world, { home, legId: `${id}.1.1`, account, side: 'sell' });
}

/** A leg in beta's record. */
export function takeAtBeta(
  world: SettlementWorld,
  { home, legId, account, side }: Record<'home' | 'legId' | 'account' | 'side', string>,
): Promise<void> {
  return world.nodes.beta.tamper(`insert into venue_orders (leg_id, home_venue, member, account, instrument,
    side, time_in_force, quantity, limit_price, status, filled, received_at_ms) values ('${legId}', '${home}',
    'harbor', '${account}', '${world.fixture.network.instrument}', '${side}', 'day', 999, 1, 'new', 0, 1)`);
}

/** What rests at beta of the order `gamma-9`. */
export const restingLegOfGamma = 'gamma-9.1.1';

/** An order of alpha's that traded with it, whose settlement is under way. */
export async function settleAgainstGamma(world: SettlementWorld): Promise<string> {
  const trade = world.nextTrade('beta');
  await world.nodes.beta.recordTrade(trade, { sellLegId: restingLegOfGamma });
  const id = await world.order([trade]);
  await world.nodes.alpha.service.closeGroup(id);
  return id;
}

/** What beta makes of the newest mandate that it was told of. */
export async function heldAtBeta(world: SettlementWorld): Promise<string | undefined> {
  return (await world.nodes.beta.mandates()).at(-1)?.state;
}

/** The quantity of the mandate of gamma's word that beta counts. */
export async function countedAtBeta(world: SettlementWorld): Promise<string | undefined> {
  const rows = await world.nodes.beta.mandates();
  return rows.find((row) => row.source === 'gamma' && row.state === 'active')?.signed.quantity;
}
