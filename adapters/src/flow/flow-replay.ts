import { setImmediate, setTimeout } from 'node:timers/promises';
import { CodedError, type Side } from '@stoa/schema';
import type { LobsterMessage, MalformedLine, RecordedOrderMessage } from './lobster-message.ts';
import type { LobsterBatch } from './lobster-reader.ts';

/** An order of the recorded flow. Sizes in shares, prices in US dollars × 10,000, as recorded. */
export interface FlowOrder {
  readonly orderId: number;
  readonly side: Side;
  readonly price: number;
  readonly size: number;
}

/** What happened away from the visible book: told, not traded. */
export interface FlowPrint {
  readonly price: number;
  readonly size: number;
}

/**
 * Where the flow goes. Calls are synchronous, in the file's order; `ready` is awaited between them,
 * so that a target that cannot follow slows the replay instead of queueing it. A call answers
 * whether it had any effect.
 */
export interface FlowTarget {
  /** A day order that rests. False: refused (halted, or a price or size the instrument has not). */
  submit(order: FlowOrder): boolean;
  /** False: the order no longer rests; someone else's order was filled by it. */
  reduce(orderId: number, size: number): boolean;
  /** False: the order no longer rests. */
  cancel(orderId: number): boolean;
  /** An immediate-or-cancel order that arrives to hit what rests: its own side, limit and size. */
  execute(order: Omit<FlowOrder, 'orderId'>): boolean;
  print(print: FlowPrint): boolean;
  halt(): void;
  /** Trading resumes. That quotes may be entered again before it does is not modelled. */
  resume(): void;
  /** Resolves when the target takes more; undefined when it does at once. */
  ready(): Promise<void> | undefined;
}

/** What the replay has seen so far. */
export interface FlowProgress {
  /** Well-formed messages taken from the file. */
  readonly messages: number;
  readonly malformed: number;
  /** Messages about orders that were entered before the file begins: normal, and left out. */
  readonly olderThanFile: number;
  /** Messages the target refused, and submits whose number is that of an order still open. */
  readonly refused: number;
  /** Cancels and reductions of orders that the target no longer holds, or had refused. */
  readonly gone: number;
  /** Messages whose time is before that of the one before: taken at once, in the file's order. */
  readonly timeReversals: number;
  /** The whole file has been replayed. */
  readonly done: boolean;
}

/** Time as the replay knows it. */
export interface FlowClock {
  /** Milliseconds of a clock that never goes back. */
  nowMs(): number;
  /** Rejects when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Lets everything else that waits have its turn. */
  yieldTurn(): Promise<void>;
}

export interface FlowReplayOptions {
  /** 1 is as recorded, 10 ten times as fast, `max` as fast as the target takes it. */
  readonly speed: number | 'max';
  readonly signal: AbortSignal;
  /** Told at most once a second while it runs, and once at the end. */
  readonly onProgress?: (progress: FlowProgress) => void;
  readonly onMalformed?: (line: MalformedLine) => void;
  readonly clock?: FlowClock;
}

/** The machine's clock. */
const systemFlowClock: FlowClock = {
  nowMs: () => performance.now(),
  sleep: (ms, signal) => setTimeout(ms, undefined, { signal }),
  yieldTurn: () => setImmediate(),
};

/** At full speed the replay gives way to everything else this often. */
const TURN_MS = 4;
const PROGRESS_EVERY_MS = 1_000;

/**
 * Replays recorded order flow against a target, at its recorded pace or any other.
 *
 * An execution becomes an order of the opposite side at the recorded price: the target's own
 * price-time priority decides whom it fills, so another participant's order that stands before the
 * recorded one is hit in its place. Returns the last progress: `done` is false where the signal
 * ended it early.
 *
 * @throws CodedError `FLOW_SPEED_INVALID`; otherwise only what the file or the target throws.
 */
export async function replayFlow(
  batches: AsyncIterable<LobsterBatch>,
  target: FlowTarget,
  options: FlowReplayOptions,
): Promise<FlowProgress> {
  const { speed } = options;
  if (speed !== 'max' && !(Number.isFinite(speed) && speed > 0)) {
    throw new CodedError('FLOW_SPEED_INVALID', `speed ${speed} is neither above zero nor max`);
  }
  const replay = new Replay(target);
  const pace = new Pace(options, options.clock ?? systemFlowClock);
  const report = (): void => options.onProgress?.(replay.progress(false));
  try {
    for await (const { messages, malformed } of batches) {
      for (const line of malformed) {
        replay.malformed += 1;
        options.onMalformed?.(line);
      }
      for (const message of messages) {
        await pace.due(message.time, report);
        if (options.signal.aborted) return replay.progress(false);
        replay.apply(message);
        const ready = target.ready();
        if (ready !== undefined) await ready;
      }
      if (options.signal.aborted) return replay.progress(false);
    }
  } catch (error) {
    if (options.signal.aborted) return replay.progress(false);
    throw error;
  }
  const last = replay.progress(true);
  options.onProgress?.(last);
  return last;
}

