import { adaptersBench } from './adapters-bench.ts';
import type { Bench } from './bench.ts';
import { engineBench } from './engine-bench.ts';
import { framesBench } from './frames-bench.ts';
import { gatewayBench } from './gateway-bench.ts';
import { ordersBench } from './orders-bench.ts';
import { quotesBench } from './quotes-bench.ts';
import { settlementBench } from './settlement-bench.ts';

/** Every benchmark there is, in the order `--help` shows them. */
export const benchList: readonly Bench[] = [
  engineBench,
  quotesBench,
  framesBench,
  ordersBench,
  gatewayBench,
  settlementBench,
  adaptersBench,
];
