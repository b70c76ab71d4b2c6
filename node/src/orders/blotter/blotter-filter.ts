import {
  type InstrumentId,
  isMemberId,
  type MemberId,
  type OrderStatus,
  type Side,
  TERMINAL_STATUSES,
  type VenueId,
} from '@stoa/schema';
import { eq, exists, gte, inArray, lt, notInArray, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { executions } from '../../store/tables/executions.ts';
import { legs } from '../../store/tables/legs.ts';
import { orders } from '../../store/tables/orders.ts';
import { CLIENT_ORDER_ID } from '../terms/order-validation.ts';

/** What an order must be to be listed; times are Unix milliseconds, `placedToMs` is not included. */
export interface OrderFilter {
  readonly instrument?: InstrumentId;
  readonly side?: Side;
  readonly statuses?: readonly OrderStatus[];
  readonly openOnly?: boolean;
  readonly placedFromMs?: number;
  readonly placedToMs?: number;
  /** A leg of it went there. */
  readonly venue?: VenueId;
  /** In lower case. */
  readonly account?: string;
  readonly clientOrderIdPrefix?: string;
}

/** What a leg must be to be listed. */
export interface LegFilter
  extends Pick<OrderFilter, 'instrument' | 'side' | 'statuses' | 'openOnly' | 'venue' | 'account'> {
  readonly orderId?: string;
}

/** Whether a trade stands as it was reported, was corrected, or was undone. */
export type ExecutionState = 'stands' | 'corrected' | 'busted';

/** What an execution must be to be listed; times are Unix milliseconds, `executedToMs` is not included. */
export interface ExecutionFilter
  extends Pick<LegFilter, 'orderId' | 'instrument' | 'side' | 'venue' | 'account'> {
  readonly executedFromMs?: number;
  readonly executedToMs?: number;
  readonly states?: readonly ExecutionState[];
}

type Conditions = (SQL | undefined)[];

/** Of rows of `orders`. */
export function orderConditions(member: MemberId, filter: OrderFilter): Conditions {
  const { placedFromMs, placedToMs, venue, clientOrderIdPrefix: prefix } = filter;
  const legThere = sql`(select 1 from ${legs} where ${legs.orderId} = ${orders.id} and ${legs.venue} = ${venue})`;
  return [
    ...ownOrder(member, filter),
    ...inStatus(orders.status, filter),
    given(placedFromMs, (from) => gte(orders.placedAtMs, from)),
    given(placedToMs, (to) => lt(orders.placedAtMs, to)),
    given(venue, (id) => (isMemberId(id) ? exists(legThere) : NOTHING)),
    given(prefix, startsWith),
  ];
}

/** Of rows of `legs` joined with their `orders`. */
export function legConditions(member: MemberId, filter: LegFilter): Conditions {
  return [
    ...ownOrder(member, filter),
    ...inStatus(legs.status, filter),
    ...atVenue(legs.venue, filter.venue),
  ];
}

/** Of rows of `executions` joined with their `legs` and `orders`, and with the latest change of each. */
export function executionConditions(
  member: MemberId,
  filter: ExecutionFilter,
  changeKind: SQL | SQL.Aliased,
): Conditions {
  const { executedFromMs, executedToMs, states } = filter;
  const inState = (state: ExecutionState): SQL =>
    state === 'stands' ? sql`${changeKind} is null` : sql`${changeKind} = ${state}`;
  return [
    ...ownOrder(member, filter),
    ...atVenue(executions.venue, filter.venue),
    given(executedFromMs, (from) => gte(executions.executedAtMs, from)),
    given(executedToMs, (to) => lt(executions.executedAtMs, to)),
    given(states, (any) => (any.length === 0 ? NOTHING : or(...any.map(inState)))),
  ];
}

const NOTHING = sql`false`;

function given<T>(value: T | undefined, condition: (value: T) => SQL | undefined) {
  return value === undefined ? undefined : condition(value);
}

/** What every list begins with: whose order it is. */
function ownOrder(
  member: MemberId,
  by: Pick<LegFilter, 'orderId' | 'instrument' | 'side' | 'account'>,
): Conditions {
  return [
    eq(orders.member, member),
    // What could not be an id is not looked up: the store does not even take some of it.
    given(by.orderId, (id) => (CLIENT_ORDER_ID.test(id) ? eq(orders.id, id) : NOTHING)),
    given(by.instrument, (instrument) => eq(orders.instrument, instrument)),
    given(by.side, (side) => eq(orders.side, side)),
    given(by.account, (account) => sql`${orders.account} = ${account}`),
  ];
}

function atVenue(column: PgColumn, venue: VenueId | undefined): Conditions {
  return [given(venue, (id) => (isMemberId(id) ? eq(column, id) : NOTHING))];
}

function inStatus(
  column: typeof orders.status | typeof legs.status,
  { statuses, openOnly }: Pick<OrderFilter, 'statuses' | 'openOnly'>,
): Conditions {
  return [
    given(statuses, (any) => (any.length === 0 ? NOTHING : inArray(column, [...any]))),
    openOnly ? notInArray(column, [...TERMINAL_STATUSES]) : undefined,
  ];
}

function startsWith(prefix: string): SQL | undefined {
  if (prefix === '') return undefined;
  if (!CLIENT_ORDER_ID.test(prefix)) return NOTHING;
  return sql`starts_with(${orders.clientOrderId}, ${prefix})`;
}
