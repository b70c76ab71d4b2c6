import type { Bench } from './bench.ts';
import { engineBench } from './engine-bench.ts';

/** Every benchmark there is, in the order `--help` shows them. */
export const benchList: readonly Bench[] = [engineBench];
