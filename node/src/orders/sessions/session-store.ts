import {
  CodedError,
  decodeSigned,
  isRefusal,
  MAX_ORDER_MESSAGE_BYTES,
  type MemberId,
  type OrderMessageBody,
  withoutPlace,
} from '@stoa/schema';
import { and, asc, eq, gt, lt, lte, max, min, type SQL, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../store/database.ts';
import { sessionInbox } from '../../store/tables/session-inbox.ts';
import { sessionOutbox } from '../../store/tables/session-outbox.ts';
import { issue } from '../../store/transactions.ts';

/** A message as it goes out, and goes out again. */
export interface NumberedMessage {
  readonly number: number;
  readonly message: Uint8Array;
}

/** A message with what it says. */
export interface WrittenMessage extends NumberedMessage {
  readonly body: OrderMessageBody;
}

/** How far a session had come. */
export interface SessionNumbers {
  readonly peer: MemberId;
  /** Highest number given to a message to the peer. */
  readonly sent: number;
  /** Every number up to this one was acknowledged. */
  readonly acknowledged: number;
  /** Highest number recorded from the peer. */
  readonly received: number;
}

/** Room for the envelope around the body. */
const ENVELOPE_BYTES = 1_024;

/** Where all sessions stand. */
export async function readSessions(database: Database): Promise<SessionNumbers[]> {
  const sent = await database
    .select({
      peer: sessionOutbox.peer,
      first: min(sessionOutbox.number),
      last: max(sessionOutbox.number),
    })
    .from(sessionOutbox)
    .groupBy(sessionOutbox.peer);
  const received = new Map(
    (await database.select().from(sessionInbox)).map((row) => [row.peer, row.received]),
  );
  const peers = new Set([...received.keys(), ...sent.map(({ peer }) => peer)]);
  return [...peers].map((peer) => {
    const row = sent.find((each) => each.peer === peer);
    return {
      peer,
      sent: Number(row?.last ?? 0),
      acknowledged: Number(row?.first ?? 1) - 1,
      received: received.get(peer) ?? 0,
    };
  });
}

/** The highest number recorded from a peer. */
export async function readReceived(database: Database, peer: MemberId): Promise<number> {
  const [row] = await database.select().from(sessionInbox).where(eq(sessionInbox.peer, peer));
  return row?.received ?? 0;
}

/** What messages depend on. */
interface WrittenIf {
  readonly condition: SQL;
  /** Told before the commit where it held. */
  readonly onWritten: () => void;
}

/**
 * Writes numbered messages into the outbox, in the transaction that makes them true; with a condition,
 * all of them or none.
 *
 * @throws CodedError `ORDER_MESSAGE_TOO_LARGE`
 */
export function addToOutbox(
  tx: Transaction,
  peer: MemberId,
  messages: readonly WrittenMessage[],
  only?: WrittenIf,
): void {
  if (!only) return issue(tx, outboxRows(peer, messages, sql``));
  const { condition, onWritten } = only;
  issue(tx, outboxRows(peer, messages, sql`returning number`, condition), (rows) => {
    if (rows.length > 0) onWritten();
  });
}

/**
 * Gives numbers whose transaction came to nothing to messages that say nothing, so that what follows
 * can be sent. A number that was committed after all stays as it is.
 */
export async function fillOutbox(
  database: Database,
  peer: MemberId,
  messages: readonly WrittenMessage[],
): Promise<void> {
  await database.execute(outboxRows(peer, messages, sql`on conflict (peer, number) do nothing`));
}

function outboxRows(
  peer: MemberId,
  messages: readonly WrittenMessage[],
  ending: SQL,
  condition: SQL = sql`true`,
): SQL {
  const rows = messages.map(({ number, body, message }) => {
    const bytes = JSON.stringify(body).length;
    if (bytes > MAX_ORDER_MESSAGE_BYTES - ENVELOPE_BYTES) {
      const data = { peer, kind: body.kind, bytes };
      throw new CodedError('ORDER_MESSAGE_TOO_LARGE', 'An order message is too large.', { data });
    }
    // Acknowledged messages leave the outbox; orders are kept, as what a venue's answer is held against.
    const kept = body.kind === 'leg-new' && { legId: body.leg.legId, proof: proofBytes(message) };
    return { number, body, message: Buffer.from(message).toString('base64'), ...kept };
  });
  return sql`
    with given as materialized (
      select number, body, decode(message, 'base64') as message, "legId" as leg_id, proof
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as given(number bigint, body jsonb, message text, "legId" text, proof integer)
      where ${condition}),
    kept as (
      insert into sent_legs (leg_id, message)
      select leg_id, substring(message for proof) from given where leg_id is not null
      on conflict do nothing)
    insert into session_outbox (peer, number, body, message)
    select ${peer}, number, body, message from given order by number ${ending}`;
}

/** How many of its bytes prove a message: all before its place, which is its session's alone. */
function proofBytes(message: Uint8Array): number {
  const signed = decodeSigned(message, MAX_ORDER_MESSAGE_BYTES);
  return isRefusal(signed) ? message.length : withoutPlace(signed).length;
}

/** Messages after `after` and up to `last`, in order. */
export async function readOutbox(
  database: Database,
  peer: MemberId,
  { after, last, limit }: { readonly after: number; readonly last: number; readonly limit: number },
): Promise<NumberedMessage[]> {
  return database
    .select({ number: sessionOutbox.number, message: sessionOutbox.message })
    .from(sessionOutbox)
    .where(
      and(
        eq(sessionOutbox.peer, peer),
        gt(sessionOutbox.number, after),
        lte(sessionOutbox.number, last),
      ),
    )
    .orderBy(asc(sessionOutbox.number))
    .limit(limit);
}

/** Removes what the peer has; the row of the highest number stays, for numbering goes on from it. */
export async function pruneOutbox(
  database: Database,
  peer: MemberId,
  acknowledged: number,
  sent: number,
): Promise<void> {
  await database
    .delete(sessionOutbox)
    .where(
      and(
        eq(sessionOutbox.peer, peer),
        lte(sessionOutbox.number, acknowledged),
        lt(sessionOutbox.number, sent),
      ),
    );
}

/**
 * Records that messages `first` to `last` of a peer take effect in this transaction. It fails where
 * another process has recorded some of them: two nodes share a store.
 */
export function recordReceived(tx: Transaction, peer: MemberId, first: number, last: number): void {
  // Null is not taken, and so nothing that does not follow on what was recorded.
  issue(
    tx,
    sql`insert into session_inbox as known (peer, received)
      select ${peer}, case when ${first}::bigint - 1 = coalesce(
        (select received from session_inbox where peer = ${peer}), 0) then ${last}::bigint end
      on conflict (peer) do update
      set received = case when known.received = ${first}::bigint - 1 then excluded.received end`,
  );
}
