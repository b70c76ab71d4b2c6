import { join } from 'node:path';
import { FixEntry } from '../fix-entry/fix-entry.ts';
import type { AuditLog } from '../records/audit/audit-log.ts';
import type { Database } from '../store/database.ts';
import type { Base } from './base.ts';
import type { Chain } from './chain.ts';
import type { Trading } from './trading.ts';

/** Opens the door for members' FIX sessions, where there is one; answers the port. */
export async function openFixEntry(
  { config, logger, metrics, nowMs, onStop }: Base,
  { directory, instruments }: Chain,
  database: Database,
  { orders, reading }: Trading,
  audit: AuditLog,
): Promise<number | undefined> {
  const options = config.STOA_FIX_ENTRY_FILE;
  if (options === undefined) return undefined;
  const { blotter, feed } = reading;
  const entry = new FixEntry(options, {
    ...{ venue: config.STOA_VENUE, instruments, directory, database, orders, blotter, feed, audit },
    folder: options.folder ?? join(config.STOA_DATA_DIR ?? '', 'fix-entry'),
    ...{ logger: logger.child({ part: 'fix-entry' }), metrics, nowMs },
  });
  onStop(() => entry.stop());
  return entry.start();
}
