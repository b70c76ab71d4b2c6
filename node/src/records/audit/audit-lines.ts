import type { Logger } from '../../telemetry/logger.ts';
import { EMPTY_LOG } from './audit-record.ts';
import type { AuditSink } from './audit-sink.ts';

/**
 * Records as lines of the process's own log, for whoever keeps that elsewhere. They are chained from the
 * start of the process on, and retention is that of wherever the lines go.
 */
export function createAuditLines(logger: Logger): AuditSink {
  let head = EMPTY_LOG;
  return {
    head: async () => head,
    append: async (records) => {
      for (const record of records) logger.info({ audit: record }, 'audit record');
      head = records.at(-1) ?? head;
    },
    lastBefore: async () => undefined,
    removeThrough: async () => undefined,
  };
}
