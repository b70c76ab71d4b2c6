import type { SignedMandateMessage } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { bigint, index, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';

/**
 * What investors signed that venues may do for them: registered by this node's own members (`source` is
 * this venue), said by the home of orders in this venue's book, or given by the executing venue whose
 * resting side they are for. Of one's own nothing is deleted; what a trade settled under is in its batch.
 */
export const mandates = pgTable(
  'mandates',
  {
    source: text().notNull(),
    /** EIP-712 hashStruct: the mandate's name. */
    hash: text().$type<`0x${string}`>().notNull(),
    /** Who registered it; null where another venue gave it. */
    member: text(),
    /** Of the mandate, in lower case: of one for the same the newest is the one that counts. */
    investor: text().$type<`0x${string}`>().notNull(),
    side: text().$type<'buy' | 'sell'>().notNull(),
    token: text().$type<`0x${string}`>().notNull(),
    cashToken: text('cash_token').$type<`0x${string}`>().notNull(),
    /** As it was signed, with its signature. */
    signed: jsonb().$type<SignedMandateMessage>().notNull(),
    state: text().$type<'active' | 'replaced' | 'revoked'>().notNull(),
    registeredAtMs: bigint('registered_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.source, table.hash] }),
    uniqueIndex('mandates_active')
      .on(table.investor, table.side, table.token, table.cashToken, table.source)
      .where(sql`state = 'active'`),
    index('mandates_member').on(table.member, table.registeredAtMs),
  ],
);
