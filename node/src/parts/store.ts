import { createPostgresArchive } from '../market/postgres-frame-archive.ts';
import { auditRetentionMs } from '../records/audit/audit-environment.ts';
import { openAuditLog } from '../records/audit/audit-log.ts';
import { createAuditTable } from '../records/audit/audit-table.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import { createStoreMetrics } from '../store/store-metrics.ts';
import type { Base } from './base.ts';

const HOUR_MS = 3_600_000;

export async function openStore({ config, logger, metrics, onStop }: Base): Promise<Database> {
  let url = config.DATABASE_URL;
  if (url === undefined) {
    const server = await startEmbeddedPostgres({
      dataDir: config.STOA_DATA_DIR ?? '',
      log: (message, fields) => logger.info(fields, message),
    });
    onStop(() => server.stop());
    url = server.url('postgres');
  }
  const database = await openDatabase(url);
  createStoreMetrics(metrics, database.counts);
  onStop(() => database.close());
  return database.db;
}

/** Frames beyond memory. It ends after the network has, with what that still brought. */
export function openArchive({ config, logger, metrics, nowMs, onStop }: Base, database: Database) {
  const archive = createPostgresArchive(
    {
      maxAgeMs: config.STOA_FRAME_RETENTION_HOURS * HOUR_MS,
      maxFrames: config.STOA_FRAME_RETENTION_COUNT,
    },
    { database, logger, registry: metrics, now: nowMs },
  );
  archive.start();
  onStop(() => archive.stop());
  return archive;
}

/** The audit log. What is still to be recorded is written when all that records has stopped. */
export async function openAudit({ config, logger, metrics, nowMs, onStop }: Base, db: Database) {
  const auditReader = createAuditTable(db);
  const audit = await openAuditLog(
    { retentionMs: auditRetentionMs(config) },
    { sink: auditReader, logger, metrics, nowMs },
  );
  onStop(() => audit.stop());
  return { audit, auditReader };
}
