import { DATA_FIELDS, REJECT } from './tags.ts';

const SOH = 1;
const EQUALS = 61;
const ZERO = 48;
const NINE = 57;
const MAX_TAG = 999_999;
const EMPTY = Buffer.alloc(0);

/** Which tags announce the length of the next field: an array, because every field asks it. */
const LENGTH_TAGS = new Int32Array(1_024);
for (const [lengthTag, dataTag] of DATA_FIELDS) LENGTH_TAGS[lengthTag] = dataTag;

/** What is wrong with a message whose frame is sound: it is answered with Reject(3), not ignored. */
export interface FieldFault {
  /** SessionRejectReason(373). */
  readonly reason: number;
  readonly tag: number;
  readonly text: string;
}

/**
 * A message as its fields, without a copy: for each field its tag and where its value stands in the
 * bytes. One object serves message after message; what it says holds until the next `scan`.
 */
export class FixFields {
  bytes: Buffer = EMPTY;
  count = 0;
  readonly tags: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;

  /** @param maxFields A message with more is refused whole. */
  constructor(maxFields = 8_192) {
    this.tags = new Int32Array(maxFields);
    this.starts = new Int32Array(maxFields);
    this.ends = new Int32Array(maxFields);
  }

  /**
   * Takes apart the message that stands from `start` up to `end`. Its frame (begin, length, checksum)
   * was judged before. Answers the first fault; fields that have none are there all the same, so that
   * a Reject can name the message.
   */
  scan(bytes: Buffer, start: number, end: number): FieldFault | undefined {
    this.bytes = bytes;
    this.count = 0;
    let fault: FieldFault | undefined;
    let at = start;
    let dataTag = 0;
    let dataLength = 0;
    while (at < end) {
      let tag = 0;
      let byte = bytes[at] as number;
      let sound = byte !== ZERO && byte !== EQUALS;
      while (byte !== EQUALS && byte !== SOH && at < end) {
        if (byte < ZERO || byte > NINE || tag > MAX_TAG) sound = false;
        else tag = tag * 10 + byte - ZERO;
        at += 1;
        byte = bytes[at] as number;
      }
      const hasValue = byte === EQUALS && at < end;
      const valueAt = hasValue ? at + 1 : at;
      at = valueAt;
      if (dataTag !== 0 && tag === dataTag && at + dataLength < end) at += dataLength;
      while (at < end && bytes[at] !== SOH) at += 1;
      if (!sound || !hasValue || at === valueAt) {
        fault ??= faultOf(sound && hasValue, tag);
      } else if (this.count === this.tags.length) {
        return { reason: REJECT.Other, tag, text: `More than ${this.count} fields` };
      } else {
        this.tags[this.count] = tag;
        this.starts[this.count] = valueAt;
        this.ends[this.count] = at;
        this.count += 1;
      }
      dataTag = tag < 1_024 ? (LENGTH_TAGS[tag] as number) : 0;
      if (dataTag !== 0) dataLength = Math.max(0, this.intAt(this.count - 1));
      at += 1;
    }
    return fault;
  }

  /** Where the field stands between `from` and `to`, or -1. */
  find(tag: number, from = 0, to = this.count): number {
    const { tags } = this;
    for (let index = from; index < to; index += 1) if (tags[index] === tag) return index;
    return -1;
  }

  /** The message's own bytes, in the place where they were read. */
  message(): Buffer {
    const first = (this.starts[0] as number) - '8='.length;
    return this.bytes.subarray(first, (this.ends[this.count - 1] as number) + 1);
  }

  has(tag: number): boolean {
    return this.find(tag) >= 0;
  }

  textAt(index: number): string {
    return this.bytes.toString('latin1', this.starts[index], this.ends[index]);
  }

  /** The value of the first field of this tag; undefined where there is none. */
  text(tag: number, from = 0, to = this.count): string | undefined {
    const index = this.find(tag, from, to);
    return index < 0 ? undefined : this.textAt(index);
  }

  /** A whole number, zero or above, of at most fifteen digits; -1 for anything else. */
  intAt(index: number): number {
    const { bytes } = this;
    const start = this.starts[index] as number;
    const end = this.ends[index] as number;
    if (index < 0 || end - start > 15 || end === start) return -1;
    let value = 0;
    for (let at = start; at < end; at += 1) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) return -1;
      value = value * 10 + digit;
    }
    return value;
  }

  /** As {@link intAt}, of the first field of this tag; undefined where there is none. */
  int(tag: number, from = 0, to = this.count): number | undefined {
    const index = this.find(tag, from, to);
    return index < 0 ? undefined : this.intAt(index);
  }

  /** Y is true, N false; undefined where there is none or it says something else. */
  flag(tag: number): boolean | undefined {
    const text = this.text(tag);
    return text === 'Y' ? true : text === 'N' ? false : undefined;
  }

  /** The one byte of a one-letter value, 0 where there is none or more. */
  letterAt(index: number): number {
    if (index < 0) return 0;
    const start = this.starts[index] as number;
    return (this.ends[index] as number) - start === 1 ? (this.bytes[start] as number) : 0;
  }
}

function faultOf(isTag: boolean, tag: number): FieldFault {
  return isTag
    ? { reason: REJECT.TagWithoutValue, tag, text: 'Tag specified without a value' }
    : { reason: REJECT.InvalidTagNumber, tag, text: 'Invalid tag number' };
}
