import type { OrderMessageBody } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  customType,
  index,
  jsonb,
  pgTable,
  text,
  unique,
} from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/**
 * Messages to other nodes. A row is written in the transaction that makes it true, without a number;
 * the session numbers and signs it after that commit, before it is sent. So transactions that write
 * to one peer never wait for each other, and the numbers have no gap. The peer's acknowledgement
 * removes rows, except the highest number of each peer: it is what numbering goes on from.
 */
export const sessionOutbox = pgTable(
  'session_outbox',
  {
    id: bigserial({ mode: 'number' }).primaryKey(),
    peer: text().notNull(),
    number: bigint({ mode: 'number' }),
    body: jsonb().$type<OrderMessageBody>().notNull(),
    /** The signed bytes as sent, and as sent again. */
    message: bytea(),
  },
  (table) => [
    unique().on(table.peer, table.number),
    index('session_outbox_unnumbered').on(table.peer, table.id).where(sql`number is null`),
  ],
);
