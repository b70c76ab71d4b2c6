import { type ApiError, StoaClientError } from './client-error.ts';
import type { StreamEnd } from './stream-inbox.ts';

/** How long and how often a stream is tried again. */
export interface ReconnectOptions {
  /** The first wait is shorter than this; each further one may be twice as long. */
  readonly firstWaitMs: number;
  /** No wait is longer. */
  readonly maxWaitMs: number;
  /** A stream that gave nothing new for so long, however often it was tried, is lost. */
  readonly giveUpAfterMs: number;
}

/** What is known of a stream when its connection ends. */
export interface ReconnectState {
  /** Connections that ended in a row without a result. */
  readonly failures: number;
  /** Since the last result, or since the stream was opened. */
  readonly silentMs: number;
}

/** What becomes of a stream whose connection has ended. */
export type ReconnectDecision =
  | { readonly kind: 'finish' }
  | { readonly kind: 'fail'; readonly error: StoaClientError }
  | { readonly kind: 'again'; readonly waitMs: number };

/** The server will do later what it does not do now. */
const PASSING: ReadonlySet<string> = new Set([
  ...['SERVER_STOPPING', 'NODE_UNAVAILABLE', 'AUTH_UNAVAILABLE', 'RATE_LIMITED'],
  ...['TOO_MANY_SUBSCRIPTIONS', 'HISTORY_BUSY'],
  // It broke in the middle, and the server could not say why.
  ...['', 'INTERNAL_SERVER_ERROR'],
]);

/** What a new token, or a new proof, mends: worth one try, which shows whether there is one. */
const MENDED_BY_CREDENTIALS: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'PROOF_NONCE']);

/** Decides whether, and after what wait, a stream is opened again. `chance` is from 0 to 1. */
export function decideReconnect(
  end: StreamEnd,
  { failures, silentMs }: ReconnectState,
  options: ReconnectOptions,
  chance: number,
): ReconnectDecision {
  if (end.kind === 'complete') return { kind: 'finish' };
  // The reader has taken all there was; the server has kept the rest.
  if (end.kind === 'full') return { kind: 'again', waitMs: 0 };
  const errors = end.kind === 'refused' ? end.errors : [];
  const lasting = errors.find((error) => !passes(error, failures));
  if (lasting) {
    const error = new StoaClientError('STREAM_REFUSED', lasting.message, { errors });
    return { kind: 'fail', error };
  }
  if (silentMs >= options.giveUpAfterMs) {
    const why = end.kind === 'cut' ? end.reason : (errors[0]?.message ?? '');
    const message = `The stream has given nothing for ${Math.round(silentMs)} ms: ${why}`;
    const cause = end.kind === 'cut' ? end.cause : undefined;
    return { kind: 'fail', error: new StoaClientError('STREAM_LOST', message, { errors, cause }) };
  }
  // Full jitter: those who were cut off together do not come back together.
  const longest = Math.min(options.maxWaitMs, options.firstWaitMs * 2 ** Math.min(failures, 30));
  return { kind: 'again', waitMs: Math.round(chance * longest) };
}

function passes({ code }: ApiError, failures: number): boolean {
  return PASSING.has(code) || (MENDED_BY_CREDENTIALS.has(code) && failures <= 1);
}
