import { getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { Counter, Gauge, type Registry } from 'prom-client';

/** The API's own metrics. */
export interface ApiMetrics {
  /** Counts operations as they begin. */
  readonly plugin: Plugin;
  /** Counts a query that is answered without the engine. */
  readonly onQuery: () => void;
  readonly onError: (code: string) => void;
}

/** Creates the {@link ApiMetrics} in a process's registry. */
export function createApiMetrics(registry: Registry, subscriptions: () => number): ApiMetrics {
  const operations = new Counter({
    name: 'stoa_api_operations_total',
    help: 'GraphQL operations begun, by type.',
    labelNames: ['type'] as const,
    registers: [registry],
  });
  const errors = new Counter({
    name: 'stoa_api_errors_total',
    help: 'Errors told to callers, by code.',
    labelNames: ['code'] as const,
    registers: [registry],
  });
  new Gauge({
    name: 'stoa_api_subscriptions',
    help: 'Subscriptions open now.',
    registers: [registry],
    collect() {
      this.set(subscriptions());
    },
  });
  const plugin: Plugin = {
    onExecute({ args }) {
      const operation = getOperationAST(args.document, args.operationName)?.operation;
      operations.inc({ type: operation ?? 'unknown' });
    },
    onSubscribe() {
      operations.inc({ type: 'subscription' });
    },
  };
  return {
    plugin,
    onQuery: () => operations.inc({ type: 'query' }),
    onError: (code) => errors.inc({ code }),
  };
}
