import { type SQL, sql } from 'drizzle-orm';

/** What one transaction writes of orders: rows named as their columns are. */
export interface OrderWrites {
  readonly addedOrders: readonly object[];
  readonly changedOrders: readonly object[];
  readonly addedLegs: readonly object[];
  readonly changedLegs: readonly object[];
  /** By how much each member's number rises. */
  readonly raised: readonly object[];
  /** What happened; `place` is its place among those of its member. */
  readonly events: readonly object[];
  readonly nowMs: number;
}

/**
 * All of it as one statement: each statement of its own costs the server and this process more than
 * its rows. One parameter for all rows of a kind, so that there are few different statements.
 *
 * The parts of one statement run in no order that is promised, so what has to come first is read by
 * what follows: a new order whose client order id another transaction is just recording waits for that
 * one, and must hold no member's number meanwhile, or both would wait for each other. Orders that change
 * are held already. Members' numbers are raised in one order by everybody.
 */
export function orderWrites(writes: OrderWrites): SQL {
  const { addedOrders, changedOrders, addedLegs, changedLegs, raised, events, nowMs } = writes;
  const parts: SQL[] = [];
  if (addedOrders.length > 0)
    parts.push(sql`added as (${ADD_ORDERS}${json(addedOrders)}${END_ADD})`);
  if (changedOrders.length > 0) {
    parts.push(sql`changed as (${CHANGE_ORDERS}${json(changedOrders)}${END_CHANGE_ORDERS})`);
  }
  if (addedLegs.length > 0)
    parts.push(sql`added_legs as (${ADD_LEGS}${json(addedLegs)}${END_ADD})`);
  if (changedLegs.length > 0) {
    parts.push(sql`changed_legs as (${CHANGE_LEGS}${json(changedLegs)}${END_CHANGE_LEGS})`);
  }
  if (events.length === 0) return sql`with ${sql.join(parts, sql`, `)} select`;
  const afterOrders = addedOrders.length > 0 ? AFTER_ORDERS : sql``;
  parts.push(
    sql`raised as (${RAISE}${json(raised)}${RAISE_FROM}${afterOrders}${END_RAISE})`,
    sql`counted as (${COUNT}${json(raised)}${END_COUNT})`,
  );
  return sql`with ${sql.join(parts, sql`, `)} ${ADD_EVENTS}${nowMs}${EVENTS_FROM}${json(events)}${END_EVENTS}`;
}

function json(rows: readonly object[]): string {
  return JSON.stringify(rows);
}

const ADD_ORDERS = sql.raw(
  'insert into orders select * from jsonb_populate_recordset(null::orders, ',
);
const ADD_LEGS = sql.raw('insert into legs select * from jsonb_populate_recordset(null::legs, ');
const END_ADD = sql.raw('::jsonb) returning 1');
const AFTER_ORDERS = sql.raw(' where (select count(*) from added) >= 0');

const CHANGE_ORDERS = sql.raw(`
  update orders set quantity = given.quantity, limit_price = given.limit_price,
    status = given.status, filled = given.filled, leaves = given.leaves,
    notional = given.notional, cancel_requested = given.cancel_requested,
    reason = given.reason, held_until_ms = given.held_until_ms,
    replacements = given.replacements, revision = given.revision,
    routed_from = given.routed_from, group_open = given.group_open,
    last_event = given.last_event
  from jsonb_to_recordset(`);
const END_CHANGE_ORDERS = sql.raw(`::jsonb) as given(id text, quantity bigint,
    limit_price bigint, status text, filled bigint, leaves bigint, notional numeric,
    cancel_requested boolean, reason text, held_until_ms bigint, replacements jsonb,
    revision integer, routed_from integer, group_open boolean, last_event bigint)
  where orders.id = given.id`);

const CHANGE_LEGS = sql.raw(`
  update legs set quantity = given.quantity, limit_price = given.limit_price,
    status = given.status, filled = given.filled, final_filled = given.final_filled,
    reason = given.reason, revision = given.revision,
    pending_quantity = given.pending_quantity,
    pending_limit_price = given.pending_limit_price
  from jsonb_to_recordset(`);
const END_CHANGE_LEGS = sql.raw(`::jsonb) as given(id text, quantity bigint,
    limit_price bigint, status text, filled bigint, final_filled bigint, reason text,
    revision integer, pending_quantity bigint, pending_limit_price bigint)
  where legs.id = given.id`);

const RAISE = sql.raw(`
  insert into member_sequences as known (member, last)
  select member, more from jsonb_to_recordset(`);
const RAISE_FROM = sql.raw('::jsonb) as given(member text, more bigint)');
const END_RAISE = sql.raw(` order by member
  on conflict (member) do update set last = known.last + excluded.last
  returning member, last`);
const COUNT = sql.raw('select * from jsonb_to_recordset(');
const END_COUNT = sql.raw('::jsonb) as given(member text, more bigint)');

const ADD_EVENTS = sql.raw(`
  insert into order_events (order_id, sequence, member, member_sequence, kind, data, status,
    quantity, filled, at_ms)
  select given.order_id, given.sequence, given.member,
    raised.last - counted.more + given.place, given.kind, given.data, given.status,
    given.quantity, given.filled, `);
const EVENTS_FROM = sql.raw('::bigint from jsonb_to_recordset(');
const END_EVENTS = sql.raw(`::jsonb) as given(order_id text,
    sequence bigint, member text, place bigint, kind text, data jsonb, status text,
    quantity bigint, filled bigint)
  join raised using (member) join counted using (member)`);
