import { type FlowProgress, type FlowTarget, type LobsterFile, replayFlow } from '@stoa/adapters';
import { Gauge, type Registry } from 'prom-client';
import type { Logger } from './telemetry/logger.ts';

/** Lines reported one by one; beyond that only the count goes on. */
const MAX_REPORTED_LINES = 100;

export interface RecordedFlowNeeds {
  readonly target: FlowTarget;
  readonly logger: Logger;
  readonly metrics: Registry;
}

/**
 * Replays a recorded order flow file into the venue until it ends or the signal aborts. Progress is
 * logged and told as metrics; a malformed line is reported with its number and skipped.
 */
export async function runRecordedFlow(
  file: LobsterFile,
  options: { readonly speed: number | 'max'; readonly signal: AbortSignal },
  needs: RecordedFlowNeeds,
): Promise<FlowProgress> {
  const { logger } = needs;
  const gauge = new Gauge({
    name: 'stoa_flow_messages',
    help: 'Recorded order flow messages by what became of them.',
    labelNames: ['outcome'],
    registers: [needs.metrics],
  });
  const done = new Gauge({
    name: 'stoa_flow_done',
    help: '1 once the whole recorded order flow has been replayed.',
    registers: [needs.metrics],
  });
  let reported = 0;
  try {
    const last = await replayFlow(file.batches(), needs.target, {
      ...options,
      onMalformed: ({ line, reason }) => {
        reported += 1;
        if (reported <= MAX_REPORTED_LINES) {
          logger.warn({ file: file.path, line, reason }, 'order flow line skipped');
        }
      },
      onProgress: (progress) => {
        for (const [outcome, count] of Object.entries(progress)) {
          if (typeof count === 'number') gauge.set({ outcome }, count);
        }
        logger.info({ ...progress }, 'order flow');
      },
    });
    done.set(last.done ? 1 : 0);
    return last;
  } finally {
    await file.close();
  }
}
