import { CodedError } from '@stoa/schema';
import { decimalText } from './decimal-field.ts';
import { TAG } from './tags.ts';
import { timestampText } from './utc-timestamp.ts';

/** Room before the body for the begin string and the length, which are known last. */
const HEAD_BYTES = 40;
const SOH = 1;
/** Latin-1 without control characters. */
const WRITABLE = /^[ -~\xa0-\xff]+$/;

/** Whether a value can stand in a message: {@link MessageWriter.text} takes it. */
export function isWritable(value: string): boolean {
  return WRITABLE.test(value);
}

/** Writes one message at a time; length and checksum are added when it is finished. */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(1_024);
  #at = HEAD_BYTES;
  #begin = '';
  #msgType = '';

  /** The type of the message being written. */
  get msgType(): string {
    return this.#msgType;
  }

  begin(beginString: string, msgType: string): this {
    this.#at = HEAD_BYTES;
    this.#begin = `8=${beginString}\x019=`;
    this.#msgType = msgType;
    return this.text(TAG.MsgType, msgType);
  }

  /**
   * @throws CodedError `FIX_VALUE_INVALID` for a value that is empty, has a control character, or one
   * outside Latin-1: it would end the field or break the message.
   */
  text(tag: number, value: string): this {
    if (!isWritable(value)) {
      throw new CodedError('FIX_VALUE_INVALID', `A value of field ${tag} cannot be written.`, {
        data: { tag, value },
      });
    }
    return this.#write(`${tag}=${value}`);
  }

  int(tag: number, value: number): this {
    return this.#write(`${tag}=${value}`);
  }

  /** An amount in units of 10^-decimals. */
  decimal(tag: number, value: number, decimals: number): this {
    return this.#write(`${tag}=${decimalText(value, decimals)}`);
  }

  time(tag: number, atMs: number): this {
    return this.#write(`${tag}=${timestampText(atMs)}`);
  }

  flag(tag: number, value: boolean): this {
    return this.#write(`${tag}=${value ? 'Y' : 'N'}`);
  }

  /** A field as it stood in another message. */
  copy(tag: number, bytes: Buffer, start: number, end: number): this {
    this.#write(`${tag}=`);
    this.#at -= 1;
    this.#room(end - start + 1);
    this.#at += bytes.copy(this.#buffer, this.#at, start, end);
    this.#buffer[this.#at] = SOH;
    this.#at += 1;
    return this;
  }

  /** The whole message, in bytes of its own. */
  finish(): Buffer {
    const head = `${this.#begin}${this.#at - HEAD_BYTES}\x01`;
    const start = HEAD_BYTES - head.length;
    this.#buffer.write(head, start, 'latin1');
    let sum = 0;
    for (let at = start; at < this.#at; at += 1) sum += this.#buffer[at] as number;
    this.#write(`10=${String(sum & 255).padStart(3, '0')}`);
    return Buffer.from(this.#buffer.subarray(start, this.#at));
  }

  #write(field: string): this {
    this.#room(field.length + 1);
    this.#at += this.#buffer.write(field, this.#at, 'latin1');
    this.#buffer[this.#at] = SOH;
    this.#at += 1;
    return this;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe((this.#at + bytes) * 2);
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}