/** Turns messages into operations, and keeps which recorded orders are open in the recording. */
class Replay {
  malformed = 0;
  readonly #target: FlowTarget;
  /** Recorded open size by order number: as large as the recorded book, not as the file. */
  readonly #open = new Map<number, number>();
  /** Those of the open ones that the target refused. */
  readonly #refusedOrders = new Set<number>();
  #messages = 0;
  #olderThanFile = 0;
  #refused = 0;
  #gone = 0;
  #timeReversals = 0;
  #lastTime = 0;

  constructor(target: FlowTarget) {
    this.#target = target;
  }

  apply(message: LobsterMessage): void {
    this.#messages += 1;
    if (message.time < this.#lastTime) this.#timeReversals += 1;
    this.#lastTime = message.time;
    switch (message.kind) {
      case 'halt':
        return this.#target.halt();
      case 'resume-trading':
        return this.#target.resume();
      case 'resume-quoting':
        return;
      case 'execute-hidden':
      case 'cross':
        if (!this.#target.print({ price: message.price, size: message.size })) this.#refused += 1;
        return;
      case 'submit':
        return this.#submit(message);
      default:
        return this.#change(message);
    }
  }

  progress(done: boolean): FlowProgress {
    return {
      messages: this.#messages,
      malformed: this.malformed,
      olderThanFile: this.#olderThanFile,
      refused: this.#refused,
      gone: this.#gone,
      timeReversals: this.#timeReversals,
      done,
    };
  }

  #submit({ orderId, side, price, size }: RecordedOrderMessage): void {
    if (this.#open.has(orderId)) {
      this.#refused += 1;
      return;
    }
    this.#open.set(orderId, size);
    if (this.#target.submit({ orderId, side, price, size })) return;
    this.#refused += 1;
    this.#refusedOrders.add(orderId);
  }

  #change({ kind, orderId, side, price, size }: RecordedOrderMessage): void {
    const open = this.#open.get(orderId);
    if (open === undefined) {
      this.#olderThanFile += 1;
      return;
    }
    const entered = !this.#refusedOrders.has(orderId);
    if (kind === 'delete' || size >= open) {
      this.#open.delete(orderId);
      this.#refusedOrders.delete(orderId);
    } else {
      this.#open.set(orderId, open - size);
    }
    if (!entered) {
      this.#gone += 1;
    } else if (kind === 'execute') {
      const taker = { side: side === 'buy' ? 'sell' : 'buy', price, size } as const;
      if (!this.#target.execute(taker)) this.#refused += 1;
    } else {
      const held =
        kind === 'delete' ? this.#target.cancel(orderId) : this.#target.reduce(orderId, size);
      if (!held) this.#gone += 1;
    }
  }
}

/** Decides when a message is due, and lets others run meanwhile. */
class Pace {
  readonly #options: FlowReplayOptions;
  readonly #clock: FlowClock;
  #firstTime: number | undefined;
  #startMs = 0;
  #turnMs: number;
  #reportedMs: number;

  constructor(options: FlowReplayOptions, clock: FlowClock) {
    this.#options = options;
    this.#clock = clock;
    this.#turnMs = clock.nowMs();
    this.#reportedMs = this.#turnMs;
  }

  /** Resolves when a message of that recorded time is due; behind, or flat out, at once. */
  async due(time: number, report: () => void): Promise<void> {
    const { speed, signal } = this.#options;
    let nowMs = this.#clock.nowMs();
    if (this.#firstTime === undefined) {
      this.#firstTime = time;
      this.#startMs = nowMs;
    }
    this.#reportAt(nowMs, report);
    if (speed !== 'max') {
      const dueMs = this.#startMs + ((time - this.#firstTime) * 1_000) / speed;
      while (nowMs < dueMs) {
        await this.#clock.sleep(Math.min(dueMs - nowMs, PROGRESS_EVERY_MS), signal);
        nowMs = this.#clock.nowMs();
        this.#turnMs = nowMs;
        this.#reportAt(nowMs, report);
      }
    }
    if (nowMs - this.#turnMs < TURN_MS) return;
    await this.#clock.yieldTurn();
    this.#turnMs = this.#clock.nowMs();
  }

  #reportAt(nowMs: number, report: () => void): void {
    if (nowMs - this.#reportedMs < PROGRESS_EVERY_MS) return;
    this.#reportedMs = nowMs;
    report();
  }
}
