import type { Stream } from '@libp2p/interface';

/** Every message on a stream of ours stands behind its length: four bytes, big-endian. */
const PREFIX_BYTES = 4;

export interface FramedStreamOptions {
  /** A longer message from the other side resets the stream. */
  readonly maxMessageBytes: number;
  /** Beyond this, `send` takes nothing more until the other side has read. */
  readonly maxBufferedBytes: number;
}

/** Messages over one libp2p stream, both ways, with a bounded buffer. */
export interface FramedStream {
  /** Queues a message; false when the stream is closed or its buffer is full, and then it is dropped. */
  send(message: Uint8Array): boolean;
  /** Asks the other side, through flow control, to send no more; for a reader that is behind. */
  pause(): void;
  resume(): void;
  /** Says that nothing more will be sent, after what is queued. */
  end(): void;
  /** Resets the stream. */
  abort(reason: Error): void;
}

/** Wraps a negotiated stream. `onMessage` gets copies, so a kept message keeps no larger buffer alive. */
export function frameStream(
  stream: Stream,
  options: FramedStreamOptions,
  handlers: {
    readonly onMessage: (message: Uint8Array) => void;
    /** The other side will send no more; it may still read. */
    readonly onEnd: () => void;
    readonly onClose: () => void;
    /** The other side announced a message beyond the maximum; the stream is reset. */
    readonly onTooLong?: () => void;
  },
): FramedStream {
  const writer = new CoalescingWriter(stream, options.maxBufferedBytes);
  const splitter = new MessageSplitter(options.maxMessageBytes, handlers.onMessage);
  stream.addEventListener('message', (event) => {
    if (!splitter.push(event.data.subarray())) {
      handlers.onTooLong?.();
      stream.abort(new Error(`A message is longer than ${options.maxMessageBytes} bytes.`));
    }
  });
  stream.addEventListener('remoteCloseWrite', handlers.onEnd);
  stream.addEventListener('close', handlers.onClose);
  return {
    send: (message) => writer.send(message),
    pause: () => {
      // A pause inside a message handler is undone by the stream's own resume: it must come after.
      queueMicrotask(() => {
        if (stream.status === 'open' && stream.readStatus === 'readable') stream.pause();
      });
    },
    resume: () => {
      if (stream.status === 'open' && stream.readStatus === 'paused') stream.resume();
    },
    end: () => writer.end(),
    abort: (reason) => stream.abort(reason),
  };
}

/** One write to the stream for everything queued in the same turn; a full stream is waited for. */
class CoalescingWriter {
  readonly #stream: Stream;
  readonly #maxBufferedBytes: number;
  #queued: Uint8Array[] = [];
  #queuedBytes = 0;
  #scheduled = false;
  #ending = false;

  constructor(stream: Stream, maxBufferedBytes: number) {
    this.#stream = stream;
    this.#maxBufferedBytes = maxBufferedBytes;
    stream.addEventListener('drain', () => this.#schedule());
  }

  send(message: Uint8Array): boolean {
    if (this.#ending || this.#stream.writeStatus !== 'writable') return false;
    const buffered = this.#queuedBytes + this.#stream.writeBufferLength;
    // A single message always fits an empty buffer, however small the bound.
    if (buffered > 0 && buffered + message.length > this.#maxBufferedBytes) return false;
    const prefix = new Uint8Array(PREFIX_BYTES);
    new DataView(prefix.buffer).setUint32(0, message.length);
    this.#queued.push(prefix, message);
    this.#queuedBytes += PREFIX_BYTES + message.length;
    this.#schedule();
    return true;
  }

  end(): void {
    this.#ending = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#stream.writeStatus !== 'writable') return;
    // While the stream is full, what is queued stays here, where it is counted against the bound.
    if (this.#queuedBytes > 0 && !this.#stream.writableNeedsDrain) {
      const bytes = Buffer.concat(this.#queued, this.#queuedBytes);
      this.#queued = [];
      this.#queuedBytes = 0;
      try {
        this.#stream.send(bytes);
      } catch {
        // The stream died under the write; its close event says so to everyone who must know.
        return;
      }
    }
    if (this.#ending && this.#queuedBytes === 0) this.#stream.close().catch(() => undefined);
  }
}

/** Cuts a byte stream into length-prefixed messages. */
export class MessageSplitter {
  readonly #maxMessageBytes: number;
  readonly #onMessage: (message: Uint8Array) => void;
  #chunks: Uint8Array[] = [];
  #available = 0;
  /** Length of the message that is arriving; undefined while its prefix is. */
  #length: number | undefined;

  constructor(maxMessageBytes: number, onMessage: (message: Uint8Array) => void) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#onMessage = onMessage;
  }

  /** Takes a chunk; false when a length is beyond the maximum, after which nothing more may follow. */
  push(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.#available += chunk.length;
    while (this.#available >= (this.#length ?? PREFIX_BYTES)) {
      if (this.#length === undefined) {
        this.#length = this.#take(PREFIX_BYTES).readUInt32BE(0);
        if (this.#length > this.#maxMessageBytes) return false;
      } else {
        const message = this.#take(this.#length);
        this.#length = undefined;
        this.#onMessage(message);
      }
    }
    return true;
  }

  #take(count: number): Buffer {
    const taken = Buffer.allocUnsafeSlow(count);
    let filled = 0;
    while (filled < count) {
      const chunk = this.#chunks[0] as Uint8Array;
      const part = chunk.subarray(0, count - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#available -= count;
    return taken;
  }
}
