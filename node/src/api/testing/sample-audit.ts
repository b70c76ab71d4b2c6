import type { AuditLog } from '../../records/audit/audit-log.ts';
import {
  type AuditEntry,
  type AuditRecord,
  chainRecords,
  EMPTY_LOG,
} from '../../records/audit/audit-record.ts';
import type { AuditReader } from '../../records/audit/audit-table.ts';

/** An audit log in memory, which can be told to fail. */
export interface SampleAudit extends AuditReader, Pick<AuditLog, 'mutation' | 'denied'> {
  readonly records: readonly AuditRecord[];
  failure(): string | undefined;
  fails: string | undefined;
}

/** Creates a {@link SampleAudit}. */
export function createSampleAudit(): SampleAudit {
  const records: AuditRecord[] = [];
  const record = (entry: AuditEntry): void => {
    records.push(...chainRecords(records.at(-1) ?? EMPTY_LOG, [entry]));
  };
  return {
    ...{ records, fails: undefined, denied: record },
    failure() {
      return this.fails;
    },
    mutation: async (entry) => record(entry),
    page: async ({ limit }) => ({
      edges: records
        .toReversed()
        .slice(0, limit)
        .map((node) => ({ cursor: String(node.number), node })),
      hasNext: async () => false,
      hasPrevious: async () => false,
    }),
  };
}
