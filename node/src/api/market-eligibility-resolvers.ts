import {
  type DirectorySource,
  formatDecimal,
  type Instrument,
  type InstrumentId,
  type Side,
  type VenueId,
} from '@stoa/schema';
import type { PreTradeChecks } from '../compliance/pre-trade.ts';
import type { SettleableLevel } from '../compliance/settlement-means.ts';
import type { BookLevel, MarketView } from '../market/market-view.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import type { ApiOrders } from './api-services.ts';

/** What the eligibility part of the API is served from. */
export interface EligibilityNeeds {
  readonly venue: VenueId;
  readonly market: MarketView;
  readonly directory: DirectorySource;
  readonly preTrade: Pick<PreTradeChecks, 'settleableLevels'>;
  readonly orders: Pick<ApiOrders, 'promised'>;
}

/** A level of the book with what one account could settle of it. */
type JudgedLevel = BookLevel & SettleableLevel;

/** Resolvers of the SDL's eligibility part. */
export function createEligibilityResolvers(needs: EligibilityNeeds) {
  const { venue, market, directory, orders, preTrade } = needs;
  return {
    Query: {
      async settleableBook(
        _root: unknown,
        args: { readonly instrument: InstrumentId; readonly account: `0x${string}` },
        context: ApiContext,
      ) {
        // Each answer costs calls to the chain, so it is for callers of this node.
        const caller = requireCaller(context, venue, 'orders:read');
        const instrument = directory.current().instruments.get(args.instrument);
        if (!instrument) return null;
        const { version, bids, offers } = market.book(instrument.id);
        const { account } = args;
        const judged = async (side: Side, shown: readonly BookLevel[]): Promise<JudgedLevel[]> => {
          const promised = orders.promised(caller, { account, instrument, side });
          const question = { instrument, side, account, promised };
          const levels = await preTrade.settleableLevels(question, shown);
          return shown.flatMap((level, index) => {
            const found = levels[index];
            return found ? [{ ...level, ...found }] : [];
          });
        };
        const [toSell, toBuy] = await Promise.all([judged('sell', bids), judged('buy', offers)]);
        return {
          instrument: instrument.id,
          account,
          version,
          bid: bestOutput(instrument, toSell),
          offer: bestOutput(instrument, toBuy),
          bids: toSell.map((level) => levelOutput(instrument, level)),
          offers: toBuy.map((level) => levelOutput(instrument, level)),
          sellRefusal: firstRefusal(toSell),
          buyRefusal: firstRefusal(toBuy),
        };
      },
    },
  };
}

function firstRefusal(levels: readonly JudgedLevel[]) {
  return levels.find(({ refusal }) => refusal !== undefined)?.refusal ?? null;
}

/** The best level of which one lot at least could settle: who cannot settle one can settle nothing. */
function bestOutput(instrument: Instrument, levels: readonly JudgedLevel[]) {
  const best = levels.find(({ settleableQuantity }) => settleableQuantity >= instrument.lotSize);
  if (!best) return null;
  return { ...levelOutput(instrument, best), venues: best.venues.map(({ venue }) => venue) };
}

function levelOutput(
  { priceDecimals, quantityDecimals, lotSize }: Instrument,
  { price, quantity, settleableQuantity, venues, refusal }: JudgedLevel,
) {
  const decimal = (units: number): string => formatDecimal(units, quantityDecimals);
  return {
    price: formatDecimal(price, priceDecimals),
    quantity: decimal(quantity),
    settleableQuantity: decimal(settleableQuantity),
    venues: venues.map((part) => {
      const whole = part.quantity - (part.quantity % lotSize);
      return {
        venue: part.venue,
        quantity: decimal(part.quantity),
        settleableQuantity: decimal(Math.min(whole, settleableQuantity)),
      };
    }),
    refusal: refusal ?? null,
  };
}
