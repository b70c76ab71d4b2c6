import { randomBytes } from 'node:crypto';
import type { StreamEnd, StreamError, StreamReader } from './stream-reader.ts';
import { type StreamUpdate, UpdateBatch } from './update-batch.ts';

/** What a GraphQL execution gives, one after the other. */
export interface StreamResult {
  readonly data?: unknown;
  readonly errors?: readonly StreamError[] | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** The results of one operation: a stream, or the one result where it cannot be streamed. */
export type StreamSource = (
  signal: AbortSignal,
) => Promise<AsyncIterable<StreamResult> | StreamResult>;

/** Bounds and times of a hub. */
export interface StreamHubOptions {
  /** Updates that come closer together than this share a write. */
  readonly flushMs: number;
  /** A batch is not held back beyond so much. */
  readonly maxBatchBytes: number;
  /** How long a topic without readers goes on, so that one who was cut off finds its place. */
  readonly lingerMs: number;
}

/** Ten milliseconds bring the writes of a thousand readers from one core to a fifth of one. */
export const STREAM_HUB_OPTIONS: StreamHubOptions = {
  flushMs: 10,
  maxBatchBytes: 64 * 1_024,
  lingerMs: 2_000,
};

/** One reader's place in a hub. */
export interface HubPlace {
  leave(): void;
}

/** The shared streams of a server: each distinct operation is executed once, for all its readers. */
export interface StreamHub {
  /**
   * Reads the topic `key`, opening `source` where nobody reads it yet. The reader is given the latest
   * update at once, and then every one; while it does not keep up it is passed over, and given the
   * latest when it does again. `after` is the id of the last update that it has seen before.
   */
  join(key: string, source: StreamSource, reader: StreamReader, after?: string): HubPlace;
  /** Topics that are open now. */
  topics(): number;
  /** Ends all of them for the reason given. */
  endAll(end: StreamEnd): void;
}

/** Creates a {@link StreamHub}. */
export function createStreamHub(options: StreamHubOptions = STREAM_HUB_OPTIONS): StreamHub {
  const topics = new Map<string, Topic>();
  return {
    join(key, source, reader, after) {
      let topic = topics.get(key);
      if (!topic) {
        const opened = new Topic(options, () => {
          if (topics.get(key) === opened) topics.delete(key);
        });
        topic = opened;
        topics.set(key, opened);
        void opened.run(source);
      }
      return topic.join(reader, after);
    },
    topics: () => topics.size,
    endAll(end) {
      for (const topic of topics.values()) topic.end(end);
    },
  };
}

/** A reader's standing in a topic. */
interface Membership {
  readonly reader: StreamReader;
  isCongested: boolean;
  /** Number of the last update that it was given. */
  given: number;
  /** What it saw before it was cut off, until it is told what it missed. */
  after: string | undefined;
}

/** One operation, executed once. */
class Topic {
  /** Tells two lives of one operation apart: numbers of another life say nothing here. */
  readonly #id = randomBytes(6).toString('base64url');
  readonly #options: StreamHubOptions;
  readonly #onClose: () => void;
  readonly #members = new Set<Membership>();
  readonly #stopping = new AbortController();
  #sequence = 0;
  #latest: StreamResult | undefined;
  #latestBatch: UpdateBatch | undefined;
  #pending: StreamUpdate[] = [];
  #pendingBytes = 0;
  #flushedAtMs = 0;
  #gapMs: number;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #lingering: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(options: StreamHubOptions, onClose: () => void) {
    this.#options = options;
    this.#gapMs = options.flushMs;
    this.#onClose = onClose;
  }

