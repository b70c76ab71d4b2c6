import { type Client, createClient } from 'graphql-ws';
import type { AuthorizedFetch, ServerNonce } from './authorized-fetch.ts';
import { apiErrorsOf } from './client-error.ts';
import { type Credentials, tokenOf } from './credentials.ts';
import { refreshProof } from './refresh-proof.ts';
import type { StreamEnd, StreamInbox } from './stream-inbox.ts';
import type { StreamOperation, StreamTransport } from './stream-transport.ts';

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

interface WsTransportNeeds {
  readonly url: string;
  /** Over HTTP: what a proof needs is asked for there. */
  readonly fetch: AuthorizedFetch;
  readonly credentials: Credentials;
  readonly nonce: ServerNonce;
  readonly webSocket: unknown;
}

/**
 * Creates a {@link StreamTransport} over graphql-transport-ws: all streams share one connection, which is
 * made when it is needed. Of a bound token each operation carries a proof of its own (docs/security.md).
 */
export function createWsTransport(needs: WsTransportNeeds): StreamTransport {
  const { credentials } = needs;
  const tokens = connectionTokens(credentials);
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  const client: Client = createClient({
    url: needs.url.replace(/^http/, 'ws'),
    webSocketImpl: needs.webSocket,
    retryAttempts: 0,
    keepAlive: PING_MS,
    connectionAckWaitTimeout: ACK_WITHIN_MS,
    async connectionParams() {
      const token = await tokens.current();
      const scheme = credentials.kind === 'bound' ? 'DPoP' : 'Bearer';
      return token === undefined ? {} : { authorization: `${scheme} ${token}` };
    },
    on: {
      ping(received) {
        if (!received) pongTimer = setTimeout(() => client.terminate(), PONG_WITHIN_MS);
      },
      pong(received) {
        if (received) clearTimeout(pongTimer);
      },
      closed() {
        clearTimeout(pongTimer);
        tokens.renew();
      },
    },
  });
  return {
    open(operation, inbox) {
      let close = (): void => undefined;
      let isClosed = false;
      const failed = (error: unknown): void => inbox.end(endOf(error));
      provenOperation(operation, { ...needs, tokens }).then((proven) => {
        if (!isClosed) close = subscribe(client, proven, inbox);
      }, failed);
      return () => {
        isClosed = true;
        close();
      };
    },
    renewProof: () => refreshProof(needs),
    close: () => void client.dispose(),
  };
}

function subscribe(client: Client, operation: StreamOperation, inbox: StreamInbox): () => void {
  return client.subscribe(
    { ...operation },
    {
      next: (result) => inbox.put(result),
      error: (error) => inbox.end(endOf(error)),
      complete: () => inbox.end({ kind: 'complete' }),
    },
  );
}

/** The token of one connection: proofs on it are for that one, though there may be a newer by then. */
interface ConnectionTokens {
  current(): Promise<string | undefined>;
  /** The next connection takes a new one. */
  renew(): void;
}

function connectionTokens(credentials: Credentials): ConnectionTokens {
  let token: Promise<string | undefined> | undefined;
  const renew = (): void => {
    token = undefined;
  };
  return {
    async current() {
      token ??= tokenOf(credentials);
      try {
        return await token;
      } catch (error) {
        renew();
        throw error;
      }
    },
    renew,
  };
}

/** An operation with the proof that goes with it, as if it were the POST that it stands for. */
async function provenOperation(
  operation: StreamOperation,
  { url, credentials, nonce, tokens }: WsTransportNeeds & { readonly tokens: ConnectionTokens },
): Promise<StreamOperation> {
  if (credentials.kind !== 'bound') return operation;
  for (;;) {
    const token = await tokens.current();
    const subject = { method: 'POST', url, ...(token !== undefined && { token }) };
    const dpop = await credentials.key.prove({ ...subject, nonce: nonce.latest });
    // A connection that was closed meanwhile has taken its token along.
    if ((await tokens.current()) !== token) continue;
    return { ...operation, extensions: { ...operation.extensions, dpop } };
  }
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
