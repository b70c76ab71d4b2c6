import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  text,
} from 'drizzle-orm/pg-core';

/** What each wallet holds after all taken-in transfers, with what the token's registry says of it. */
export const tokenBalances = pgTable(
  'token_balances',
  {
    token: text().$type<`0x${string}`>().notNull(),
    holder: text().$type<`0x${string}`>().notNull(),
    /** In the token's smallest unit. */
    balance: numeric({ precision: 78, scale: 0, mode: 'bigint' }).notNull(),
    /** ISO 3166-1 numeric, as registered; null while not read, or where the token keeps none. */
    country: integer(),
    verified: boolean(),
    /** Claim topics, decimal, for which the holder's identity has a claim. */
    claimTopics: jsonb('claim_topics').$type<readonly string[]>(),
    /** When the three were read; null where they are to be read (again). */
    readAtMs: bigint('read_at_ms', { mode: 'number' }),
  },
  (table) => [
    primaryKey({ columns: [table.token, table.holder] }),
    index().on(table.token, table.balance, table.holder),
  ],
);
