import { and, eq, gte, inArray, or } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import type { Logger } from '../telemetry/logger.ts';
import { traceOfOrder } from './order-trace.ts';
import type { Tracing } from './tracing.ts';

/** How often batches are looked at, and so how exact the end of a settlement's span is. */
const LOOK_EVERY_MS = 500;
/** A batch is stored within this time of its making. */
const STORED_WITHIN_MS = 5_000;
const MAX_BATCHES = 500;
const OPEN_STATES = ['instructed', 'affirmed', 'submitted'] as const;
const openStates: ReadonlySet<string> = new Set(OPEN_STATES);

/** Tells the span of each settlement, in the trace of every order that it settles. */
export interface SettlementTraceDesk {
  stop(): Promise<void>;
}

/**
 * Looks at this node's open batches beside the settlement, which never waits for a trace: from the
 * batch's making to its end on chain, final or failed.
 */
export function openSettlementTraceDesk(needs: {
  readonly db: Database;
  readonly tracing: Pick<Tracing, 'told'>;
  readonly logger: Logger;
  readonly nowMs: () => number;
}): SettlementTraceDesk {
  const { db, tracing, logger, nowMs } = needs;
  let open: `0x${string}`[] = [];
  let madeFromMs = nowMs();
  /** What was told, and could be read once more. */
  const told = new Map<`0x${string}`, number>();

  async function look(): Promise<void> {
    const nextFromMs = Math.max(madeFromMs, nowMs() - STORED_WITHIN_MS);
    const rows = await readBatches(db, { open, madeFromMs });
    open = rows.filter(({ state }) => openStates.has(state)).map(({ id }) => id);
    for (const row of rows) {
      if (openStates.has(row.state) || told.has(row.id)) continue;
      await tell(row);
      told.set(row.id, row.createdAtMs);
    }
    madeFromMs = nextFromMs;
    for (const [id, createdAtMs] of told) if (createdAtMs < madeFromMs) told.delete(id);
  }

  async function tell(row: LookedAt): Promise<void> {
    const orders = await db
      .selectDistinct({ orderId: settlementLegs.orderId })
      .from(settlementLegs)
      .where(eq(settlementLegs.batchId, row.id));
    for (const { orderId } of orders) {
      if (orderId === null) continue;
      tracing.told(traceOfOrder(orderId), {
        name: 'settlement',
        startMs: row.createdAtMs,
        endMs: nowMs(),
        attributes: {
          'stoa.batch': row.id,
          'stoa.state': row.state,
          'stoa.transaction': row.transactionHash ?? '',
          'stoa.block': row.blockNumber ?? 0,
        },
        ...(row.code !== null && { error: row.code }),
      });
    }
  }

  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking
      .then(look)
      .catch((error: unknown) => logger.warn({ err: error }, 'settlements are not traced'));
  }, LOOK_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}

type LookedAt = Awaited<ReturnType<typeof readBatches>>[number];

/**
 * This node's open batches, those that were open when it last looked, and those made since: one may begin
 * and end between two looks.
 */
function readBatches(
  db: Database,
  before: { readonly open: readonly `0x${string}`[]; readonly madeFromMs: number },
) {
  return db
    .select({
      id: settlementBatches.id,
      state: settlementBatches.state,
      code: settlementBatches.code,
      transactionHash: settlementBatches.transactionHash,
      blockNumber: settlementBatches.blockNumber,
      createdAtMs: settlementBatches.createdAtMs,
    })
    .from(settlementBatches)
    .where(
      and(
        eq(settlementBatches.role, 'home'),
        or(
          inArray(settlementBatches.state, OPEN_STATES),
          inArray(settlementBatches.id, [...before.open]),
          gte(settlementBatches.createdAtMs, before.madeFromMs),
        ),
      ),
    )
    .orderBy(settlementBatches.createdAtMs)
    .limit(MAX_BATCHES);
}
