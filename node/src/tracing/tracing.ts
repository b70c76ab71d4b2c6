import type { Context, Link, Span, Tracer } from '@opentelemetry/api';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { OrderTrace } from './order-trace.ts';

/** Which process says it, and to which collector. */
export interface TracingOptions {
  /** OpenTelemetry's `service.name`. */
  readonly service: 'stoa-node' | 'stoa-gateway';
  /** OpenTelemetry's `service.instance.id`: the member's id. */
  readonly member: string;
  /** Base URL of an OTLP/HTTP collector; spans go to its /v1/traces. */
  readonly endpoint: string;
}

/** A span that is told when it is over. Times are Unix milliseconds. */
export interface FinishedSpan {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Why it failed; absent where it did not. */
  readonly error?: string;
}

/** The process's spans. What the collector does not take is dropped: tracing holds up nothing. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Tells a span of an order's trace. */
  told(trace: OrderTrace, span: FinishedSpan): void;
  /** Tells the span that an order's trace begins with. */
  toldRoot(trace: OrderTrace, span: FinishedSpan, links?: readonly Link[]): void;
  /** Sends what is waiting, for a second at most. */
  stop(): Promise<void>;
}

const SPAN_STATUS_ERROR = 2;
const EXPORT_TIMEOUT_MS = 2_000;
const STOP_WITHIN_MS = 1_000;
const MAX_WAITING_SPANS = 4_096;

/** Starts telling spans to a collector. */
export function startTracing({ service, member, endpoint }: TracingOptions): Tracing {
  const ids = new NamedIds();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.instance.id': member }),
    idGenerator: ids,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({
          url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
          timeoutMillis: EXPORT_TIMEOUT_MS,
        }),
        maxQueueSize: MAX_WAITING_SPANS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
        scheduledDelayMillis: 1_000,
      }),
    ],
  });
  const tracer = provider.getTracer('stoa');
  const finish = (started: Span, { endMs, error }: FinishedSpan): void => {
    if (error !== undefined) started.setStatus({ code: SPAN_STATUS_ERROR, message: error });
    started.end(endMs);
  };
  const start = (span: FinishedSpan, parent: Context, links: readonly Link[] = []): Span =>
    tracer.startSpan(
      span.name,
      { startTime: span.startMs, attributes: { ...span.attributes }, links: [...links] },
      parent,
    );
  return {
    tracer,
    told: (trace, span) => finish(start(span, trace.context), span),
    toldRoot: (trace, span, links) =>
      finish(
        ids.named(trace, () => start(span, ROOT_CONTEXT, links)),
        span,
      ),
    async stop() {
      await Promise.race([
        provider.shutdown().catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref()),
      ]);
    },
  };
}

/** Random ids, but for a span that is to have the ids of an order's trace. */
class NamedIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #next: { readonly traceId: string; readonly spanId: string } | undefined;

  named<T>(ids: { readonly traceId: string; readonly spanId: string }, make: () => T): T {
    this.#next = ids;
    try {
      return make();
    } finally {
      this.#next = undefined;
    }
  }

  generateTraceId(): string {
    return this.#next?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#next?.spanId ?? this.#random.generateSpanId();
  }
}
