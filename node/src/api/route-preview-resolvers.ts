import {
  type DirectorySource,
  formatDecimal,
  type Instrument,
  isRefusal,
  type VenueId,
} from '@stoa/schema';
import type { OrderPreview } from '../orders/order-entry.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import type { ApiOrders } from './api-services.ts';
import { venueOf } from './market-output.ts';
import { type PreviewRouteInput, readPreviewInput } from './order-input.ts';
import { instrumentOf } from './order-output.ts';
import { refusalOr } from './refusal-type.ts';
import { exclusionSentence } from './route-exclusion.ts';
import { sdlEnum } from './sdl-value.ts';

/** What the routing part of the API is served from. */
export interface RoutePreviewNeeds {
  readonly venue: VenueId;
  readonly orders: Pick<ApiOrders, 'preview'>;
  readonly directory: DirectorySource;
}

/** Resolvers of the SDL's routing part. */
export function createRoutePreviewResolvers({ venue, orders, directory }: RoutePreviewNeeds) {
  return {
    Query: {
      async previewRoute(
        _root: unknown,
        { input }: { readonly input: PreviewRouteInput },
        context: ApiContext,
      ) {
        const caller = requireCaller(context, venue, 'orders:read');
        const request = readPreviewInput(directory.current(), input);
        if (isRefusal(request)) return request;
        const preview = await orders.preview(caller, request);
        if (isRefusal(preview)) return preview;
        const instrument = instrumentOf(directory, request.instrument);
        return previewOutput(directory, instrument, preview);
      },
    },
    PreviewRouteResult: { __resolveType: refusalOr('RoutePreview') },
  };
}

function previewOutput(directory: DirectorySource, instrument: Instrument, preview: OrderPreview) {
  const { priceDecimals, quantityDecimals } = instrument;
  const notionalDecimals = priceDecimals + quantityDecimals;
  const venue = (id: VenueId) => venueOf(directory.current(), id);
  const quantity = (value: number) => formatDecimal(value, quantityDecimals);
  const money = (value: bigint) => formatDecimal(value, notionalDecimals);
  const sum = (of: (leg: OrderPreview['legs'][number]) => bigint) =>
    preview.legs.reduce((total, leg) => total + of(leg), 0n);

  const filled = preview.legs.reduce((total, leg) => total + leg.quantity, 0);
  return {
    routerVersion: preview.routerVersion,
    bookVersion: preview.bookVersion,
    legs: preview.legs.map((leg) => ({
      venue: venue(leg.venue),
      price: formatDecimal(leg.limitPrice, priceDecimals),
      quantity: quantity(leg.quantity),
      notional: money(leg.notional),
      fee: money(leg.fee),
      fixedCost: money(leg.fixedCost),
    })),
    quantity: quantity(filled),
    unrouted: quantity(preview.unrouted),
    settleableQuantity: quantity(preview.settleable.quantity),
    settlementRefusal: preview.settleable.refusal ?? null,
    exact: preview.exact,
    notional: money(sum((leg) => leg.notional)),
    fees: money(sum((leg) => leg.fee)),
    fixedCosts: money(sum((leg) => leg.fixedCost)),
    total: money(preview.total),
    averageAllIn: filled === 0 ? null : averageAllIn(instrument, preview.total, filled),
    exclusions: preview.exclusions.map((excluded) => ({
      venue: venue(excluded.venue),
      code: sdlEnum(excluded.reason),
      message: exclusionSentence(excluded),
      fromPrice:
        excluded.fromPrice === undefined ? null : formatDecimal(excluded.fromPrice, priceDecimals),
    })),
  };
}

/** Total over quantity in the cash token's decimals, rounded half up, away from nothing: both are sums. */
function averageAllIn(instrument: Instrument, total: bigint, filled: number): string {
  const { cashDecimals, priceDecimals } = instrument;
  // total is in 10^-(price + quantity decimals) and filled in 10^-(quantity decimals) units.
  const shift = cashDecimals - priceDecimals;
  const numerator = shift >= 0 ? total * 10n ** BigInt(shift) : total;
  const denominator = BigInt(filled) * (shift >= 0 ? 1n : 10n ** BigInt(-shift));
  return formatDecimal(floorOf(2n * numerator + denominator, 2n * denominator), cashDecimals);
}

function floorOf(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  return numerator % denominator < 0n ? quotient - 1n : quotient;
}
