import type { ApiError } from './client-error.ts';
import type { SendOutcome } from './send-operation.ts';

/** How often, and with what waits, a query is sent again that was not answered. */
export interface QueryRetryOptions {
  /** Sendings in all. */
  readonly attempts: number;
  /** The wait before the second; before each further one it is twice as long. */
  readonly firstWaitMs: number;
}

/**
 * How long to wait before a query is sent again; undefined where it is not, because it was answered or was
 * sent often enough. A query changes nothing, so where no answer came it may always be asked again; an
 * answer with errors is an answer, but for the one that says "later".
 */
export function queryRetryAfterMs(
  sent: SendOutcome<unknown>,
  attempt: number,
  { attempts, firstWaitMs }: QueryRetryOptions,
): number | undefined {
  if (attempt >= attempts) return undefined;
  const waitMs = firstWaitMs * 2 ** (attempt - 1);
  if (sent.kind === 'none') return waitMs;
  const limited = sent.errors.find(({ code }) => code === 'RATE_LIMITED');
  return limited && Math.max(waitMs, retryAfterMsOf(limited));
}

function retryAfterMsOf({ extensions }: ApiError): number {
  const after = extensions['retryAfterMs'];
  return typeof after === 'number' ? Math.min(after, 60_000) : 0;
}
