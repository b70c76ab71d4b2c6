import { formatDecimal, isRefusal, parseDecimal } from '@stoa/schema';
import { demoInstrument } from '../chain/deploy-network.ts';
import type { Network } from '../harness/network.ts';
import type { BookAnswer, BrokerDesk, OrderAnswer } from './broker-desk.ts';
import { ASSET_DECIMALS, amountOf, type Holding, readHoldings } from './holdings.ts';
import { planSplitBuy } from './plan-order.ts';
import { scenarioFailure } from './scenario-failure.ts';

/** One order over several venues, from the book it saw to the balances it left. */
export interface SplitTrade {
  readonly book: BookAnswer;
  readonly order: OrderAnswer;
  readonly before: readonly Holding[];
  readonly after: readonly Holding[];
}

/** An amount of the API as an integer of so many decimals. */
export function integerOf(text: string, decimals: number): bigint {
  const value = parseDecimal(text, decimals);
  if (isRefusal(value)) throw scenarioFailure(value.message);
  return value;
}

const { priceDecimals, quantityDecimals, lotSize } = demoInstrument;

/**
 * Places a buy larger than the best venue can fill, waits until it has settled, and checks that at
 * least two venues filled it and that the chain moved exactly what was executed.
 */
export async function tradeAcrossVenues(
  network: Network,
  desk: BrokerDesk,
  input: {
    readonly book: BookAnswer;
    readonly clientOrderId: string;
    readonly onPlaced?: () => void;
  },
): Promise<SplitTrade> {
  const { book, clientOrderId } = input;
  const plan = planSplitBuy(
    book.offers.map((level) => ({
      price: integerOf(level.price, priceDecimals),
      venues: level.venues.map((share) => ({
        venue: share.venue,
        quantity: integerOf(share.quantity, quantityDecimals),
      })),
    })),
    lotSize,
  );
  if (isRefusal(plan)) throw scenarioFailure(`${plan.message} ${plan.action}`);
  const before = await readHoldings(network);
  const placed = await desk.place({
    clientOrderId,
    instrument: network.chain.instrument,
    account: network.chain.alice.address,
    side: 'BUY',
    type: 'LIMIT',
    timeInForce: 'IOC',
    quantity: formatDecimal(plan.quantity, quantityDecimals),
    limitPrice: formatDecimal(plan.limitPrice, priceDecimals),
  });
  if ('refusal' in placed) {
    throw scenarioFailure(
      `The order was refused: ${placed.refusal.code}: ${placed.refusal.message}`,
    );
  }
  input.onPlaced?.();
  const order = await desk.settledOrder(clientOrderId);
  const after = await readHoldings(network);
  checkFilled(order);
  checkMoved(order, before, after);
  return { book, order, before, after };
}

function checkFilled(order: OrderAnswer): void {
  const venues = new Set(order.executions.map((one) => one.venue.id));
  if (order.status !== 'FILLED' || order.filled !== order.quantity || venues.size < 2) {
    throw scenarioFailure('The order was not filled over at least two venues.', { order });
  }
  const [settlement, ...more] = order.settlements;
  if (settlement?.state !== 'SETTLED' || more.length > 0) {
    throw scenarioFailure('The legs were not settled in one transaction.', { order });
  }
}

/** Delivery against payment, to the last unit: what executions say is what the chain moved. */
function checkMoved(
  order: OrderAnswer,
  before: readonly Holding[],
  after: readonly Holding[],
): void {
  const expected = new Map<string, bigint>();
  const add = (party: string, asset: Holding['asset'], amount: bigint) =>
    expected.set(`${party} ${asset}`, (expected.get(`${party} ${asset}`) ?? 0n) + amount);
  for (const execution of order.executions) {
    // 18 decimals of the token, 6 of the cash: exact, as the instrument's own decimals are fewer.
    const shares = integerOf(execution.quantity, demoInstrument.tokenDecimals);
    const cash = integerOf(execution.price, ASSET_DECIMALS.DUSD) * integerOf(execution.quantity, 0);
    const seller = `${execution.venue.id}-flow`;
    add('alice', 'ACME', shares);
    add('alice', 'DUSD', -cash);
    add(seller, 'ACME', -shares);
    add(seller, 'DUSD', cash);
  }
  for (const { party, asset } of after) {
    const moved = amountOf(after, party, asset) - amountOf(before, party, asset);
    if (moved === (expected.get(`${party} ${asset}`) ?? 0n)) continue;
    throw scenarioFailure(`${party}'s ${asset} moved by ${moved}, not as the executions say.`, {
      order,
    });
  }
}
