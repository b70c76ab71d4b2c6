import { hash } from 'node:crypto';
import { type Context, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';

/** The trace of one order, on every node that has to do with it. */
export interface OrderTrace {
  /** W3C trace id: 32 hexadecimal digits. */
  readonly traceId: string;
  /** Id of the trace's first span: 16 hexadecimal digits. */
  readonly spanId: string;
  /** The parent of all other spans of the trace. */
  readonly context: Context;
}

const TRACE_ID_DIGITS = 32;
const SPAN_ID_DIGITS = 16;

/**
 * An order's trace is named by the order. So nothing of tracing travels between nodes, where it would
 * have to be judged; a leg that is answered after a restart stands in the same trace; and whoever knows
 * the order's id finds its trace. An executing venue knows that id from the leg's.
 */
export function traceOfOrder(orderId: string): OrderTrace {
  const digits = hash('sha256', `stoa order ${orderId}`, 'hex');
  const traceId = digits.slice(0, TRACE_ID_DIGITS);
  const spanId = digits.slice(TRACE_ID_DIGITS, TRACE_ID_DIGITS + SPAN_ID_DIGITS);
  const traceFlags = TraceFlags.SAMPLED;
  const context = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags });
  return { traceId, spanId, context };
}

/** The trace of the order that a leg belongs to: a leg's id is ORDER.LEG.ATTEMPT. */
export function traceOfLeg(legId: string): OrderTrace {
  return traceOfOrder(legId.split('.')[0] ?? legId);
}
