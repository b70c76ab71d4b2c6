import {
  type DirectorySource,
  formatDecimal,
  type Instrument,
  isRefusal,
  type VenueId,
} from '@stoa/schema';
import type { ExecutionView, LegView, OrderView } from '../orders/order-view.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import type { ApiOrders } from './api-services.ts';
import { venueOf } from './market-output.ts';
import { type PlaceOrderInput, readOrderInput } from './order-input.ts';
import { boundedCount, sdlDateTime, sdlEnum } from './sdl-value.ts';

/** What the orders' part of the API is served from. */
export interface OrderNeeds {
  readonly venue: VenueId;
  readonly orders: ApiOrders;
  readonly directory: DirectorySource;
}

const MAX_ORDERS = 100;

/** An order with the instrument it is written in; every amount of it needs those decimals. */
interface OrderParent extends OrderView {
  readonly instrumentTerms: Instrument;
}

/** Resolvers of the SDL's orders part: every one of them answers the caller's own orders only. */
export function createOrderResolvers(needs: OrderNeeds) {
  return {
    Query: orderQueries(needs),
    Mutation: orderMutations(needs),
    PlaceOrderResult: { __resolveType: refusalOr('OrderPlaced') },
    CancelOrderResult: { __resolveType: refusalOr('CancelRequested') },
    Order: orderFields(needs),
  };
}

function refusalOr(typename: string) {
  return (result: unknown) => (isRefusal(result) ? 'Refusal' : typename);
}

function orderParent({ directory }: OrderNeeds, order: OrderView): OrderParent {
  const instrumentTerms = directory.current().instruments.get(order.instrument);
  // The registry never forgets an instrument, so this is a bug and not an answer.
  if (!instrumentTerms) throw new Error(`order ${order.id} has an unknown instrument`);
  return { ...order, instrumentTerms };
}

function orderQueries(needs: OrderNeeds) {
  const { venue, orders } = needs;
  return {
    async order(
      _root: unknown,
      by: { readonly id?: string | null; readonly clientOrderId?: string | null },
      context: ApiContext,
    ) {
      const caller = requireCaller(context, venue, 'orders:read');
      const found = await orders.order(caller, {
        ...(by.id == null ? {} : { id: by.id }),
        ...(by.clientOrderId == null ? {} : { clientOrderId: by.clientOrderId }),
      });
      return found ? orderParent(needs, found) : null;
    },
    async orders(
      _root: unknown,
      page: { readonly first: number | null; readonly after?: string | null },
      context: ApiContext,
    ) {
      const caller = requireCaller(context, venue, 'orders:read');
      const first = boundedCount('first', page.first, MAX_ORDERS);
      const found = await orders.orders(caller, {
        first,
        ...(page.after == null ? {} : { after: page.after }),
      });
      return {
        // Orders are dense and newest first, so an order's own id is the cursor behind it.
        edges: found.orders.map((order) => ({ cursor: order.id, node: orderParent(needs, order) })),
        pageInfo: { endCursor: found.endCursor ?? null, hasNextPage: found.hasNextPage },
      };
    },
  };
}

function orderMutations(needs: OrderNeeds) {
  const { venue, orders, directory } = needs;
  return {
    async placeOrder(
      _root: unknown,
      { input }: { readonly input: PlaceOrderInput },
      context: ApiContext,
    ) {
      const caller = requireCaller(context, venue, 'orders:write');
      const request = readOrderInput(directory.current(), input);
      if (isRefusal(request)) return request;
      const placed = await orders.place(caller, request);
      if (isRefusal(placed)) return placed;
      return { order: orderParent(needs, placed.order), existed: placed.existed };
    },
    async cancelOrder(_root: unknown, { id }: { readonly id: string }, context: ApiContext) {
      const caller = requireCaller(context, venue, 'orders:write');
      const canceled = await orders.cancel(caller, id);
      return isRefusal(canceled) ? canceled : { order: orderParent(needs, canceled) };
    },
  };
}

function orderFields(needs: OrderNeeds) {
  const { venue, orders, directory } = needs;
  const quantity = (order: OrderParent, value: number) =>
    formatDecimal(value, order.instrumentTerms.quantityDecimals);
  const price = (order: OrderParent, value: number | bigint) =>
    formatDecimal(value, order.instrumentTerms.priceDecimals);
  return {
    async __resolveReference({ id }: { readonly id: string }, context: ApiContext) {
      const found = await orders.order(requireCaller(context, venue, 'orders:read'), { id });
      return found ? orderParent(needs, found) : null;
    },
    instrument: (order: OrderParent) => order.instrumentTerms,
    side: (order: OrderParent) => sdlEnum(order.side),
    type: (order: OrderParent) => sdlEnum(order.type),
    timeInForce: (order: OrderParent) => sdlEnum(order.timeInForce),
    quantity: (order: OrderParent) => quantity(order, order.quantity),
    limitPrice: (order: OrderParent) =>
      order.limitPrice === undefined ? null : price(order, order.limitPrice),
    status: (order: OrderParent) => sdlEnum(order.status),
    filled: (order: OrderParent) => quantity(order, order.filled),
    leaves: (order: OrderParent) => quantity(order, order.leaves),
    averagePrice: (order: OrderParent) =>
      order.filled === 0 ? null : price(order, averagePrice(order.notional, order.filled)),
    reason: (order: OrderParent) => order.reason ?? null,
    placedAt: (order: OrderParent) => sdlDateTime(order.placedAtMs),
    async legs(order: OrderParent) {
      const legs: readonly LegView[] = await orders.legs(order.id);
      return legs.map((leg) => ({
        id: leg.id,
        venue: venueOf(directory.current(), leg.venue),
        quantity: quantity(order, leg.quantity),
        limitPrice: price(order, leg.limitPrice),
        status: sdlEnum(leg.status),
        filled: quantity(order, leg.filled),
        reason: leg.reason ?? null,
      }));
    },
    async executions(order: OrderParent) {
      const executions: readonly ExecutionView[] = await orders.executions(order.id);
      return executions.map((execution) => ({
        venue: venueOf(directory.current(), execution.venue),
        executionId: execution.executionId,
        price: price(order, execution.price),
        quantity: quantity(order, execution.quantity),
        executedAt: sdlDateTime(execution.executedAtMs),
      }));
    },
  };
}

/** Notional over quantity in price units, rounded half up. */
export function averagePrice(notional: bigint, filled: number): bigint {
  const quantity = BigInt(filled);
  return (2n * notional + quantity) / (2n * quantity);
}
