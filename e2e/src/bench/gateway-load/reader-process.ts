import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { serveCommands } from '../process-commands.ts';
import { nowNs } from '../quotes/clock.ts';

const EVENT = Buffer.from('event: next');
const CHUNK_END = Buffer.from('\n\r\n');
const tail = EVENT.length - 1;
/** What is read is looked at at once, so that all sockets share it: a buffer for each read costs more. */
const shared = Buffer.alloc(256 * 1_024);
/** How late this process comes to what it is sent, beside what it is sent. */
const loopDelay = monitorEventLoopDelay({ resolution: 1 });
loopDelay.enable();

/** One reader: a socket, and how many updates it was given. */
class Reader {
  readonly #socket: Socket;
  readonly #isSampled: boolean;
  #rest: Buffer | undefined;
  #isPaused = false;
  events = 0;
  bytes = 0;
  isOpen = false;
  /** Of a sampled one: versions, and when each came. */
  readonly versions: number[] = [];
  readonly seenAtNs: number[] = [];

  constructor(url: URL, opening: string, isSampled: boolean) {
    this.#isSampled = isSampled;
    this.#socket = connect({
      ...{ port: Number(url.port), host: url.hostname },
      onread: {
        buffer: shared,
        callback: (bytes: number, buffer: Uint8Array) => {
          this.#take(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
          return !this.#isPaused;
        },
      },
    });
    this.#socket.setNoDelay(true).write(opening);
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.isOpen = false;
    });
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  forget(): void {
    this.events = 0;
    this.versions.length = 0;
    this.seenAtNs.length = 0;
  }

  #take(chunk: Buffer): void {
    this.isOpen = true;
    this.bytes += chunk.length;
    // What began in the last chunk may end in this one.
    const text = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (let at = text.indexOf(EVENT); at >= 0; at = text.indexOf(EVENT, at + EVENT.length)) {
      this.events += 1;
      if (this.#isSampled) this.#note(text.subarray(at, at + 200));
    }
    // Nothing begins at the end of a chunk of HTTP, where nearly every read ends.
    const isWhole = text.subarray(-CHUNK_END.length).equals(CHUNK_END);
    this.#rest = isWhole ? undefined : Buffer.from(text.subarray(-tail));
  }

  #note(event: Buffer): void {
    const version = /"version":"?(\d+)/.exec(event.toString('latin1'))?.[1];
    // A head that is cut in two is left out of the sample; it counts all the same.
    if (version === undefined) return;
    this.versions.push(Number(version));
    this.seenAtNs.push(nowNs());
  }
}

const readers: Reader[] = [];

function openingOf(url: URL, query: string): string {
  if (url.protocol === 'ws:') {
    const key = randomBytes(16).toString('base64');
    return `GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`;
  }
  const body = JSON.stringify({ query });
  return `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const commands = {
  /** Opens readers and waits until each was given something. */
  async open({ url, query, count, stalled, noting = 0 }: OpenPlan) {
    const opened: Reader[] = [];
    const target = new URL(url);
    for (let at = 0; at < count; at += 1) {
      opened.push(new Reader(target, openingOf(target, query), at < noting));
      // As many at once as a listen queue holds.
      if (at % 100 === 99) await until(() => opened.every(({ isOpen }) => isOpen), 30_000);
    }
    await until(() => opened.every(({ isOpen }) => isOpen), 30_000);
    if (stalled) for (const reader of opened) reader.pause();
    readers.push(...opened);
  },
  forget() {
    for (const reader of readers) reader.forget();
    loopDelay.reset();
  },
  counted: () => ({
    open: readers.filter(({ isOpen }) => isOpen).length,
    lateP99Ms: loopDelay.percentile(99) / 1e6,
    events: Float64Array.from(readers.map(({ events }) => events)),
  }),
  sampled: () =>
    readers
      .filter(({ versions }) => versions.length > 0)
      .map(({ versions, seenAtNs }) => ({
        versions: Float64Array.from(versions),
        seenAtNs: Float64Array.from(seenAtNs),
      })),
  close() {
    for (const reader of readers.splice(0)) reader.close();
  },
};

interface OpenPlan {
  readonly url: string;
  readonly query: string;
  readonly count: number;
  readonly stalled?: boolean;
  /** So many of them note when each version came; they and the others count. */
  readonly noting?: number;
}

async function until(holds: () => boolean, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('the readers were not all served');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export type ReaderCommands = typeof commands;

serveCommands(commands);
