import type { OrderMessageBody } from '@stoa/schema';
import { bigint, customType, jsonb, pgTable, text, unique } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/**
 * Messages to other nodes. A row is written, numbered and signed, in the transaction that makes it
 * true, and sent after its commit and that of all before it. Transactions that write to one peer do
 * not wait for each other: a number whose transaction came to nothing is filled with a message that
 * says nothing. The peer's acknowledgement removes rows, except the highest number of each peer: it is
 * what numbering goes on from.
 */
export const sessionOutbox = pgTable(
  'session_outbox',
  {
    peer: text().notNull(),
    number: bigint({ mode: 'number' }).notNull(),
    body: jsonb().$type<OrderMessageBody>().notNull(),
    /** The signed bytes as sent, and as sent again. */
    message: bytea().notNull(),
  },
  (table) => [unique().on(table.peer, table.number)],
);
