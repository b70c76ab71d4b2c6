import { decodeSettlementLogs, type SettledLeg } from '@stoa/contracts';
import type { VenueId } from '@stoa/schema';
import { connectLocalChain } from '../chain/chain-writer.ts';
import { demoInstrument } from '../chain/deploy-network.ts';
import type { Network } from '../harness/network.ts';
import { amountOf, type Holding } from './holdings.ts';
import { readStore } from './stored-trades.ts';

/** A trade as a venue's store has it. */
export interface StoredTrade {
  readonly venue: VenueId;
  readonly tradeNumber: string;
  readonly executionId: string;
  readonly price: string;
  readonly quantity: string;
  readonly buyer: string;
  readonly seller: string;
}

/** All trades in which a member's order took part, as one venue's store has them. */
export function readTrades(network: Network, store: VenueId): Promise<StoredTrade[]> {
  return readStore(
    network,
    store,
    (sql) => sql<StoredTrade[]>`
      select venue, trade_number::text as "tradeNumber", execution_id as "executionId",
        price::text, quantity::text, lower(buyer) as buyer, lower(seller) as seller
      from executions order by venue, trade_number`,
  );
}

/** Where an order's own numbers, its legs and its executions do not say the same, at its home. */
export function readUnevenOrders(network: Network, home: VenueId): Promise<{ id: string }[]> {
  return readStore(
    network,
    home,
    (sql) => sql<{ id: string }[]>`
      select id from orders
      where filled <> coalesce((select sum(filled) from legs where order_id = orders.id), 0)
        or filled <> coalesce((select sum(executions.quantity) from executions, legs
          where order_id = orders.id and legs.id in (buy_leg_id, sell_leg_id)), 0)
        or filled <> coalesce((select sum(fill.quantity) from order_events,
          jsonb_to_record(data) as fill(quantity bigint)
          where order_id = orders.id and kind = 'leg-executed'), 0)`,
  );
}

/** Every leg that ever settled on the chain. */
export async function readSettledLegs(network: Network): Promise<readonly SettledLeg[]> {
  const { settlement } = network.chain;
  const logs = await connectLocalChain(network.rpcUrl).getLogs({
    address: settlement,
    fromBlock: 0n,
  });
  return decodeSettlementLogs(logs, settlement).settled;
}

/** What the trades say that each party's holdings moved by, against what they did move by. */
export function unexplainedMoves(
  network: Network,
  trades: readonly StoredTrade[],
  before: readonly Holding[],
  after: readonly Holding[],
): string[] {
  const parties = new Map([[network.chain.alice.address.toLowerCase(), 'alice']]);
  for (const [venue, wallet] of Object.entries(network.chain.flowWallets)) {
    parties.set(wallet.address.toLowerCase(), `${venue}-flow`);
  }
  const expected = new Map<string, bigint>();
  const move = (wallet: string, asset: Holding['asset'], amount: bigint): void => {
    const key = `${parties.get(wallet) ?? wallet} ${asset}`;
    expected.set(key, (expected.get(key) ?? 0n) + amount);
  };
  for (const { price, quantity, buyer, seller } of trades) {
    const tokens = BigInt(quantity) * 10n ** BigInt(demoInstrument.tokenDecimals);
    // Six decimals of the cash, of which the price has the first four.
    const cash = BigInt(price) * BigInt(quantity) * 100n;
    move(buyer, 'ACME', tokens);
    move(seller, 'ACME', -tokens);
    move(buyer, 'DUSD', -cash);
    move(seller, 'DUSD', cash);
  }
  return after.flatMap(({ party, asset }) => {
    const moved = amountOf(after, party, asset) - amountOf(before, party, asset);
    const wanted = expected.get(`${party} ${asset}`) ?? 0n;
    return moved === wanted ? [] : [`${party} ${asset}: ${moved}, and not ${wanted}`];
  });
}
