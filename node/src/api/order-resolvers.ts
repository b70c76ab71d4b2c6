import { type DirectorySource, formatDecimal, type VenueId } from '@stoa/schema';
import { type ApiContext, requireCaller } from './api-context.ts';
import { apiError } from './api-error.ts';
import type { ApiBlotter } from './api-services.ts';
import { venueOf } from './market-output.ts';
import {
  type ExecutionFilterInput,
  type LegFilterInput,
  type OrderFilterInput,
  readExecutionFilter,
  readLegFilter,
  readOrderFilter,
} from './order-filters.ts';
import type { OrderOutput, OrderParent } from './order-output.ts';
import { connectionOf, type PageArguments, readPageArguments } from './page-arguments.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';
import { keyText } from './subgraph-schema.ts';

/** What the orders' part of the API is served from. */
export interface OrderNeeds {
  readonly venue: VenueId;
  readonly blotter: ApiBlotter;
  readonly output: OrderOutput;
  readonly directory: DirectorySource;
}

type Listed<Filter> = PageArguments & { readonly filter?: Filter | null };

/** Resolvers of the SDL's orders part: every one of them answers the caller's own orders only. */
export function createOrderResolvers(needs: OrderNeeds) {
  return { Query: orderQueries(needs), Order: orderFields(needs) };
}

function orderQueries({ venue, blotter, output }: OrderNeeds) {
  const memberOf = (context: ApiContext) => requireCaller(context, venue, 'orders:read').member;
  return {
    async order(
      _root: unknown,
      {
        id,
        clientOrderId,
      }: { readonly id?: string | null; readonly clientOrderId?: string | null },
      context: ApiContext,
    ) {
      const member = memberOf(context);
      if ((id == null) === (clientOrderId == null)) {
        throw apiError('BAD_USER_INPUT', 'Give either `id` or `clientOrderId`, and not both.');
      }
      return id == null
        ? output.orderNamed(member, 'clientOrderId', clientOrderId ?? '')
        : output.orderNamed(member, 'id', id);
    },
    async orders(_root: unknown, args: Listed<OrderFilterInput>, context: ApiContext) {
      const member = memberOf(context);
      const page = readPageArguments(args);
      return connectionOf(blotter.orders(member, page, readOrderFilter(args.filter)), output.order);
    },
    async legs(_root: unknown, args: Listed<LegFilterInput>, context: ApiContext) {
      const member = memberOf(context);
      const page = readPageArguments(args);
      return connectionOf(blotter.legs(member, page, readLegFilter(args.filter)), output.leg);
    },
    async executions(_root: unknown, args: Listed<ExecutionFilterInput>, context: ApiContext) {
      const member = memberOf(context);
      const page = readPageArguments(args);
      const found = blotter.executions(member, page, readExecutionFilter(args.filter));
      return connectionOf(found, output.execution);
    },
  };
}

function orderFields({ venue, output, directory }: OrderNeeds) {
  const quantity = (order: OrderParent, value: number) =>
    formatDecimal(value, order.instrumentTerms.quantityDecimals);
  const price = (order: OrderParent, value: number | bigint) =>
    formatDecimal(value, order.instrumentTerms.priceDecimals);
  return {
    async __resolveReference(
      key: { readonly id?: unknown; readonly clientOrderId?: unknown },
      context: ApiContext,
    ) {
      const { member } = requireCaller(context, venue, 'orders:read');
      return key.id === undefined
        ? output.orderNamed(member, 'clientOrderId', keyText(key.clientOrderId))
        : output.orderNamed(member, 'id', keyText(key.id));
    },
    instrument: (order: OrderParent) => order.instrumentTerms,
    side: (order: OrderParent) => sdlEnum(order.side),
    type: (order: OrderParent) => sdlEnum(order.type),
    timeInForce: (order: OrderParent) => sdlEnum(order.timeInForce),
    expireAt: ({ expireAtMs }: OrderParent) =>
      expireAtMs === undefined ? null : sdlDateTime(expireAtMs),
    quantity: (order: OrderParent) => quantity(order, order.quantity),
    limitPrice: (order: OrderParent) =>
      order.limitPrice === undefined ? null : price(order, order.limitPrice),
    minimumQuantity: (order: OrderParent) =>
      order.minQuantity === undefined ? null : quantity(order, order.minQuantity),
    strategy: (order: OrderParent) => sdlEnum(order.strategy),
    directedTo: ({ directedTo }: OrderParent) =>
      directedTo === undefined ? null : venueOf(directory.current(), directedTo),
    remainder: (order: OrderParent) => sdlEnum(order.remainder),
    quoteId: ({ quoteId }: OrderParent) => quoteId ?? null,
    status: (order: OrderParent) => sdlEnum(order.status),
    filled: (order: OrderParent) => quantity(order, order.filled),
    leaves: (order: OrderParent) => quantity(order, order.leaves),
    averagePrice: (order: OrderParent) =>
      order.filled === 0 ? null : price(order, averagePrice(order.notional, order.filled)),
    reason: (order: OrderParent) => order.reason ?? null,
    placedAt: (order: OrderParent) => sdlDateTime(order.placedAtMs),
    legs: (order: OrderParent) => output.legsOf(order),
    executions: (order: OrderParent) => output.executionsOf(order),
  };
}

/** Notional over quantity in price units, rounded half up. */
export function averagePrice(notional: bigint, filled: number): bigint {
  const quantity = BigInt(filled);
  return (2n * notional + quantity) / (2n * quantity);
}
