import {
  type DirectorySource,
  type InstrumentId,
  isRefusal,
  type Refusal,
  refuse,
  type VenueId,
} from '@stoa/schema';
import type { Caller } from '../orders/blotter/order-view.ts';
import type { RefusedAction } from '../orders/order-refusals.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import { apiError } from './api-error.ts';
import type { ApiBlotter, ApiOrders } from './api-services.ts';
import {
  type PlaceOrderInput,
  readInstrument,
  readOrderInput,
  readReplacement,
  SIDES,
} from './order-input.ts';
import { instrumentOf, type OrderOutput } from './order-output.ts';
import { refusalOr } from './refusal-type.ts';

/** What the part of the API that acts on orders is served from. */
export interface OrderEntryNeeds {
  readonly venue: VenueId;
  readonly orders: ApiOrders;
  readonly blotter: ApiBlotter;
  readonly output: OrderOutput;
  readonly directory: DirectorySource;
}

/** A caller who waits longer is better served by the stream of its order events. */
const MAX_WAIT_MS = 5_000;

interface ReplaceOrderInput {
  readonly id: string;
  readonly quantity: string;
  readonly limitPrice?: string | null;
}

interface CancelAllArguments {
  readonly instrument?: string | null;
  readonly side?: keyof typeof SIDES | null;
}

/** Resolvers of the SDL's order entry part. What is expected to go wrong is answered as a refusal. */
export function createOrderEntryResolvers(needs: OrderEntryNeeds) {
  return {
    Mutation: orderMutations(needs),
    PlaceOrderResult: { __resolveType: refusalOr('OrderPlaced') },
    ReplaceOrderResult: { __resolveType: refusalOr('ReplaceRequested') },
    CancelOrderResult: { __resolveType: refusalOr('CancelRequested') },
    CancelAllOrdersResult: { __resolveType: refusalOr('CancelAllRequested') },
  };
}

function orderMutations(needs: OrderEntryNeeds) {
  const { venue, orders, output, directory } = needs;
  /** Answers a refusal that the order service knows nothing of, once that is recorded. */
  async function refused(caller: Caller, asked: RefusedAction, refusal: Refusal): Promise<Refusal> {
    await orders.refused(caller, asked, refusal);
    return refusal;
  }
  return {
    async placeOrder(
      _root: unknown,
      {
        input,
        answerWithinMs,
        answerOn,
      }: {
        readonly input: PlaceOrderInput;
        readonly answerWithinMs?: number | null;
        readonly answerOn?: 'ACKNOWLEDGED' | 'DONE' | null;
      },
      context: ApiContext,
    ) {
      const caller = requireCaller(context, venue, 'orders:write');
      const waitMs = answerWithinMs ?? 0;
      if (waitMs < 0 || waitMs > MAX_WAIT_MS) {
        throw apiError('BAD_USER_INPUT', `\`answerWithinMs\` must be from 0 to ${MAX_WAIT_MS}.`);
      }
      const request = readOrderInput(directory.current(), input);
      const { clientOrderId } = input;
      if (isRefusal(request)) return refused(caller, { action: 'place', clientOrderId }, request);
      const placed = await orders.place(caller, request, {
        answerWithinMs: waitMs,
        answerOn: answerOn === 'ACKNOWLEDGED' ? 'acknowledged' : 'done',
        onRecorded: (id) => context.accept?.(id),
      });
      if (isRefusal(placed)) return placed;
      context.traceOrder?.(placed.order.id);
      return { order: output.order(placed.order), existed: placed.existed };
    },
    async replaceOrder(
      _root: unknown,
      { input }: { readonly input: ReplaceOrderInput },
      context: ApiContext,
    ) {
      const caller = requireCaller(context, venue, 'orders:write');
      const to = await readReplaceInput(needs, caller, input);
      if (isRefusal(to)) return refused(caller, { action: 'replace', orderId: input.id }, to);
      const replaced = await orders.replace(caller, input.id, to);
      return isRefusal(replaced) ? replaced : { order: output.order(replaced) };
    },
    async cancelOrder(_root: unknown, { id }: { readonly id: string }, context: ApiContext) {
      const caller = requireCaller(context, venue, 'orders:write');
      const canceled = await orders.cancel(caller, id);
      return isRefusal(canceled) ? canceled : { order: output.order(canceled) };
    },
    async cancelAllOrders(_root: unknown, args: CancelAllArguments, context: ApiContext) {
      const caller = requireCaller(context, venue, 'orders:write');
      const which = readCancelAll(needs, args);
      if (isRefusal(which)) return refused(caller, { action: 'cancel-all' }, which);
      return orders.cancelAll(caller, which);
    },
  };
}

/** New terms, in the units of the order's instrument; of an order that is the caller's. */
async function readReplaceInput(
  { blotter, directory }: OrderEntryNeeds,
  { member }: Caller,
  input: ReplaceOrderInput,
) {
  const order = await blotter.order(member, { id: input.id });
  if (order) return readReplacement(instrumentOf(directory, order.instrument), input);
  // Another member's order answers exactly as one that does not exist.
  const message = 'You have no order of this id.';
  return refuse('ORDER_UNKNOWN', message, 'Take the id from the list of your orders.');
}

function readCancelAll({ directory }: OrderEntryNeeds, { instrument, side }: CancelAllArguments) {
  const known = instrument == null ? undefined : readInstrument(directory.current(), instrument);
  if (isRefusal(known)) return known;
  const which: { instrument?: InstrumentId; side?: 'buy' | 'sell' } = {};
  if (known) which.instrument = known.id;
  if (side != null) which.side = SIDES[side];
  return which;
}
