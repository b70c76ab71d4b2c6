import { type Client, createClient } from 'graphql-ws';
import { apiErrorsOf, StoaClientError } from './client-error.ts';
import { type Credentials, tokenOf } from './credentials.ts';
import type { StreamEnd } from './stream-inbox.ts';
import type { StreamTransport } from './stream-transport.ts';

/** A server that answers no ping for so long has vanished without closing. */
const PING_MS = 10_000;
const PONG_WITHIN_MS = 10_000;
/** One that takes the connection and never says that it may be used is none. */
const ACK_WITHIN_MS = 10_000;

/** Close codes after which coming back helps nothing (docs/streams.md): the rest are cuts. */
const LASTING: ReadonlyMap<number, string> = new Map([
  [4400, 'BAD_REQUEST'],
  [4403, 'UNAUTHENTICATED'],
  [4406, 'BAD_REQUEST'],
]);

/**
 * Creates a {@link StreamTransport} over graphql-transport-ws: all streams share one connection, which is
 * made when it is needed.
 *
 * @throws StoaClientError TRANSPORT_UNFIT for a bound token, of which a WebSocket carries no proof
 */
export function createWsTransport(needs: {
  readonly url: string;
  readonly credentials: Credentials;
  readonly webSocket: unknown;
}): StreamTransport {
  const { credentials } = needs;
  if (credentials.kind === 'bound') {
    const message = 'A token bound to a key cannot go over WebSocket: use Server-Sent Events.';
    throw new StoaClientError('TRANSPORT_UNFIT', message);
  }
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  const client: Client = createClient({
    url: needs.url.replace(/^http/, 'ws'),
    webSocketImpl: needs.webSocket,
    retryAttempts: 0,
    keepAlive: PING_MS,
    connectionAckWaitTimeout: ACK_WITHIN_MS,
    async connectionParams() {
      const token = await tokenOf(credentials);
      return token === undefined ? {} : { authorization: `Bearer ${token}` };
    },
    on: {
      ping(received) {
        if (!received) pongTimer = setTimeout(() => client.terminate(), PONG_WITHIN_MS);
      },
      pong(received) {
        if (received) clearTimeout(pongTimer);
      },
      closed: () => clearTimeout(pongTimer),
    },
  });
  return {
    open(operation, inbox) {
      return client.subscribe(operation, {
        next: (result) => inbox.put(result),
        error: (error) => inbox.end(endOf(error)),
        complete: () => inbox.end({ kind: 'complete' }),
      });
    },
    renewProof: async () => undefined,
    close: () => void client.dispose(),
  };
}

function endOf(error: unknown): StreamEnd {
  const errors = apiErrorsOf(error);
  if (errors.length > 0) return { kind: 'refused', errors };
  const { code, reason } = error as Partial<CloseEvent>;
  const refused = LASTING.get(code ?? 0);
  if (refused !== undefined) {
    const message = reason || `closed with ${code}`;
    return { kind: 'refused', errors: [{ message, code: refused, path: [], extensions: {} }] };
  }
  const why = error instanceof Error ? error.message : `closed with ${code}`;
  return { kind: 'cut', reason: why, cause: error };
}
