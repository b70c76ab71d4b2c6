import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Verification } from '../access/verification.ts';
import type { OperationParams } from '../streams/operation-params.ts';
import { sendPrivateStream } from '../streams/private-stream.ts';
import type { StreamHub, StreamResult } from '../streams/stream-hub.ts';
import type { StreamError, StreamReader } from '../streams/stream-reader.ts';
import type { StreamSlots } from '../streams/stream-slots.ts';
import { UpdateBatch } from '../streams/update-batch.ts';
import { apiError } from './api-error.ts';
import { sharedOperationOf } from './public-execution.ts';
import type { RequestHead } from './request-head.ts';
import type { StreamContext } from './stream-context.ts';

/** A GraphQL engine with all its stages: yoga, or a gateway runtime made with it. */
export interface OperationEngine {
  getResultForParams(
    operation: { readonly params: OperationParams; readonly request: Request },
    context: object,
  ): PromiseLike<EngineResult> | EngineResult;
}

type EngineResult = ExecutionResult | AsyncIterable<ExecutionResult> | undefined;

/** Whoever asks for an operation. */
export interface StreamCaller {
  /** The request as the engine's stages read it. */
  readonly request: RequestHead;
  /** Address the request came from. */
  readonly address: string;
  /** Id of the last update that it has seen before. */
  readonly after: string | undefined;
}

/** Runs operations whose results go to a reader, be it one or a stream of them. */
export interface StreamOperations {
  /** Begins one: what ends it before its time. */
  run(params: OperationParams, caller: StreamCaller, reader: StreamReader): () => void;
  /** Ends the streams of tokens that are good no more. */
  beat(): void;
  /** Ends all, telling why. */
  endAll(): void;
}

/** What operations are run with. */
export interface StreamOperationsNeeds {
  readonly engine: () => OperationEngine;
  readonly hub: StreamHub;
  readonly slots: StreamSlots;
  readonly verify: (authorization: string | null) => Promise<Verification>;
  readonly maskError: (error: unknown) => GraphQLError;
}

const EXPIRED = told([
  apiError('UNAUTHENTICATED', 'The token has expired: open the stream with a new one.'),
]);
const STOPPING = told([
  apiError('SERVER_STOPPING', 'This server is stopping. Connect again and go on from here.'),
]);
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Creates {@link StreamOperations}. */
export function createStreamOperations(needs: StreamOperationsNeeds): StreamOperations {
  const running = new Set<RunningOperation>();
  return {
    run(params, caller, reader) {
      const operation = new RunningOperation(params, caller, reader, needs);
      running.add(operation);
      void operation.run().finally(() => running.delete(operation));
      return () => operation.stop();
    },
    beat() {
      for (const operation of running) void operation.checkToken();
    },
    endAll() {
      for (const operation of running) operation.end(STOPPING);
    },
  };
}

/** One operation, from its first check to its end. */
class RunningOperation {
  readonly #params: OperationParams;
  readonly #caller: StreamCaller;
  readonly #reader: StreamReader;
  readonly #needs: StreamOperationsNeeds;
  readonly #stopping = new AbortController();
  #auth: Verification | undefined;

  constructor(
    params: OperationParams,
    caller: StreamCaller,
    reader: StreamReader,
    needs: StreamOperationsNeeds,
  ) {
    this.#params = params;
    this.#caller = caller;
    this.#reader = reader;
    this.#needs = needs;
  }

  stop(): void {
    this.#stopping.abort();
  }

