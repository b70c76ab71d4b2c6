import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type NodeResult, parseAnswer, readAnswer } from './node-client.ts';
import { readServerSentEvents } from './sse-reader.ts';

/** One subscription at one node. */
export interface NodeSubscription {
  readonly url: string;
  /** The operation as JSON. */
  readonly body: string;
  /** The caller's credentials, and what goes with them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Id of the last update that the reader has seen before. */
  readonly after?: string | undefined;
  /** Until the node has answered. */
  readonly timeoutMs: number;
  /** A node writes every few seconds even when it has nothing to tell: one that does not is gone. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

/** One step of a subscription; the last one says how it ended, where the node did not end it itself. */
export type NodeStreamStep =
  | { readonly kind: 'result'; readonly result: NodeResult; readonly id?: string | undefined }
  | { readonly kind: 'broken'; readonly reason: string };

const MAX_EVENT_CHARS = 1_024 * 1_024;

/**
 * Subscribes at a node, on a connection of its own. Results are read from it only as they are taken, so
 * that a reader who stalls costs what the sockets hold. Ends with the signal; never throws.
 */
export async function* subscribeAtNode(
  subscription: NodeSubscription,
): AsyncGenerator<NodeStreamStep, void, undefined> {
  const { signal, silenceMs, timeoutMs } = subscription;
  let response: IncomingMessage | undefined;
  let silent = false;
  try {
    response = await open(subscription);
    const opened = response;
    giveUpWhenSilent(opened, silenceMs, () => {
      silent = true;
    });
    if (!opened.headers['content-type']?.startsWith('text/event-stream')) {
      yield { kind: 'result', result: await readAnswer(opened) };
      return;
    }
    for await (const { event, data, id } of readServerSentEvents(opened, MAX_EVENT_CHARS)) {
      if (signal.aborted || event === 'complete') return;
      const result = event === 'next' ? parseAnswer(data) : undefined;
      if (result) yield { kind: 'result', result, id };
    }
    // The node ends a stream with `complete`; without it, it ended itself.
    if (!signal.aborted) yield { kind: 'broken', reason: 'the stream broke off' };
  } catch (error) {
    if (signal.aborted) return;
    yield {
      kind: 'broken',
      reason: silent ? `silent for ${silenceMs} ms` : reasonOf(error, timeoutMs),
    };
  } finally {
    response?.destroy();
  }
}

/**
 * Destroys what a node answers once it has said nothing for `silenceMs` to a reader that wanted more.
 * Time that this process itself lost is not the node's: what came meanwhile is read before it is judged.
 */
function giveUpWhenSilent(
  response: IncomingMessage,
  silenceMs: number,
  onSilent: () => void,
): void {
  const { socket } = response;
  let readerStalled = false;
  socket.setTimeout(silenceMs);
  socket.on('timeout', () => {
    const readerStalledBefore = readerStalled;
    readerStalled = response.readableLength > 0;
    if (readerStalled || readerStalledBefore) {
      socket.setTimeout(silenceMs);
      return;
    }
    const heard = socket.bytesRead;
    // Timers go before sockets in a turn of the loop.
    setImmediate(() => {
      if (socket.bytesRead !== heard) return;
      onSilent();
      response.destroy();
    });
  });
}

function open(subscription: NodeSubscription): Promise<IncomingMessage> {
  const { url, body, headers, after, timeoutMs, signal } = subscription;
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      signal,
      // Of its own: what else the node is asked must not wait behind it.
      agent: false,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        accept: 'text/event-stream',
        ...headers,
        ...(after === undefined ? {} : { 'last-event-id': after }),
      },
    });
    const late = setTimeout(() => request.destroy(new TimeoutError()), timeoutMs);
    request.on('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
    request.on('response', (response) => {
      clearTimeout(late);
      resolve(response);
    });
    request.end(body);
  });
}

class TimeoutError extends Error {}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof TimeoutError) return `no answer within ${timeoutMs} ms`;
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
