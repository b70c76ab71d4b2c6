import {
  CodedError,
  invariant,
  MAX_ORDER_MESSAGE_BYTES,
  type MemberId,
  type OrderMessageBody,
} from '@stoa/schema';
import { and, asc, eq, gt, isNull, lt, lte, max, min, type SQL, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { sessionInbox } from '../store/tables/session-inbox.ts';
import { sessionOutbox } from '../store/tables/session-outbox.ts';

/** A message as it goes out, and goes out again. */
export interface NumberedMessage {
  readonly number: number;
  readonly message: Uint8Array;
}

/** A message in the outbox that was given no number yet, as far as this process knows. */
export interface WrittenMessage {
  readonly id: number;
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

/** The highest number given to a message to a peer. */
export async function readSent(database: Database, peer: MemberId): Promise<number> {
  const [row] = await database
    .select({ last: max(sessionOutbox.number) })
    .from(sessionOutbox)
    .where(eq(sessionOutbox.peer, peer));
  return row?.last ?? 0;
}

/** Members for whom committed messages have no number yet. */
export async function readWaiting(database: Database): Promise<MemberId[]> {
  const rows = await database
    .selectDistinct({ peer: sessionOutbox.peer })
    .from(sessionOutbox)
    .where(isNull(sessionOutbox.number));
  return rows.map(({ peer }) => peer);
}

/**
 * Writes messages into the outbox, in order; they are numbered and sent after the commit.
 *
 * @throws CodedError `ORDER_MESSAGE_TOO_LARGE`
 */
export async function addToOutbox(
  tx: Transaction,
  peer: MemberId,
  bodies: readonly OrderMessageBody[],
): Promise<WrittenMessage[]> {
  for (const body of bodies) {
    const bytes = Buffer.byteLength(JSON.stringify(body));
    if (bytes <= MAX_ORDER_MESSAGE_BYTES - ENVELOPE_BYTES) continue;
    const data = { peer, kind: body.kind, bytes };
    throw new CodedError('ORDER_MESSAGE_TOO_LARGE', 'An order message is too large.', { data });
  }
  if (bodies.length === 0) return [];
  const rows = await tx
    .insert(sessionOutbox)
    .values(bodies.map((body) => ({ peer, body })))
    .returning({ id: sessionOutbox.id });
  const ids = rows.map(({ id }) => id).toSorted((a, b) => a - b);
  return bodies.flatMap((body, index) => {
    const id = ids[index];
    return id === undefined ? [] : [{ id, body }];
  });
}

/** Where a session's numbering stands, and how a message is made of a number and a body. */
export interface Numbering {
  readonly peer: MemberId;
  /** The highest number given so far. */
  readonly sent: number;
  readonly signed: (number: number, body: OrderMessageBody) => Uint8Array;
}

/**
 * Gives numbers to committed messages that have none, and stores the bytes that `signed` makes of
 * them. One caller a peer at a time: the numbers have neither gap nor repeat.
 */
export async function numberOutbox(
  database: Database,
  numbering: Numbering,
  limit: number,
): Promise<NumberedMessage[]> {
  const { peer } = numbering;
  const rows = await database
    .select({ id: sessionOutbox.id, body: sessionOutbox.body })
    .from(sessionOutbox)
    .where(and(eq(sessionOutbox.peer, peer), isNull(sessionOutbox.number)))
    .orderBy(asc(sessionOutbox.id))
    .limit(limit);
  if (rows.length === 0) return [];
  const numbered = await giveNumbers(database, numbering, rows, sql`true`);
  invariant(numbered.length === rows.length, 'a message in the outbox was numbered twice', {
    peer,
  });
  return numbered;
}

/**
 * The same for messages that this process wrote and committed itself, without reading them again.
 *
 * @returns undefined, and nothing is done, unless they are all that waits for the peer up to the last
 * of them: then the store has to be asked what comes before
 */
export async function numberWritten(
  database: Database,
  numbering: Numbering,
  written: readonly WrittenMessage[],
): Promise<NumberedMessage[] | undefined> {
  const ordered = written.toSorted((a, b) => a.id - b.id);
  const last = ordered.at(-1)?.id ?? 0;
  const { peer } = numbering;
  const numbered = await giveNumbers(
    database,
    numbering,
    ordered,
    sql`(select count(*) from given join session_outbox as waiting using (id)
        where waiting.number is null) = ${ordered.length}::int
      and (select count(*) from session_outbox as waiting where waiting.peer = ${peer}
        and waiting.number is null and waiting.id <= ${last}::bigint) = ${ordered.length}::int`,
  );
  return numbered.length === ordered.length ? numbered : undefined;
}

/** Numbers all of these rows, or none where `only` does not hold. */
async function giveNumbers(
  database: Database,
  { sent, signed }: Numbering,
  rows: readonly WrittenMessage[],
  only: SQL,
): Promise<NumberedMessage[]> {
  const numbered = rows.map(({ id, body }, index) => {
    const number = sent + index + 1;
    // Acknowledged messages leave the outbox; orders are kept, as what a venue's answer is held against.
    const legId = body.kind === 'leg-new' ? body.leg.legId : undefined;
    return { id, number, message: signed(number, body), legId };
  });
  const values = JSON.stringify(
    numbered.map(({ message, ...row }) => ({
      ...row,
      message: Buffer.from(message).toString('base64'),
    })),
  );
  const given = await database.execute(sql`
    with given as materialized (
      select id, number, decode(message, 'base64') as message, "legId" as leg_id
      from jsonb_to_recordset(${values}::jsonb)
        as given(id bigint, number bigint, message text, "legId" text)),
    allowed as materialized (select ${only} as all_of_them),
    kept as (
      insert into sent_legs (leg_id, message)
      select leg_id, message from given, allowed where leg_id is not null and all_of_them
      on conflict do nothing)
    update session_outbox set number = given.number, message = given.message
    from given, allowed where session_outbox.id = given.id and all_of_them
    returning session_outbox.id`);
  return given.length === 0 ? [] : numbered.map(({ number, message }) => ({ number, message }));
}

/** Numbered messages after `after`, in order. */
export async function readOutbox(
  database: Database,
  peer: MemberId,
  after: number,
  limit: number,
): Promise<NumberedMessage[]> {
  const rows = await database
    .select({ number: sessionOutbox.number, message: sessionOutbox.message })
    .from(sessionOutbox)
    .where(and(eq(sessionOutbox.peer, peer), gt(sessionOutbox.number, after)))
    .orderBy(asc(sessionOutbox.number))
    .limit(limit);
  return rows.flatMap(({ number, message }) =>
    number === null || message === null ? [] : [{ number, message }],
  );
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

/** Records that messages `first` to `last` of a peer take effect in this transaction; false if some did before. */
export async function recordReceived(
  tx: Transaction,
  peer: MemberId,
  first: number,
  last: number,
): Promise<boolean> {
  const raised =
    first === 1
      ? await tx
          .insert(sessionInbox)
          .values({ peer, received: last })
          .onConflictDoUpdate({
            target: sessionInbox.peer,
            set: { received: last },
            setWhere: eq(sessionInbox.received, 0),
          })
          .returning({ peer: sessionInbox.peer })
      : await tx
          .update(sessionInbox)
          .set({ received: last })
          .where(and(eq(sessionInbox.peer, peer), eq(sessionInbox.received, first - 1)))
          .returning({ peer: sessionInbox.peer });
  return raised.length === 1;
}
