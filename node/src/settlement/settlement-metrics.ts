import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What settlement counts. */
export interface SettlementMetrics {
  readonly transitions: Counter<'role' | 'state'>;
  readonly failures: Counter<'code'>;
  readonly chainErrors: Counter;
  readonly discrepancies: Counter;
  readonly reorganizations: Counter;
  readonly feeBumps: Counter;
  readonly nonceConflicts: Counter;
  readonly operatorQueue: Gauge;
  readonly differences: Gauge<'kind'>;
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
    reorganizations: new Counter({
      name: 'stoa_chain_reorganizations_total',
      help: 'Times that the chain took blocks back whose effect was recorded, and that was undone.',
      registers,
    }),
    feeBumps: new Counter({
      name: 'stoa_settlement_fee_bumps_total',
      help: 'Transactions that were signed again with the same nonce and higher fees.',
      registers,
    }),
    nonceConflicts: new Counter({
      name: 'stoa_settlement_nonce_conflicts_total',
      help: 'Nonces of the settlement signer that a transaction of somebody else used.',
      registers,
    }),
    operatorQueue: new Gauge({
      name: 'stoa_settlement_operator_queue',
      help: 'Failed batches that wait for the operator.',
      registers,
    }),
    differences: new Gauge({
      name: 'stoa_settlement_differences',
      help: 'What database, venue and chain do not say the same about, by kind.',
      labelNames: ['kind'],
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