  join(reader: StreamReader, after: string | undefined) {
    const member: Membership = { reader, isCongested: false, given: 0, after };
    reader.onReady = () => this.#ready(member);
    clearTimeout(this.#lingering);
    // What waits is in the latest already, and would come twice.
    this.#flush();
    this.#members.add(member);
    this.#catchUp(member);
    this.#wake?.();
    return {
      leave: () => {
        if (!this.#members.delete(member)) return;
        reader.onReady = () => undefined;
        // Whoever holds up all the others would go on doing so.
        this.#wake?.();
        if (this.#members.size > 0 || this.#isClosed) return;
        this.#lingering = setTimeout(() => this.end({}), this.#options.lingerMs).unref();
      },
    };
  }

  async run(source: StreamSource): Promise<void> {
    const { signal } = this.#stopping;
    try {
      const results = await source(signal);
      if (!(Symbol.asyncIterator in results)) {
        this.end(results.errors ? { errors: results.errors } : {});
        return;
      }
      for await (const result of results) {
        if (signal.aborted) return;
        this.#take(result);
        await this.#someReader();
      }
      this.end({});
    } catch {
      // What may be told of a failure was told by the engine as a result; this one has no words.
      this.end({ errors: [{ message: 'The stream broke off.' }] });
    }
  }

  /** Nothing is executed while nobody could be given it. */
  async #someReader(): Promise<void> {
    while (!this.#isClosed && this.#members.size > 0 && this.#areAllCongested()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #areAllCongested(): boolean {
    for (const { isCongested } of this.#members) if (!isCongested) return false;
    return true;
  }

  #take(result: StreamResult): void {
    this.#sequence += 1;
    this.#latest = result;
    this.#latestBatch = undefined;
    const update = this.#updateOf(result);
    this.#pending.push(update);
    this.#pendingBytes += update.payload.length;
    if (this.#pendingBytes >= this.#options.maxBatchBytes) this.#flush();
    else if (this.#timer === undefined) {
      const waitMs = this.#flushedAtMs + this.#gapMs - performance.now();
      const flush = () => this.#flush();
      // A lone update goes out at once, with what else the same turn brings.
      this.#timer = waitMs > 0 ? setTimeout(flush, waitMs) : setImmediate(flush);
    }
  }

  #updateOf(result: StreamResult, resumed?: { readonly missed: number | null }): StreamUpdate {
    const stream = { id: this.#id, sequence: this.#sequence, ...resumed };
    return {
      id: `${this.#id}.${this.#sequence}`,
      payload: JSON.stringify({ ...result, extensions: { ...result.extensions, stream } }),
    };
  }

  #flush(): void {
    clearTimeout(this.#timer as NodeJS.Timeout);
    clearImmediate(this.#timer as NodeJS.Immediate);
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    const batch = new UpdateBatch(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    const startedAtMs = performance.now();
    for (const member of this.#members) {
      if (member.isCongested || member.given === this.#sequence) continue;
      this.#give(member, batch);
    }
    this.#flushedAtMs = performance.now();
    // Two thirds of the time at most go into writes: with more readers than that, more share one.
    const tookMs = this.#flushedAtMs - startedAtMs;
    this.#gapMs = Math.max(this.#options.flushMs, tookMs / 2);
  }

  #give(member: Membership, batch: UpdateBatch): void {
    member.given = this.#sequence;
    member.isCongested = !member.reader.write(batch);
  }

  #ready(member: Membership): void {
    this.#flush();
    member.isCongested = false;
    this.#catchUp(member);
    this.#wake?.();
  }

  /** The latest alone, for a reader that is new or was passed over. */
  #catchUp(member: Membership): void {
    if (this.#latest === undefined || member.given === this.#sequence) return;
    const { after } = member;
    if (after === undefined) {
      this.#latestBatch ??= new UpdateBatch([this.#updateOf(this.#latest)]);
      this.#give(member, this.#latestBatch);
      return;
    }
    member.after = undefined;
    const resumed = { missed: this.#missedSince(after) };
    this.#give(member, new UpdateBatch([this.#updateOf(this.#latest, resumed)]));
  }

  /** How many updates lie between; null where that is not known, as after a restart. */
  #missedSince(after: string): number | null {
    const [id, sequence] = after.split('.');
    const seen = Number(sequence);
    if (id !== this.#id || !Number.isSafeInteger(seen) || seen > this.#sequence) return null;
    // The latest itself comes now: what lies before it and after the last seen was missed.
    return Math.max(0, this.#sequence - seen - 1);
  }

  end(end: StreamEnd): void {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    clearTimeout(this.#lingering);
    this.#stopping.abort();
    this.#onClose();
    for (const { reader } of this.#members) reader.end(end);
    this.#members.clear();
    this.#wake?.();
  }
}
