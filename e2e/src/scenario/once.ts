import { CodedError } from '@stoa/schema';
import { DEMO_VENUES } from '../harness/demo-venues.ts';
import { type Network, type NetworkOptions, startNetwork } from '../harness/network.ts';
import { openBrokerDesk } from './broker-desk.ts';
import { holdingText } from './holdings.ts';
import { awaitReplayedMarket } from './market-ready.ts';
import {
  type ObservedRefusal,
  refuseSecondSettlement,
  refuseUnverifiedInvestor,
  rejectForgedQuote,
} from './refusals.ts';
import { type SplitTrade, tradeAcrossVenues } from './split-trade.ts';
import { checkStoresAgree } from './stored-trades.ts';

/** What one run of the whole scenario came to. Amounts are decimal strings. */
export interface OnceReport {
  readonly venues: readonly {
    readonly id: string;
    readonly bid: { price: string; quantity: string } | null;
    readonly offer: { price: string; quantity: string } | null;
  }[];
  readonly cbbo: SplitTrade['book']['cbbo'];
  readonly order: {
    readonly id: string;
    readonly quantity: string;
    readonly filled: string;
    readonly averagePrice: string | null;
    readonly state: string;
  };
  readonly legs: readonly { venue: string; quantity: string; price: string }[];
  readonly executions: readonly { venue: string; id: string; price: string; quantity: string }[];
  readonly settlement: {
    readonly transactionHash: string | null;
    readonly blockNumber: number | null;
    readonly state: string;
  };
  readonly balances: {
    readonly before: readonly { party: string; asset: string; amount: string }[];
    readonly after: readonly { party: string; asset: string; amount: string }[];
  };
  readonly refusals: readonly ObservedRefusal[];
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly ok: boolean;
}

/** A run that did not hold: why, and how far it came. */
export interface FailedReport {
  readonly ok: false;
  readonly error: { readonly code: string; readonly message: string };
  readonly stagesMs: Readonly<Record<string, number>>;
}

/**
 * One trade across three venues, end to end: starts a network, replays each venue's order flow,
 * trades on the book it leaves, settles, compares chain, stores and gateway, sees three refusals.
 */
export async function runOnce(options: NetworkOptions): Promise<OnceReport | FailedReport> {
  const stagesMs: Record<string, number> = {};
  const began = performance.now();
  const say = options.onProgress ?? (() => undefined);
  let network: Network | undefined;
  try {
    network = await startNetwork(options);
    Object.assign(stagesMs, network.stagesMs);
    const report = await runScenario(network, stagesMs, say);
    stagesMs.total = Math.round(performance.now() - began);
    return { ...report, stagesMs, ok: true };
  } catch (error) {
    stagesMs.total = Math.round(performance.now() - began);
    const code = error instanceof CodedError ? error.code : 'UNEXPECTED';
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof CodedError && Object.keys(error.data).length > 0) {
      say(
        JSON.stringify(error.data, (_key, value) =>
          typeof value === 'bigint' ? `${value}` : value,
        ),
      );
    }
    return { ok: false, error: { code, message }, stagesMs };
  } finally {
    say('stopping the network');
    await network?.stop();
  }
}

type Findings = Omit<OnceReport, 'stagesMs' | 'ok'>;

async function runScenario(
  network: Network,
  stagesMs: Record<string, number>,
  say: (message: string) => void,
): Promise<Findings> {
  const stage = async <T>(name: string, message: string, run: () => Promise<T>): Promise<T> => {
    say(message);
    const began = performance.now();
    const result = await run();
    stagesMs[name] = Math.round(performance.now() - began);
    return result;
  };
  const desk = await openBrokerDesk(network);
  const book = await stage('replay', 'replaying the order flow of each venue', () =>
    awaitReplayedMarket(network, desk, say),
  );
  const trade = await stage('trade', 'placing a buy larger than the best venue can fill', () =>
    tradeAcrossVenues(network, desk, { book, clientOrderId: 'once-1' }),
  );
  await stage('reconcile', 'comparing chain, stores and gateway', () =>
    checkStoresAgree(network, DEMO_VENUES[0], trade.order),
  );
  const refusals = await stage('refusals', 'seeing three refusals', async () => [
    await refuseUnverifiedInvestor(network, desk, trade.order.averagePrice?.split('.')[0] ?? '1'),
    await rejectForgedQuote(network),
    await refuseSecondSettlement(network, trade),
  ]);
  return { ...tradeReport(trade), refusals };
}

function tradeReport({ book, order, before, after }: SplitTrade): Omit<Findings, 'refusals'> {
  const [settlement] = order.settlements;
  const balances = (holdings: SplitTrade['before']) =>
    holdings.map((one) => ({ party: one.party, asset: one.asset, amount: holdingText(one) }));
  return {
    venues: book.venues.map(({ venue, bid, offer }) => ({ id: venue.id, bid, offer })),
    cbbo: book.cbbo,
    order: {
      id: order.id,
      quantity: order.quantity,
      filled: order.filled,
      averagePrice: order.averagePrice,
      state: order.status,
    },
    legs: order.legs.map((leg) => ({
      venue: leg.venue.id,
      quantity: leg.quantity,
      price: leg.limitPrice,
    })),
    executions: order.executions.map((one) => ({
      venue: one.venue.id,
      id: one.executionId,
      price: one.price,
      quantity: one.quantity,
    })),
    settlement: {
      transactionHash: settlement?.transactionHash ?? null,
      blockNumber: settlement?.blockNumber ?? null,
      state: settlement?.state ?? 'NONE',
    },
    balances: { before: balances(before), after: balances(after) },
  };
}
