import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What settlement counts. */
export interface SettlementMetrics {
  readonly transitions: Counter<'role' | 'state'>;
  readonly failures: Counter<'code'>;
  readonly chainErrors: Counter;
  readonly discrepancies: Counter;
  readonly openBatches: Gauge;
  readonly settleSeconds: Histogram;
}

export function createSettlementMetrics(registry: Registry): SettlementMetrics {
  const registers = [registry];
  return {
    transitions: new Counter({
      name: 'stoa_settlement_batch_transitions_total',
      help: 'Batches that reached a state, by the role of this node in them.',
      labelNames: ['role', 'state'],
      registers,
    }),
    failures: new Counter({
      name: 'stoa_settlement_failures_total',
      help: 'Batches that failed, by code.',
      labelNames: ['code'],
      registers,
    }),
    chainErrors: new Counter({
      name: 'stoa_settlement_chain_errors_total',
      help: 'Rounds of settlement work that an RPC or store error ended.',
      registers,
    }),
    discrepancies: new Counter({
      name: 'stoa_settlement_discrepancies_total',
      help: 'Trades that the chain settled on other terms than this node recorded.',
      registers,
    }),
    openBatches: new Gauge({
      name: 'stoa_settlement_open_batches',
      help: 'Batches that neither settled nor failed.',
      registers,
    }),
    settleSeconds: new Histogram({
      name: 'stoa_settlement_settle_seconds',
      help: 'From the composition of a batch to its finality.',
      buckets: [0.25, 0.5, 1, 2, 5, 15, 60, 300, 1_200],
      registers,
    }),
  };
}
