import type { InstrumentId, OrderStatus } from '@stoa/schema';
import type {
  ExecutionFilter,
  ExecutionState,
  LegFilter,
  OrderFilter,
} from '../orders/blotter/blotter-filter.ts';
import { apiError } from './api-error.ts';
import { SIDES } from './order-input.ts';
import { readMoment } from './sdl-value.ts';

/** Inputs of the SDL have null where something is left out on purpose: it counts as absent. */
type Given<T> = { readonly [K in keyof T]?: T[K] | null };

/** What the SDL's filters of orders, legs and executions share; scalars are checked already. */
interface SharedInput {
  readonly order: string;
  readonly instrument: InstrumentId;
  readonly side: keyof typeof SIDES;
  readonly venue: string;
  readonly account: string;
  /** States as the SDL calls them. */
  readonly status: readonly string[];
  readonly openOnly: boolean;
}

/** The SDL's OrderFilter. */
export type OrderFilterInput = Given<
  Omit<SharedInput, 'order'> & {
    readonly placedFrom: string;
    readonly placedTo: string;
    readonly clientOrderIdPrefix: string;
  }
>;
/** The SDL's LegFilter. */
export type LegFilterInput = Given<SharedInput>;
/** The SDL's ExecutionFilter. */
export type ExecutionFilterInput = Given<
  Omit<SharedInput, 'status' | 'openOnly'> & {
    readonly executedFrom: string;
    readonly executedTo: string;
    readonly state: readonly string[];
  }
>;

/** Reads the SDL's OrderFilter. */
export function readOrderFilter(input: OrderFilterInput | null | undefined): OrderFilter {
  const { placedFrom, placedTo, clientOrderIdPrefix } = input ?? {};
  return {
    ...readShared(input ?? {}),
    ...(placedFrom == null ? {} : { placedFromMs: momentOf(placedFrom) }),
    ...(placedTo == null ? {} : { placedToMs: momentOf(placedTo) }),
    ...(clientOrderIdPrefix == null ? {} : { clientOrderIdPrefix }),
  };
}

/** Reads the SDL's LegFilter. */
export function readLegFilter(input: LegFilterInput | null | undefined): LegFilter {
  return readShared(input ?? {});
}

/** Reads the SDL's ExecutionFilter. */
export function readExecutionFilter(
  input: ExecutionFilterInput | null | undefined,
): ExecutionFilter {
  const { executedFrom, executedTo, state } = input ?? {};
  return {
    ...readShared(input ?? {}),
    ...(executedFrom == null ? {} : { executedFromMs: momentOf(executedFrom) }),
    ...(executedTo == null ? {} : { executedToMs: momentOf(executedTo) }),
    ...(state == null ? {} : { states: state.map(fromSdl<ExecutionState>) }),
  };
}

function readShared(input: Given<SharedInput>): LegFilter {
  const { order, instrument, side, venue, account, status, openOnly } = input;
  return {
    ...(order == null ? {} : { orderId: order }),
    ...(instrument == null ? {} : { instrument }),
    ...(side == null ? {} : { side: SIDES[side] }),
    ...(venue == null ? {} : { venue }),
    ...(account == null ? {} : { account: account.toLowerCase() }),
    ...(status == null ? {} : { statuses: status.map(fromSdl<OrderStatus>) }),
    ...(openOnly == null ? {} : { openOnly }),
  };
}

/** A state by its name in the SDL, whose enum has no others. */
function fromSdl<State extends string>(name: string): State {
  return name.toLowerCase().replaceAll('_', '-') as State;
}

/** Unix milliseconds of a DateTime. */
export function momentOf(text: string): number {
  const ms = readMoment(text);
  if (ms === undefined) throw apiError('BAD_USER_INPUT', `${text} is no moment.`);
  return ms;
}
