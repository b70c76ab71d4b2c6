/** Why bytes are not the message they claim to be. Thrown inside the codec only, never out of it. */
export class WireError extends Error {}

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads Protocol Buffers wire format from bytes that nobody vouches for. Every length is checked
 * against what is there; unknown fields are skipped; varints beyond 2^53 are refused.
 */
export class ProtoReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #wireType = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The next field's number, or 0 at the end. */
  next(): number {
    if (this.#at >= this.#end) return 0;
    const key = this.#varint();
    this.#wireType = key % 8;
    const field = Math.floor(key / 8);
    if (field === 0) throw new WireError('field number zero');
    return field;
  }

  uint(): number {
    if (this.#wireType !== 0) throw new WireError('not a varint');
    return this.#varint();
  }

  bytes(maxBytes: number): Uint8Array {
    const length = this.#length(maxBytes);
    const value = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  string(maxBytes: number): string {
    try {
      return decoder.decode(this.bytes(maxBytes));
    } catch (error) {
      if (error instanceof WireError) throw error;
      throw new WireError('not UTF-8');
    }
  }

  /** A reader over the sub-message that stands here. */
  message(): ProtoReader {
    const length = this.#length(this.#end - this.#at);
    const inner = new ProtoReader(this.#bytes, this.#at, this.#at + length);
    this.#at += length;
    return inner;
  }

  /** Appends a repeated uint64, packed or not, as proto3 readers must accept both. */
  packedInto(values: number[], maxCount: number): void {
    if (this.#wireType === 0) values.push(this.#varint());
    else {
      const inner = this.message();
      while (inner.#at < inner.#end && values.length <= maxCount) values.push(inner.#varint());
    }
    if (values.length > maxCount) throw new WireError(`more than ${maxCount} values`);
  }

  /** Skips the field whose key was read last. */
  skip(): void {
    if (this.#wireType === 0) this.#varint();
    else if (this.#wireType === 1) this.#advance(8);
    else if (this.#wireType === 2) this.#advance(this.#length(this.#end - this.#at));
    else if (this.#wireType === 5) this.#advance(4);
    else throw new WireError('unknown wire type');
  }

  #length(maxBytes: number): number {
    if (this.#wireType !== 2) throw new WireError('not length-delimited');
    const length = this.#varint();
    if (length > maxBytes) throw new WireError(`field longer than ${maxBytes} bytes`);
    if (length > this.#end - this.#at) throw new WireError('truncated');
    return length;
  }

  #advance(count: number): void {
    if (count > this.#end - this.#at) throw new WireError('truncated');
    this.#at += count;
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 8; index += 1) {
      if (this.#at >= this.#end) throw new WireError('truncated');
      const byte = this.#bytes[this.#at++] as number;
      value += (byte % 128) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) throw new WireError('number beyond 2^53');
        return value;
      }
      scale *= 128;
    }
    throw new WireError('number beyond 2^53');
  }
}
