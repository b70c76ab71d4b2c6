import {
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import { type ExecutionResult, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { traceOfOrder } from '../tracing/order-trace.ts';

/** What a traced operation adds to its context. */
export interface TraceContext {
  /** W3C `traceparent` of the operation's span, for what is asked of others on its behalf. */
  readonly traceparent?: string;
  /** Says that the operation placed an order, whose trace is then linked. */
  readonly traceOrder?: (orderId: string) => void;
}

/** The first version of the W3C header, and its flag for a trace that is recorded. */
const VERSION = '00';
const RECORDED = '01';
const MAX_NAME_CHARACTERS = 64;

/**
 * A span of each query and mutation, within the trace that the caller named in the header
 * `traceparent` (W3C Trace Context), if any. No variable and no token goes into it.
 */
export function tracedOperations(tracer: Tracer): Plugin<TraceContext> {
  return {
    onExecute({ args, extendContext }) {
      const operation = getOperationAST(args.document, args.operationName);
      const type = operation?.operation ?? 'operation';
      const name = operation?.name?.value.slice(0, MAX_NAME_CHARACTERS);
      const context = args.contextValue as { readonly request?: Request };
      const header = context.request?.headers.get('traceparent');
      const remote = header ? parseTraceParent(header) : null;
      const parent = remote ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
      const attributes = { 'graphql.operation.type': type, 'graphql.operation.name': name ?? '' };
      const span = tracer.startSpan(
        name === undefined ? type : `${type} ${name}`,
        { kind: SpanKind.SERVER, attributes },
        parent,
      );
      const { traceId, spanId } = span.spanContext();
      extendContext({
        traceparent: `${VERSION}-${traceId}-${spanId}-${RECORDED}`,
        traceOrder: (orderId) => linkOrder(span, orderId),
      });
      return {
        onExecuteDone({ result }) {
          finish(span, result);
        },
      };
    },
  };
}

function linkOrder(span: Span, orderId: string): void {
  const context = trace.getSpanContext(traceOfOrder(orderId).context);
  if (context) span.addLink({ context, attributes: { 'stoa.order': orderId } });
}

function finish(span: Span, result: unknown): void {
  const { errors } = (result ?? {}) as ExecutionResult;
  const code = errors?.[0]?.extensions?.['code'];
  if (errors?.length) {
    span.setStatus({
      code: SpanStatusCode.ERROR,
      message: typeof code === 'string' ? code : 'INTERNAL_SERVER_ERROR',
    });
  }
  span.end();
}
