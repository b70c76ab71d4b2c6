import { createAuthorizedFetch, type ServerNonce } from './authorized-fetch.ts';
import { type ApiError, StoaClientError } from './client-error.ts';
import type { Credentials } from './credentials.ts';
import type { TypedDocumentString } from './generated/api.ts';
import { type MutationOutcome, mutationOutcomeOf } from './mutation-outcome.ts';
import { type QueryRetryOptions, queryRetryAfterMs } from './query-retry.ts';
import { pause, readResuming, type StreamOptions, type StreamUpdate } from './resuming-stream.ts';
import { sendOperation } from './send-operation.ts';
import { createSseTransport } from './sse-transport.ts';
import { createWsTransport } from './ws-transport.ts';

/** Which server, as whom, and within which bounds. */
export interface StoaClientOptions {
  /** Where a gateway or a node answers GraphQL: `https://…/graphql`. */
  readonly url: string;
  /** Who asks; nobody where left out. */
  readonly credentials?: Credentials;
  /** How subscriptions are read: Server-Sent Events where left out. */
  readonly streamsOver?: 'sse' | 'ws';
  /** How long an answer is waited for; 15 s where left out. */
  readonly timeoutMs?: number;
  /** Three sendings, a quarter of a second before the second, where left out. */
  readonly queryRetry?: QueryRetryOptions;
  /** What is left out is as in {@link STREAM_OPTIONS}. */
  readonly streams?: Partial<StreamOptions>;
}

/** The outside world, where it is to be another than the platform's. */
export interface StoaClientNeeds {
  readonly fetch?: typeof fetch;
  /** A class as the browser's `WebSocket`; Node 20 has none of its own. */
  readonly webSocket?: unknown;
}

/** What goes with one operation. */
export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a query was answered. Where something in `data` is null, `errors` may say why, and at which venue. */
export interface Answer<Data> {
  readonly data: Data;
  readonly errors: readonly ApiError[];
}

/** A subscription as it is read: `for await`, or `next()`; `return()` ends it at once. */
export type Stream<Data> = AsyncIterableIterator<StreamUpdate<Data>, void>;

/** One server, seen by one caller. */
export interface StoaClient {
  /**
   * Asks. Where no answer comes the query is sent again a few times: it changes nothing.
   *
   * @throws StoaClientError NO_ANSWER, OPERATION_FAILED
   */
  query<Data, Variables>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    options?: CallOptions,
  ): Promise<Answer<Data>>;
  /** Sends a mutation, once, whatever happens. Never throws. */
  mutate<Data, Variables>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    options?: CallOptions,
  ): Promise<MutationOutcome<Data>>;
  /**
   * Reads a subscription, from where `after` of the variables says where it has one, over cuts and restarts
   * of the server. Nothing is opened before the first update is asked for. A reader who does not keep up
   * is cut off from its own events when the buffer is full, and goes on when it has taken what is in it;
   * orders with `cancelOnDisconnect` count that as a disconnect.
   *
   * @throws StoaClientError STREAM_REFUSED, STREAM_LOST when it is read
   */
  subscribe<Data, Variables>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    options?: Pick<CallOptions, 'signal'>,
  ): Stream<Data>;
  /** Ends all subscriptions and connections. */
  close(): void;
}

/** How subscriptions are read unless otherwise said. */
export const STREAM_OPTIONS: StreamOptions = {
  ...{ firstWaitMs: 250, maxWaitMs: 10_000, giveUpAfterMs: 600_000 },
  maxBuffered: 1_000,
};

const TIMEOUT_MS = 15_000;
const QUERY_RETRY: QueryRetryOptions = { attempts: 3, firstWaitMs: 250 };

/** Creates a {@link StoaClient}. */
export function createStoaClient(
  options: StoaClientOptions,
  needs: StoaClientNeeds = {},
): StoaClient {
  const { url, credentials = { kind: 'none' }, timeoutMs = TIMEOUT_MS } = options;
  const nonce: ServerNonce = { latest: undefined };
  const given = needs.fetch ?? globalThis.fetch.bind(globalThis);
  const http = { url, fetch: createAuthorizedFetch(credentials, given, nonce) };
  const transport =
    options.streamsOver === 'ws'
      ? createWsTransport({
          ...{ ...http, credentials, nonce },
          webSocket: needs.webSocket ?? globalThis.WebSocket,
        })
      : createSseTransport(http);
  const closing = new AbortController();
  const signalOf = (given?: AbortSignal): AbortSignal =>
    given ? AbortSignal.any([closing.signal, given]) : closing.signal;
  return {
    async query(document, variables, call = {}) {
      const signal = signalOf(call.signal);
      const request = { document, variables, timeoutMs: call.timeoutMs ?? timeoutMs, signal };
      for (let attempt = 1; ; attempt += 1) {
        const sent = await sendOperation(request, http);
        const waitMs = queryRetryAfterMs(sent, attempt, options.queryRetry ?? QUERY_RETRY);
        if (waitMs === undefined || signal.aborted) return answerOf(sent);
        await pause(waitMs, signal);
      }
    },
    async mutate(document, variables, call = {}) {
      const signal = signalOf(call.signal);
      const request = { document, variables, timeoutMs: call.timeoutMs ?? timeoutMs, signal };
      return mutationOutcomeOf(await sendOperation(request, http), document.toString());
    },
    subscribe<Data, Variables>(
      document: TypedDocumentString<Data, Variables>,
      variables: Variables,
      call: Pick<CallOptions, 'signal'> = {},
    ) {
      const operation = {
        query: document.toString(),
        variables: variables as Record<string, unknown>,
      };
      const streams = { ...STREAM_OPTIONS, ...options.streams };
      return endable(
        (signal) =>
          readResuming<Data>(operation, streams, {
            ...{ transport, signal },
            now: () => performance.now(),
            chance: Math.random,
          }),
        signalOf(call.signal),
      );
    },
    close() {
      closing.abort();
      transport.close();
    },
  };
}

function answerOf<Data>(
  sent: Awaited<ReturnType<typeof sendOperation<Data, unknown>>>,
): Answer<Data> {
  if (sent.kind === 'none') {
    throw new StoaClientError('NO_ANSWER', sent.reason, { cause: sent.cause });
  }
  const { data, errors } = sent;
  if (data === null) {
    const message = errors[0]?.message ?? 'The answer says nothing.';
    throw new StoaClientError('OPERATION_FAILED', message, { errors });
  }
  return { data, errors };
}

/** A generator that `return()` also ends while it waits. */
function endable<Data>(
  read: (signal: AbortSignal) => AsyncGenerator<StreamUpdate<Data>, void, undefined>,
  signal: AbortSignal,
): Stream<Data> {
  const ending = new AbortController();
  const updates = read(AbortSignal.any([signal, ending.signal]));
  return {
    next: () => updates.next(),
    return() {
      ending.abort();
      return updates.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