  end(errors: readonly StreamError[]): void {
    if (this.#stopping.signal.aborted) return;
    this.#reader.end({ errors });
    this.stop();
  }

  /** Runs to the end; never rejects. */
  async run(): Promise<void> {
    const auth = await this.#needs.verify(this.#authorization);
    this.#auth = auth;
    const slot = this.#needs.slots.take(clientOf(auth, this.#caller.address));
    if (typeof slot !== 'function') {
      this.end(told([tooMany(slot.full)]));
      return;
    }
    const stopTimer = this.#watchExpiry(auth);
    try {
      await this.#execute();
    } catch (error) {
      this.end(told([this.#needs.maskError(error)]));
    } finally {
      stopTimer();
      slot();
    }
  }

  /** A token that was revoked, or whose key was, ends what was opened with it. */
  async checkToken(): Promise<void> {
    if (this.#auth?.kind !== 'caller') return;
    const auth = await this.#needs.verify(this.#authorization);
    // Keys that cannot be had now say nothing against a token.
    if (auth.kind === 'refused' && auth.code !== 'AUTH_UNAVAILABLE') {
      this.end(told([apiError(auth.code, auth.reason)]));
    }
  }

  get #authorization(): string | null {
    return this.#caller.request.headers.get('authorization');
  }

  #watchExpiry(auth: Verification): () => void {
    if (auth.kind !== 'caller') return () => undefined;
    const leftMs = Math.min(Math.max(0, auth.expiresAtMs - Date.now()), MAX_TIMER_MS);
    const timer = setTimeout(() => this.end(EXPIRED), leftMs).unref();
    return () => clearTimeout(timer);
  }

  async #execute(): Promise<void> {
    const { signal } = this.#stopping;
    const request = this.#caller.request.asRequest;
    const stream: StreamContext = { after: this.#caller.after, ids: [] };
    const result = await this.#needs
      .engine()
      .getResultForParams({ params: this.#params, request }, { request, stream });
    if (result === undefined) throw new Error('the engine gave no result');
    if (Symbol.asyncIterator in result) {
      if (signal.aborted) await result[Symbol.asyncIterator]().return?.();
      else await this.#sendPrivate(result, stream);
      return;
    }
    if (signal.aborted) return;
    const shared = sharedOperationOf(result);
    if (!shared) {
      this.#sendOne(result);
      return;
    }
    const place = this.#needs.hub.join(shared.key, shared.source, this.#reader, stream.after);
    await aborted(signal);
    place.leave();
  }

  #sendPrivate(results: AsyncIterable<ExecutionResult>, { ids }: StreamContext): Promise<void> {
    return sendPrivateStream(mapped(results), this.#reader, {
      signal: this.#stopping.signal,
      idOf: () => ids.shift(),
    });
  }

  #sendOne(result: ExecutionResult): void {
    const { data, errors } = toldResult(result);
    if (data === undefined && errors) return this.end(errors);
    const payload = JSON.stringify(toldResult(result));
    this.#reader.write(new UpdateBatch([{ id: undefined, payload }]));
    this.#reader.end({});
    this.stop();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Maps without reading ahead; its `return` is the source's own. */
function mapped(results: AsyncIterable<ExecutionResult>): AsyncIterable<StreamResult> {
  return {
    [Symbol.asyncIterator]() {
      const inner = results[Symbol.asyncIterator]();
      return {
        async next() {
          const { done, value } = await inner.next();
          return done ? { done, value: undefined } : { done: false, value: toldResult(value) };
        },
        async return() {
          await inner.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function toldResult({ data, errors, extensions }: ExecutionResult): StreamResult {
  return {
    ...(data === undefined ? {} : { data }),
    ...(errors ? { errors: told(errors) } : {}),
    ...(extensions ? { extensions } : {}),
  };
}

/** Errors as they are told; a status of HTTP is none of a stream's. */
function told(errors: readonly GraphQLError[]): StreamError[] {
  return errors.map((error) => {
    const { extensions = {}, ...rest } = error.toJSON();
    const { http: _http, ...kept } = extensions;
    return { ...rest, extensions: kept };
  });
}

function clientOf(auth: Verification, address: string): string {
  return auth.kind === 'caller' ? `member ${auth.caller.member}` : `address ${address}`;
}

function tooMany(full: 'server' | 'client') {
  const message =
    full === 'server'
      ? 'This server has as many streams open as it serves. Try another one or later.'
      : 'You have as many streams open as one client may have. End one of yours first.';
  return apiError('TOO_MANY_SUBSCRIPTIONS', message);
}
