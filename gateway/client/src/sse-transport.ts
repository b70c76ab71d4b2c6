import { createClient, NetworkError } from 'graphql-sse';
import type { AuthorizedFetch } from './authorized-fetch.ts';
import { apiErrorsOf } from './client-error.ts';
import { refreshProof } from './refresh-proof.ts';
import type { StreamEnd } from './stream-inbox.ts';
import type { StreamTransport } from './stream-transport.ts';

/** A server says something every ten seconds, if only that it is there: one that does not is gone. */
const SILENCE_MS = 35_000;

/** Creates a {@link StreamTransport} over Server-Sent Events, each stream on a connection of its own. */
export function createSseTransport(needs: {
  readonly url: string;
  readonly fetch: AuthorizedFetch;
}): StreamTransport {
  const client = createClient({
    url: needs.url,
    retryAttempts: 0,
    fetchFn: (url: string, init: RequestInit) => fetchWatched(needs.fetch, url, init),
  });
  return {
    open(operation, inbox) {
      const close = client.subscribe(operation, {
        next: (result) => inbox.put(result),
        error: (error) => void endOf(error).then((end) => inbox.end(end)),
        complete: () => inbox.end({ kind: 'complete' }),
      });
      return close;
    },
    renewProof: () => refreshProof(needs),
    close: () => client.dispose(),
  };
}

/** Sends a request whose answer's body fails when nothing has come of it for a while. */
async function fetchWatched(
  send: AuthorizedFetch,
  url: string,
  init: RequestInit,
): Promise<Response> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new Error(`silent for ${SILENCE_MS} ms`)), SILENCE_MS);
  };
  const stop = (): void => clearTimeout(timer);
  init.signal?.addEventListener('abort', stop, { once: true });
  heard();
  try {
    const signals = init.signal ? [init.signal, silence.signal] : [silence.signal];
    const { body, status, headers } = await send(url, {
      ...init,
      signal: AbortSignal.any(signals),
    });
    const watch = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        heard();
        controller.enqueue(chunk);
      },
      flush: stop,
    });
    return new Response(body && body.pipeThrough(watch), { status, headers });
  } catch (error) {
    stop();
    throw error;
  }
}

async function endOf(error: unknown): Promise<StreamEnd> {
  if (error instanceof NetworkError && error.response instanceof Response) {
    const { status } = error.response;
    const text = await error.response.text().catch(() => '');
    const errors = apiErrorsOf(errorsIn(text));
    // What a server turns away by its status, but for a proxy's "not now", it will turn away again.
    if (errors.length > 0 && status < 500) return { kind: 'refused', errors };
    return { kind: 'cut', reason: `HTTP ${status}` };
  }
  return {
    kind: 'cut',
    reason: error instanceof Error ? error.message : String(error),
    cause: error,
  };
}

function errorsIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { errors?: unknown } | null)?.errors;
  } catch {
    return undefined;
  }
}
