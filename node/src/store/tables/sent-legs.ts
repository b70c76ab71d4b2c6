import { customType, pgTable, text } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/** Legs of this node's orders as they were sent to other venues. Rows are only ever added. */
export const sentLegs = pgTable('sent_legs', {
  legId: text('leg_id').primaryKey(),
  /** The SignedOrderMessage. */
  message: bytea().notNull(),
});
