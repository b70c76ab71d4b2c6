import type { Execution } from '@stoa/schema';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SettlementWorld } from './settlement-world.ts';

let world: SettlementWorld;
let trade: Execution;
beforeAll(async () => {
  world = await SettlementWorld.start();
});
afterAll(() => world.stop());

const differences = async () => {
  const report = await world.nodes.alpha.service.reconcile();
  expect(report.completeAtMs).toBeGreaterThan(0);
  return report.differences.map(({ kind, venue, tradeNumber }) => ({ kind, venue, tradeNumber }));
};
const ofTrade = (table: string) =>
  table === 'executions'
    ? `venue = 'beta' and trade_number = ${trade.tradeNumber}`
    : `executing_venue = 'beta' and trade_number = ${trade.tradeNumber}`;
const difference = (kind: string) => ({ kind, venue: 'beta', tradeNumber: trade.tradeNumber });

it('finds nothing where database, venue and chain say the same', async () => {
  trade = await world.trade('beta');
  const orderId = await world.order([trade, await world.trade('gamma')]);
  await world.nodes.alpha.service.closeGroup(orderId);
  await world.untilState(orderId, 'settled', 15_000);
  expect(await differences()).toEqual([]);
});

it.each([
  ['settled-unrecorded', 'settlement_legs', "state = 'submitted'", "state = 'settled'"],
  ['recorded-unreversed', 'settlement_legs', "state = 'reversed'", "state = 'settled'"],
  ['terms-differ', 'settlement_legs', 'quantity = quantity + 1', 'quantity = quantity - 1'],
  ['terms-differ', 'executions', 'price = price + 1', 'price = price - 1'],
  ['reversal-due', 'settlement_legs', "reversal = 'TRADE_BUSTED'", 'reversal = null'],
])(
  'finds %s when %s has %s, and forgets it when that is mended',
  async (kind, table, harm, mend) => {
    const { alpha } = world.nodes;
    // No worker that would see to it meanwhile.
    await alpha.service.stop();
    await alpha.tamper(`update ${table} set ${harm} where ${ofTrade(table)}`);
    expect(await differences()).toEqual([difference(kind)]);
    const text = await alpha.metrics.metrics();
    expect(text).toContain(`stoa_settlement_differences{kind="${kind}"} 1`);
    await alpha.tamper(`update ${table} set ${mend} where ${ofTrade(table)}`);
    expect(await differences()).toEqual([]);
  },
);

it('finds what is recorded as settled and is not on chain, and what nobody instructed', async () => {
  const { alpha } = world.nodes;
  await alpha.tamper(`
    insert into settlement_legs
      (executing_venue, trade_number, execution_id, home_venue, instrument, price, quantity, token,
       cash_token, seller, buyer, token_quantity, cash_amount, state, block_number, recorded_at_ms)
    select executing_venue, 900, 'beta-900', home_venue, instrument, price, quantity, token,
       cash_token, seller, buyer, token_quantity, cash_amount, 'settled', 1, recorded_at_ms
    from settlement_legs where ${ofTrade('settlement_legs')}`);
  await alpha.tamper(`
    insert into executions
      (venue, execution_id, trade_number, instrument, price, quantity, buyer, seller, home_venue,
       executed_at_ms, recorded_at_ms)
    select venue, 'beta-901', 901, instrument, price, quantity, buyer, seller, home_venue,
       executed_at_ms, recorded_at_ms - 120000
    from executions where ${ofTrade('executions')}`);
  expect(await differences()).toEqual(
    expect.arrayContaining([
      { kind: 'recorded-unsettled', venue: 'beta', tradeNumber: 900 },
      { kind: 'execution-missing', venue: 'beta', tradeNumber: 900 },
      { kind: 'instruction-missing', venue: 'beta', tradeNumber: 901 },
    ]),
  );
});
