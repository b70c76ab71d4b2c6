import { z } from 'zod';
import type { AuditRecord } from './audit-record.ts';

const text = z.string().max(4_096);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const whole = z.number().int().min(0);

/** A record as a file has it. */
export const auditRecord: z.ZodType<AuditRecord> = z.strictObject({
  number: whole,
  kind: z.enum(['mutation', 'denied', 'retention']),
  outcome: z.enum([
    ...(['accepted', 'refused', 'answered', 'failed', 'unknown', 'denied', 'removed'] as const),
  ]),
  code: text.nullable(),
  atMs: whole,
  member: text.nullable(),
  subject: text.nullable(),
  client: text.nullable(),
  scopes: text.nullable(),
  keyThumbprint: text.nullable(),
  operation: text.nullable(),
  document: text.nullable(),
  field: text,
  target: text.nullable(),
  clientId: text.nullable(),
  requestId: text.nullable(),
  count: whole,
  previous: hash,
  hash,
});
