import type { AuditHead, AuditRecord } from './audit-record.ts';

/** Where the records of a log are kept. */
export interface AuditSink {
  /** The last record that is kept. */
  head(): Promise<AuditHead>;
  /** Adds records behind the head; resolves when they are durable, all of them. */
  append(records: readonly AuditRecord[]): Promise<void>;
  /**
   * The last of the records before the first one that is younger than a moment: what retention would
   * remove. Undefined where the first of all is younger.
   */
  lastBefore(atMs: number): Promise<AuditHead | undefined>;
  /** Removes the records up to this one, the oldest first. */
  removeThrough(number: number): Promise<void>;
}
