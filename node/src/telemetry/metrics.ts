import { collectDefaultMetrics, Registry } from 'prom-client';

/** A process's metrics registry with Node's own metrics in it; each module adds its own to it. */
export function createMetrics(labels: Record<string, string>): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  return registry;
}
