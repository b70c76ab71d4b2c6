import type { Bench } from './bench.ts';
import { engineBench } from './engine-bench.ts';
import { framesBench } from './frames-bench.ts';
import { quotesBench } from './quotes-bench.ts';

/** Every benchmark there is, in the order `--help` shows them. */
export const benchList: readonly Bench[] = [engineBench, quotesBench, framesBench];
