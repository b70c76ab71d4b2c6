import type { Registry } from 'prom-client';
import type { NodeConfig } from '../config.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Tracing } from '../tracing/tracing.ts';

/** What every part of the node is given. */
export interface Base {
  readonly config: NodeConfig;
  readonly logger: Logger;
  readonly metrics: Registry;
  /** Absent where no collector is configured: then nothing is traced. */
  readonly tracing: Tracing | undefined;
  readonly startedAtMs: number;
  readonly nowMs: () => number;
  /** Aborted when the node stops. */
  readonly running: AbortSignal;
  /** Takes what ends a part once it runs; parts end in the reverse order. */
  readonly onStop: (step: () => Promise<void> | void) => void;
}
