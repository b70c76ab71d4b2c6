import { bigint, pgTable, text } from 'drizzle-orm/pg-core';

/**
 * How many order events each member has. Whoever adds events raises the row in the same transaction,
 * and so holds it until the commit: numbers are dense, and appear in their order.
 */
export const memberSequences = pgTable('member_sequences', {
  member: text().primaryKey(),
  last: bigint({ mode: 'number' }).notNull(),
});
