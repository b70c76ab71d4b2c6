import { bigint, index, pgTable, text } from 'drizzle-orm/pg-core';

/**
 * The audit log (`records/audit/audit-record.ts`): every mutation and every denied field. Rows are only
 * ever added, and each has the hash of the one before it. A trigger refuses every change, and every
 * removal of what is younger than three years (17 CFR 242.303(a)): retention cannot be set below that.
 */
export const auditRecords = pgTable(
  'audit_records',
  {
    number: bigint({ mode: 'number' }).primaryKey(),
    kind: text().notNull(),
    outcome: text().notNull(),
    code: text(),
    atMs: bigint('at_ms', { mode: 'number' }).notNull(),
    member: text(),
    subject: text(),
    client: text(),
    scopes: text(),
    keyThumbprint: text('key_thumbprint'),
    operation: text(),
    document: text(),
    field: text().notNull(),
    target: text(),
    clientId: text('client_id'),
    requestId: text('request_id'),
    count: bigint({ mode: 'number' }).notNull(),
    previous: text().notNull(),
    hash: text().notNull(),
  },
  (table) => [
    index().on(table.member, table.number),
    index().on(table.target, table.number),
    index().on(table.atMs),
  ],
);
