import {
  type DirectorySource,
  formatDecimal,
  type Instrument,
  type InstrumentId,
  type Side,
  type VenueId,
} from '@stoa/schema';
import type { PreTradeChecks } from '../compliance/pre-trade.ts';
import type { BookLevel, MarketView } from '../market/market-view.ts';
import { type ApiContext, requireCaller } from './api-context.ts';

/** What the eligibility part of the API is served from. */
export interface EligibilityNeeds {
  readonly venue: VenueId;
  readonly market: MarketView;
  readonly directory: DirectorySource;
  readonly preTrade: Pick<PreTradeChecks, 'checkOrder'>;
}

/** Resolvers of the SDL's eligibility part. */
export function createEligibilityResolvers(needs: EligibilityNeeds) {
  const { venue, market, directory, preTrade } = needs;
  return {
    Query: {
      async settleableBook(
        _root: unknown,
        args: { readonly instrument: InstrumentId; readonly account: `0x${string}` },
        context: ApiContext,
      ) {
        // Each answer costs calls to the chain, so it is for callers of this node.
        requireCaller(context, venue, 'orders:read');
        const instrument = directory.current().instruments.get(args.instrument);
        if (!instrument) return null;
        const { version, bids, offers } = market.book(instrument.id);
        const refusal = async (side: Side, [best]: readonly BookLevel[]) =>
          best &&
          preTrade.checkOrder({
            ...{ instrument, side, account: args.account, limitPrice: best.price },
            // The least that can be traded: who cannot settle one lot can settle nothing.
            quantity: instrument.lotSize,
          });
        const [sellRefusal, buyRefusal] = await Promise.all([
          refusal('sell', bids),
          refusal('buy', offers),
        ]);
        return {
          instrument: instrument.id,
          account: args.account,
          version,
          bid: sellRefusal ? null : quoteOutput(instrument, bids),
          offer: buyRefusal ? null : quoteOutput(instrument, offers),
          sellRefusal: sellRefusal ?? null,
          buyRefusal: buyRefusal ?? null,
        };
      },
    },
  };
}

function quoteOutput(instrument: Instrument, [best]: readonly BookLevel[]) {
  if (!best) return null;
  return {
    price: formatDecimal(best.price, instrument.priceDecimals),
    quantity: formatDecimal(best.quantity, instrument.quantityDecimals),
    venues: best.venues.map(({ venue }) => venue),
  };
}
