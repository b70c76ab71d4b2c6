import type { AuditHead, AuditRecord } from './audit-record.ts';

/** Where the records of a log are kept. */
export interface AuditSink {
  /** The last record that is kept. */
  head(): Promise<AuditHead>;
  /** Adds records behind the head; resolves when they are durable, all of them. */
  append(records: readonly AuditRecord[]): Promise<void>;
  /**
   * The last of the records before a moment, where any is older than that: what retention would remove.
   */
  lastBefore(atMs: number): Promise<AuditHead | undefined>;
  /** Removes the records up to this one, the oldest first. */
  removeThrough(number: number): Promise<void>;
}
