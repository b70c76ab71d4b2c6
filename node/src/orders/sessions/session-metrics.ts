import { Counter, Gauge, type Registry } from 'prom-client';

/** What order sessions count. */
export interface SessionMetrics {
  readonly messages: Counter<'direction'>;
  readonly refused: Counter<'code'>;
}

export function createSessionMetrics(
  registry: Registry,
  unacknowledged: () => number,
): SessionMetrics {
  const registers = [registry];
  new Gauge({
    name: 'stoa_order_messages_unacknowledged',
    help: 'Order messages that the other node has not acknowledged.',
    registers,
    collect() {
      this.set(unacknowledged());
    },
  });
  return {
    messages: new Counter({
      name: 'stoa_order_messages_total',
      help: 'Order messages sent (again) and received.',
      labelNames: ['direction'],
      registers,
    }),
    refused: new Counter({
      name: 'stoa_order_messages_refused_total',
      help: 'Bytes on order links that were no message of the session.',
      labelNames: ['code'],
      registers,
    }),
  };
}
