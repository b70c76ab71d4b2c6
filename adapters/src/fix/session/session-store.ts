import { AppendLog, type Durability, type LogRecord } from './append-log.ts';
import type { SentMessages } from './session-settings.ts';

const SENT = 1;
const RECEIVED = 2;
const RESET = 3;
const NOTE = 4;
const RESET_BYTES = 16;
/** A file larger than this is written anew when it is opened. */
const COMPACT_ABOVE_BYTES = 64 * 1_024 * 1_024;
/** Messages that are kept then, the latest ones; older ones are filled over when asked for. */
const MAX_KEPT_MESSAGES = 100_000;
const EMPTY = Buffer.alloc(0);

export interface SessionStoreOptions {
  readonly path: string;
  readonly durability: Durability;
  /** Unix milliseconds: when numbers begin, where the file is new. */
  readonly nowMs: () => number;
  /** Given what the application had persisted, in order. */
  readonly onNote?: (note: Buffer) => void;
  /** What to keep of that when the file is written anew; default: all that was ever noted. */
  readonly snapshot?: () => readonly Buffer[];
}

/**
 * A session's numbers, the messages it sent, and what its application notes beside them, in one file:
 * a message and its note are there together or not at all.
 */
export class SessionStore implements SentMessages {
  readonly #log: AppendLog;
  readonly #options: SessionStoreOptions;
  readonly #messages = new Map<number, { readonly at: number; readonly length: number }>();
  #nextOut = 1;
  #nextIn = 1;
  #begunAtMs: number;

  /** @throws CodedError `FIX_STORE_CORRUPT` */
  constructor(options: SessionStoreOptions) {
    this.#options = options;
    this.#begunAtMs = options.nowMs();
    let records = 0;
    this.#log = AppendLog.open(options.path, options.durability, (record) => {
      records += 1;
      this.#read(record);
    });
    if (records === 0) this.#log.append(RESET, this.#resetRecord());
    else if (this.#log.bytes > COMPACT_ABOVE_BYTES && options.snapshot) this.#compact();
  }

  get nextOut(): number {
    return this.#nextOut;
  }

  /** The first number that was not yet acknowledged. */
  get nextIn(): number {
    return this.#nextIn;
  }

  /** When the numbers last began at 1, Unix milliseconds. */
  get begunAtMs(): number {
    return this.#begunAtMs;
  }

  /** A number is used; with the message, where it may be asked for again. */
  sent(seq: number, message: Buffer | undefined, note: Buffer = EMPTY): void {
    const head = Buffer.allocUnsafe(8);
    head.writeUInt32LE(seq, 0);
    head.writeUInt32LE(note.length, 4);
    const at = this.#log.append(SENT, head, note, message ?? EMPTY);
    this.#keep(seq, at + 8 + note.length, message?.length ?? 0);
    this.#nextOut = seq + 1;
  }

  /** Everything below this number is done with, and what the application learned from it noted. */
  received(nextIn: number, note: Buffer = EMPTY): void {
    if (nextIn === this.#nextIn && note.length === 0) return;
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32LE(nextIn, 0);
    this.#log.append(RECEIVED, head, note);
    this.#nextIn = nextIn;
  }

  note(note: Buffer): void {
    this.#log.append(NOTE, note);
  }

  /** Numbers begin anew; messages of before are not asked for any more. */
  reset(nextOut: number, nextIn: number): void {
    this.#nextOut = nextOut;
    this.#nextIn = nextIn;
    this.#begunAtMs = this.#options.nowMs();
    this.#messages.clear();
    if (this.#options.snapshot) this.#compact();
    else this.#log.append(RESET, this.#resetRecord());
  }

  message(seq: number): Buffer | undefined {
    const place = this.#messages.get(seq);
    return place && this.#log.read(place.at, place.length);
  }

  synced(): Promise<void> | undefined {
    return this.#log.synced();
  }

  close(): void {
    this.#log.close();
  }

  #keep(seq: number, at: number, length: number): void {
    if (length > 0) this.#messages.set(seq, { at, length });
  }

  #read({ kind, payload, at }: LogRecord): void {
    if (kind === SENT) {
      const seq = payload.readUInt32LE(0);
      const noteEnd = 8 + payload.readUInt32LE(4);
      this.#nextOut = seq + 1;
      this.#keep(seq, at + noteEnd, payload.length - noteEnd);
      this.#tell(payload.subarray(8, noteEnd));
    } else if (kind === RECEIVED) {
      this.#nextIn = payload.readUInt32LE(0);
      this.#tell(payload.subarray(4));
    } else if (kind === RESET) {
      this.#nextOut = payload.readUInt32LE(0);
      this.#nextIn = payload.readUInt32LE(4);
      this.#begunAtMs = payload.readDoubleLE(8);
      this.#messages.clear();
    } else if (kind === NOTE) this.#tell(payload);
  }

  #tell(note: Buffer): void {
    if (note.length > 0) this.#options.onNote?.(note);
  }

  #resetRecord(): Buffer {
    const record = Buffer.allocUnsafe(RESET_BYTES);
    record.writeUInt32LE(this.#nextOut, 0);
    record.writeUInt32LE(this.#nextIn, 4);
    record.writeDoubleLE(this.#begunAtMs, 8);
    return record;
  }

  #compact(): void {
    const kept = [...this.#messages.keys()].sort((a, b) => a - b).slice(-MAX_KEPT_MESSAGES);
    const notes = this.#options.snapshot?.() ?? [];
    const records = [
      { kind: RESET, payload: this.#resetRecord() },
      ...notes.map((payload) => ({ kind: NOTE, payload })),
      ...kept.map((seq) => {
        const head = Buffer.alloc(8);
        head.writeUInt32LE(seq, 0);
        return { kind: SENT, payload: Buffer.concat([head, this.message(seq) ?? EMPTY]) };
      }),
      // The kept messages said numbers of their own: these are the ones that hold.
      ...(kept.length === 0 ? [] : [{ kind: SENT, payload: usedNumber(this.#nextOut - 1) }]),
    ];
    const places = this.#log.replace(records);
    this.#messages.clear();
    kept.forEach((seq, index) => {
      const place = 1 + notes.length + index;
      const length = (records[place]?.payload.length ?? 8) - 8;
      this.#keep(seq, (places[place] ?? 0) + 8, length);
    });
  }
}

function usedNumber(seq: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(seq, 0);
  return head;
}
