import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { StreamEnd, StreamReader } from './stream-reader.ts';
import { httpChunk, type UpdateBatch } from './update-batch.ts';

const COMMENT = httpChunk(':\n\n');
/** After a cut a browser's EventSource comes back so soon. */
const OPENING = httpChunk('retry: 1000\n\n:\n\n');

/**
 * One stream of events over HTTP/1.1, as "distinct connections" of GraphQL over SSE has it. The body's
 * chunks are written to the socket as they are, so that a thousand readers are sent one piece of memory.
 */
export class SseResponse implements StreamReader {
  onReady: () => void = () => undefined;
  readonly #response: ServerResponse;
  readonly #socket: Socket;
  #congestedSinceMs: number | undefined;
  #isEnded = false;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#response = response;
    this.#socket = request.socket;
    // A stream is open for as long as its reader wishes: its deadlines are the heartbeat's.
    this.#socket.setTimeout(0);
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Said to proxies that gather what comes before they pass it on.
      'x-accel-buffering': 'no',
      'transfer-encoding': 'chunked',
      connection: 'keep-alive',
    });
    response.flushHeaders();
    this.#socket.on('drain', this.#onDrain);
    this.#write(OPENING);
  }

  write(batch: UpdateBatch): boolean {
    return this.#write(batch.sseChunk);
  }

  end(end: StreamEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const told = end.errors
      ? `event: next\ndata: ${JSON.stringify({ errors: end.errors })}\n\n`
      : '';
    this.#socket.write(httpChunk(`${told}event: complete\ndata:\n\n`));
    this.#socket.off('drain', this.#onDrain);
    this.#response.end();
  }

  /**
   * Says that the server is there; ends the stream of one who has taken nothing for `stallMs`. False
   * when it did that.
   */
  beat(stallMs: number): boolean {
    if (this.#congestedSinceMs === undefined) {
      this.#write(COMMENT);
      return true;
    }
    if (performance.now() - this.#congestedSinceMs < stallMs) return true;
    // Nothing could be told to whoever reads nothing.
    this.#socket.destroy();
    return false;
  }

  #write(chunk: Buffer): boolean {
    if (this.#isEnded) return true;
    if (this.#socket.write(chunk)) return true;
    this.#congestedSinceMs ??= performance.now();
    return false;
  }

  readonly #onDrain = (): void => {
    this.#congestedSinceMs = undefined;
    this.onReady();
  };
}
