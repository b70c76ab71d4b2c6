import type { AuditLog } from '@stoa/node/market-api';

/** The record of an audit log. */
export type AuditEntry = Parameters<AuditLog['mutation']>[0];

/** An audit log that remembers what it was told, for tests. */
export function createMemoryAudit() {
  const entries: AuditEntry[] = [];
  return {
    entries,
    failure: (): string | undefined => undefined,
    mutation: async (entry: AuditEntry): Promise<void> => void entries.push(entry),
    denied: (entry: AuditEntry): void => void entries.push(entry),
  };
}
