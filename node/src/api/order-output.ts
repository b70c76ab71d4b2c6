import {
  type DirectorySource,
  formatDecimal,
  type Instrument,
  type InstrumentId,
  type MemberId,
} from '@stoa/schema';
import type { BlotterExecution } from '../orders/blotter/execution-blotter.ts';
import type { BlotterLeg, NamedOrder } from '../orders/blotter/order-blotter.ts';
import type { OrderView } from '../orders/blotter/order-view.ts';
import type { ApiBlotter } from './api-services.ts';
import { type BatchReader, createBatchReader } from './batch-reader.ts';
import { venueOf } from './market-output.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';

/** An order with the instrument it is written in; every amount of it needs those decimals. */
export interface OrderParent extends OrderView {
  readonly instrumentTerms: Instrument;
}

/** Makes what the SDL's order types resolve from; what hangs on an order is read a page at a time. */
export interface OrderOutput {
  readonly order: (order: OrderView) => OrderParent;
  /** The member's own order of this name, if there is one. */
  readonly orderNamed: (
    member: MemberId,
    by: 'id' | 'clientOrderId',
    name: string,
  ) => Promise<OrderParent | null>;
  /** The order of this id, which the caller has from what is its own. */
  readonly orderOf: (id: string) => Promise<OrderParent>;
  readonly legsOf: (order: OrderParent) => Promise<readonly LegOutput[]>;
  readonly executionsOf: (order: OrderParent) => Promise<readonly ExecutionOutput[]>;
  readonly leg: (leg: BlotterLeg) => LegOutput;
  readonly execution: (execution: BlotterExecution) => ExecutionOutput;
}

type LegOutput = ReturnType<typeof legOutput>;
type ExecutionOutput = ReturnType<typeof executionOutput>;

/** What amounts and references of an output are made with. */
interface OutputNeeds {
  readonly directory: DirectorySource;
  readonly orderOf: (id: string) => Promise<OrderParent>;
}

/** Creates the {@link OrderOutput} of a node's API. */
export function createOrderOutput(directory: DirectorySource, blotter: ApiBlotter): OrderOutput {
  const order = (view: OrderView): OrderParent => ({
    ...view,
    instrumentTerms: instrumentOf(directory, view.instrument),
  });
  const named = {
    id: createBatchReader((keys) => blotter.ordersNamed('id', keys.map(namedIn))),
    clientOrderId: createBatchReader((keys) =>
      blotter.ordersNamed('clientOrderId', keys.map(namedIn)),
    ),
  };
  const readOrder: BatchReader<OrderView> = createBatchReader((ids) => blotter.ordersOf(ids));
  const readLegs = createBatchReader((ids) => blotter.legsOf(ids));
  const readExecutions = createBatchReader((ids) => blotter.executionsOf(ids));
  const orderOf = async (id: string): Promise<OrderParent> => {
    const found = await readOrder(id);
    // Nothing deletes an order, so this is a bug and not an answer.
    if (!found) throw new Error(`there is no order ${id}`);
    return order(found);
  };
  const needs = { directory, orderOf };
  const leg = (view: BlotterLeg) => legOutput(needs, view);
  const execution = (view: BlotterExecution) => executionOutput(needs, view);
  return {
    ...{ order, orderOf, leg, execution },
    async orderNamed(member, by, name) {
      const found = await named[by](`${member} ${name}`);
      return found ? order(found) : null;
    },
    legsOf: async ({ id }) => ((await readLegs(id)) ?? []).map(leg),
    executionsOf: async ({ id }) => ((await readExecutions(id)) ?? []).map(execution),
  };
}

/** No member has a blank in its id. */
function namedIn(key: string): NamedOrder {
  const end = key.indexOf(' ');
  return { member: key.slice(0, end), name: key.slice(end + 1) };
}

/** An instrument that an order is written in. */
export function instrumentOf(directory: DirectorySource, id: InstrumentId): Instrument {
  const instrument = directory.current().instruments.get(id);
  // The registry never forgets an instrument, so this is a bug and not an answer.
  if (!instrument) throw new Error(`an order has an unknown instrument ${id}`);
  return instrument;
}

function legOutput({ directory, orderOf }: OutputNeeds, leg: BlotterLeg) {
  const { priceDecimals, quantityDecimals } = instrumentOf(directory, leg.instrument);
  return {
    id: leg.id,
    order: () => orderOf(leg.orderId),
    venue: venueOf(directory.current(), leg.venue),
    quantity: formatDecimal(leg.quantity, quantityDecimals),
    limitPrice: formatDecimal(leg.limitPrice, priceDecimals),
    status: sdlEnum(leg.status),
    filled: formatDecimal(leg.filled, quantityDecimals),
    reason: leg.reason ?? null,
  };
}

function executionOutput({ directory, orderOf }: OutputNeeds, execution: BlotterExecution) {
  const { priceDecimals, quantityDecimals } = instrumentOf(directory, execution.instrument);
  return {
    venue: venueOf(directory.current(), execution.venue),
    executionId: execution.executionId,
    order: () => orderOf(execution.orderId),
    legId: execution.legId,
    price: formatDecimal(execution.price, priceDecimals),
    quantity: formatDecimal(execution.quantity, quantityDecimals),
    executedAt: sdlDateTime(execution.executedAtMs),
    state: sdlEnum(execution.state),
    reason: execution.reason ?? null,
  };
}
