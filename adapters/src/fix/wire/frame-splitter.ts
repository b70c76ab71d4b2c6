const SOH = 1;
const EMPTY = Buffer.alloc(0);
const BEGIN = Buffer.from('8=FIX', 'latin1');
const NEXT_BEGIN = Buffer.from('\x018=FIX', 'latin1');
/** "10=nnn" and the separator behind it. */
const TRAILER_BYTES = 7;
/** A begin string and a length that are sound end before this. */
const MAX_HEAD_BYTES = 32;

export interface FrameSplitterNeeds {
  /** A message whose begin, length and checksum are right: it stands from `start` up to `end`. */
  readonly onFrame: (bytes: Buffer, start: number, end: number) => void;
  /** Bytes that are no message. FIX: a garbled message is ignored, and its number is missed later. */
  readonly onGarbled: (reason: string) => void;
}

/**
 * Cuts a stream of bytes into messages. What is garbled is passed over up to the next place where a
 * message can begin: a length that lies takes no message with it but its own.
 *
 * FIX 4.4 volume 2, "Message format": BeginString first, BodyLength second, MsgType third, CheckSum
 * last.
 */
export class FrameSplitter {
  readonly #needs: FrameSplitterNeeds;
  readonly #maxMessageBytes: number;
  #rest: Buffer = EMPTY;
  /** Up to here the rest was searched for the begin of another message. */
  #searched = 0;

  constructor(maxMessageBytes: number, needs: FrameSplitterNeeds) {
    this.#needs = needs;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Takes the next bytes of the stream; they must not be changed afterwards. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const begin = this.#beginAt(bytes, at);
      if (begin < 0) {
        this.#keep(bytes, bytes.length);
        return;
      }
      const end = this.#endOf(bytes, begin);
      if (end === 0) {
        this.#keep(bytes, begin);
        return;
      }
      at = Math.abs(end);
      this.#searched = 0;
      if (end > 0) this.#needs.onFrame(bytes, begin, end);
    }
  }

  /** Whether the begin of a message is here and its end is not. */
  get isWaiting(): boolean {
    return this.#rest.length > 0;
  }

  /** Forgets the begin of a message: the connection ended. */
  clear(): void {
    this.#rest = EMPTY;
    this.#searched = 0;
  }

  #keep(bytes: Buffer, from: number): void {
    // Text that could be the start of a begin string stays; a whole buffer is not held for it.
    this.#rest = from >= bytes.length ? EMPTY : Buffer.from(bytes.subarray(from));
  }

  /** Where a message may begin, at `at` or after; -1 where nowhere (what is passed over is told). */
  #beginAt(bytes: Buffer, at: number): number {
    if (at >= bytes.length) return -1;
    for (let index = 0; index < BEGIN.length; index += 1) {
      if (at + index >= bytes.length) return at;
      if (bytes[at + index] !== BEGIN[index]) {
        this.#needs.onGarbled('bytes between messages');
        const next = bytes.indexOf(BEGIN, at + 1);
        return next >= 0 ? next : partOfBegin(bytes);
      }
    }
    return at;
  }

  /** The end of the message; 0: more bytes are needed; negative: garbled, go on at that position. */
  #endOf(bytes: Buffer, begin: number): number {
    const headEnd = Math.min(bytes.length, begin + MAX_HEAD_BYTES);
    let at = begin + BEGIN.length;
    while (at < headEnd && bytes[at] !== SOH) at += 1;
    if (at === headEnd) return this.#incomplete(bytes, begin, headEnd, 'BeginString');
    const lengthAt = at + 1;
    let bodyLength = 0;
    for (at = lengthAt + 2; at < headEnd && bytes[at] !== SOH; at += 1) {
      const digit = (bytes[at] as number) - 48;
      if (digit < 0 || digit > 9) return this.#garbled(bytes, begin, 'BodyLength');
      bodyLength = bodyLength * 10 + digit;
    }
    if (at >= headEnd) return this.#incomplete(bytes, begin, headEnd, 'BodyLength');
    if (bytes[lengthAt] !== 57 || bytes[lengthAt + 1] !== 61 || at === lengthAt + 2) {
      return this.#garbled(bytes, begin, 'BodyLength is not second');
    }
    const end = at + 1 + bodyLength + TRAILER_BYTES;
    if (end - begin > this.#maxMessageBytes) return this.#garbled(bytes, begin, 'too long');
    if (end > bytes.length) return this.#waits(bytes, begin);
    const trailer = end - TRAILER_BYTES;
    if (bytes[trailer - 1] !== SOH || bytes[trailer] !== 49 || bytes[trailer + 1] !== 48) {
      return this.#garbled(bytes, begin, 'CheckSum is not where BodyLength says');
    }
    if (bytes[trailer + 2] !== 61 || bytes[end - 1] !== SOH) {
      return this.#garbled(bytes, begin, 'CheckSum is not where BodyLength says');
    }
    if (bytes[at + 1] !== 51 || bytes[at + 2] !== 53 || bytes[at + 3] !== 61) {
      return this.#garbled(bytes, begin, 'MsgType is not third');
    }
    if (!isChecksum(bytes, begin, trailer)) return this.#garbled(bytes, begin, 'CheckSum');
    return end;
  }

  #incomplete(bytes: Buffer, begin: number, headEnd: number, what: string): number {
    return headEnd === begin + MAX_HEAD_BYTES ? this.#garbled(bytes, begin, what) : 0;
  }

  /** A length that lies would wait for bytes of the messages behind it. */
  #waits(bytes: Buffer, begin: number): number {
    const from = Math.max(begin + 1, begin + this.#searched - NEXT_BEGIN.length);
    const next = bytes.indexOf(NEXT_BEGIN, from);
    this.#searched = bytes.length - begin;
    if (next < 0) return 0;
    this.#needs.onGarbled('a message begins before BodyLength says');
    return -(next + 1);
  }

  #garbled(bytes: Buffer, begin: number, reason: string): number {
    this.#needs.onGarbled(reason);
    const next = bytes.indexOf(BEGIN, begin + 1);
    const at = next >= 0 ? next : partOfBegin(bytes, begin + 1);
    return -(at < 0 ? bytes.length : at);
  }
}

/** Where the bytes end in what could be the start of a begin string; -1 where they do not. */
function partOfBegin(bytes: Buffer, from = 0): number {
  for (let length = BEGIN.length - 1; length > 0; length -= 1) {
    const at = bytes.length - length;
    if (at >= from && bytes.compare(BEGIN, 0, length, at) === 0) return at;
  }
  return -1;
}

/** CheckSum(10): the sum of all bytes before it, modulo 256, in three digits. */
function isChecksum(bytes: Buffer, start: number, trailer: number): boolean {
  let sum = 0;
  for (let at = start; at < trailer; at += 1) sum += bytes[at] as number;
  const digits =
    ((bytes[trailer + 3] as number) - 48) * 100 +
    ((bytes[trailer + 4] as number) - 48) * 10 +
    ((bytes[trailer + 5] as number) - 48);
  return (sum & 255) === digits;
}
