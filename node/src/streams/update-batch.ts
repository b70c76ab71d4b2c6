/** One update of a stream, ready to be sent. */
export interface StreamUpdate {
  /** What a reader that was cut off gives back to go on from here; undefined where there is none. */
  readonly id: string | undefined;
  /** The GraphQL result as JSON, on one line. */
  readonly payload: string;
}

/**
 * Updates that are sent together. Each encoding is made once, however many readers there are, and all
 * of them are handed the same bytes.
 */
export class UpdateBatch {
  readonly updates: readonly StreamUpdate[];
  #sseChunk: Buffer | undefined;

  constructor(updates: readonly StreamUpdate[]) {
    this.updates = updates;
  }

  /** As `next` events of text/event-stream (GraphQL over SSE), framed as one chunk of HTTP/1.1. */
  get sseChunk(): Buffer {
    this.#sseChunk ??= httpChunk(this.updates.map(sseEvent).join(''));
    return this.#sseChunk;
  }
}

function sseEvent({ id, payload }: StreamUpdate): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: next\ndata: ${payload}\n\n`;
}

/**
 * A chunk of a chunked HTTP/1.1 body (RFC 9112 7.1), in memory of its own: in a slice of Node's pool of
 * 64 KiB, what one reader has not taken yet would hold all that is beside it.
 */
export function httpChunk(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const head = `${bytes.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafeSlow(head.length + bytes + CRLF.length);
  chunk.write(head, 'latin1');
  chunk.write(text, head.length);
  chunk.write(CRLF, head.length + bytes, 'latin1');
  return chunk;
}

const CRLF = '\r\n';
