import { z } from 'zod';

/**
 * 17 CFR 242.303(a) has an ATS keep its records for three years, 17 CFR 240.17a-4(a) a broker-dealer for six;
 * a few days more, so that no clock's difference makes it less.
 */
const LEAST_DAYS = 3 * 366;
const DEFAULT_DAYS = 6 * 366;

/** What a process's environment says about its audit log; a node's and a gateway's alike. */
export const auditEnvironment = {
  STOA_AUDIT_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(LEAST_DAYS, `must be at least ${LEAST_DAYS}: three years (17 CFR 242.303(a))`)
    .max(36_600)
    .default(DEFAULT_DAYS),
};

const parsed = z.object(auditEnvironment);

/** For how long an environment has records kept. */
export function auditRetentionMs({ STOA_AUDIT_RETENTION_DAYS }: z.output<typeof parsed>): number {
  return STOA_AUDIT_RETENTION_DAYS * 86_400_000;
}
