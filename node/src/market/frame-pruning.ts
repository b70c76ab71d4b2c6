import { sql } from 'drizzle-orm';
import { Counter, type Registry } from 'prom-client';
import type { Database } from '../store/database.ts';
import { frames } from '../store/tables/frames.ts';
import type { Logger } from '../telemetry/logger.ts';

const PRUNE_INTERVAL_MS = 60_000;
/** Rows of one statement: locks and write-ahead log stay small. */
const MAX_DELETED_ROWS = 10_000;

/** How much of the past a node keeps; whichever bound is met first. */
export interface FrameRetention {
  readonly maxAgeMs: number;
  /** Per venue; the newest are kept. */
  readonly maxFrames: number;
}

interface FramePruningNeeds {
  readonly database: Database;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly now: () => number;
}

/** Deletes what retention no longer covers. */
export interface FramePruning {
  /** One turn; gives the number of frames that left. */
  prune(): Promise<number>;
  start(): void;
  stop(): void;
}

/** Prunes the frames table once a minute, in small statements. */
export function createFramePruning(
  retention: FrameRetention,
  needs: FramePruningNeeds,
): FramePruning {
  const { database } = needs;
  const pruned = new Counter({
    name: 'stoa_frames_pruned_total',
    help: 'Stored frames that left by retention.',
    registers: [needs.registry],
  });
  let timer: NodeJS.Timeout | undefined;
  let isPruning = false;
  let isStopped = false;

  /** Deletes in steps until a step finds nothing left. */
  const deleteWhere = async (condition: ReturnType<typeof sql>): Promise<number> => {
    let deleted = 0;
    while (!isStopped) {
      const result = await database.execute(sql`
        delete from ${frames} where ctid in (
          select ctid from ${frames} where ${condition} limit ${MAX_DELETED_ROWS})`);
      deleted += result.count;
      if (result.count < MAX_DELETED_ROWS) break;
    }
    return deleted;
  };

  const prune = async (): Promise<number> => {
    let deleted = await deleteWhere(
      sql`${frames.receivedAtMs} < ${needs.now() - retention.maxAgeMs}`,
    );
    for (const { venue } of await venuesOf(database)) {
      const [last] = await database
        .select({ epoch: frames.epoch, sequence: frames.sequence })
        .from(frames)
        .where(sql`${frames.venue} = ${venue}`)
        .orderBy(sql`${frames.epoch} desc, ${frames.sequence} desc`)
        .offset(retention.maxFrames)
        .limit(1);
      if (!last) continue;
      deleted += await deleteWhere(sql`${frames.venue} = ${venue}
        and (${frames.epoch}, ${frames.sequence}) <= (${last.epoch}, ${last.sequence})`);
    }
    pruned.inc(deleted);
    return deleted;
  };

  const turn = (): void => {
    if (isPruning) return;
    isPruning = true;
    prune()
      .catch((error: unknown) => {
        if (!isStopped) needs.logger.error({ err: error }, 'frames cannot be pruned');
      })
      .finally(() => {
        isPruning = false;
      });
  };

  return {
    prune,
    start() {
      timer = setInterval(turn, PRUNE_INTERVAL_MS);
      turn();
    },
    stop() {
      isStopped = true;
      clearInterval(timer);
    },
  };
}

/** One step in the index a venue; a plain DISTINCT would read the whole table. */
async function venuesOf(database: Database): Promise<readonly { readonly venue: string }[]> {
  return database.execute<{ venue: string }>(sql`
    with recursive known(venue) as (
      (select venue from frames order by venue limit 1)
      union all
      select (select venue from frames where venue > known.venue order by venue limit 1)
      from known where known.venue is not null
    )
    select venue from known where venue is not null`);
}
