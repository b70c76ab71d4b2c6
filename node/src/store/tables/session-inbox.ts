import { bigint, pgTable, text } from 'drizzle-orm/pg-core';

/** How far each peer's messages were recorded; raised in the transaction of a message's effect. */
export const sessionInbox = pgTable('session_inbox', {
  peer: text().primaryKey(),
  received: bigint({ mode: 'number' }).notNull(),
});
