import { type ApiError, apiErrorsOf } from './client-error.ts';
import { decideReconnect, type ReconnectOptions } from './reconnect-decision.ts';
import { StreamInbox } from './stream-inbox.ts';
import { afterText, placeResult, type StreamPosition } from './stream-position.ts';
import type { StreamOperation, StreamTransport } from './stream-transport.ts';

/** One update of a subscription. */
export interface StreamUpdate<Data> {
  readonly data: Data;
  /** Why something in `data` is null, where the server says so. */
  readonly errors: readonly ApiError[];
  /**
   * Updates between the last one and this: more than none on shared streams alone, whose updates are whole;
   * null where it is not known, as after a server's restart.
   */
  readonly missed: number | null;
}

/** What becomes of a stream over its cuts. */
export interface StreamOptions extends ReconnectOptions {
  /** Updates that wait for their reader at most. */
  readonly maxBuffered: number;
}

/** Outside of a stream. */
export interface StreamNeeds {
  readonly transport: StreamTransport;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Milliseconds, of a clock that only goes on. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly chance: () => number;
}

/**
 * Reads a subscription over as many connections as it takes: after each cut it goes on from the last update
 * that the reader has taken, so that a numbered stream gives every event, and each once. Of whatever is not
 * yet taken nothing is counted, so a reader may stop at any update and go on from its number another day.
 *
 * @throws StoaClientError STREAM_REFUSED, STREAM_LOST
 */
export async function* readResuming<Data>(
  operation: StreamOperation,
  options: StreamOptions,
  needs: StreamNeeds,
): AsyncGenerator<StreamUpdate<Data>, void, undefined> {
  const { transport, signal, now } = needs;
  let position: StreamPosition | undefined;
  let failures = 0;
  let heardAt = now();
  while (!signal.aborted) {
    const inbox = new StreamInbox(options.maxBuffered);
    const after = position && { extensions: { after: afterText(position) } };
    const close = transport.open({ ...operation, ...after }, inbox);
    const stop = (): void => inbox.end({ kind: 'complete' });
    signal.addEventListener('abort', stop, { once: true });
    try {
      let step = await inbox.take();
      failures = step.kind === 'result' ? 0 : failures + 1;
      for (; step.kind === 'result' && !signal.aborted; step = await inbox.take()) {
        heardAt = now();
        const { result } = step;
        const placed = placeResult(position, result);
        if (placed.kind === 'seen') continue;
        position = placed.position;
        yield {
          data: result.data as Data,
          errors: apiErrorsOf(result.errors),
          missed: placed.missed,
        };
      }
      if (step.kind === 'result') return;
      const state = { failures, silentMs: now() - heardAt };
      const decision = decideReconnect(step, state, options, needs.chance());
      if (decision.kind === 'finish') return;
      if (decision.kind === 'fail') throw decision.error;
      if (step.kind === 'refused' && step.errors.some(({ code }) => code === 'PROOF_NONCE')) {
        await transport.renewProof();
      }
      await pause(decision.waitMs, signal);
    } finally {
      signal.removeEventListener('abort', stop);
      close();
    }
  }
}

/** Resolves after a while, or at the signal. */
export function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, waitMs);
    signal.addEventListener('abort', end);
  });
}
