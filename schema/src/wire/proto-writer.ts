/**
 * Writes Protocol Buffers wire format (proto3). Only what stoa.proto needs: varints up to 2^53,
 * length-delimited fields, packed repeated varints. Fields with the default value are left out.
 */
export class ProtoWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 512) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** A uint32, uint64 or bool field; zero is not written, as proto3 has it. */
  uint(field: number, value: number): this {
    if (value === 0) return this;
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  /** A string or bytes field; empty is not written. */
  bytes(field: number, value: Uint8Array): this {
    if (value.length === 0) return this;
    return this.#delimited(field, value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'));
  }

  /** An element of a repeated string field: written even when empty. */
  element(field: number, value: string): this {
    return this.#delimited(field, Buffer.from(value, 'utf8'));
  }

  /** A sub-message, written even when empty: its presence says something. */
  message(field: number, write: (writer: ProtoWriter) => void): this {
    const start = this.#open(field);
    write(this);
    return this.#close(start);
  }

  /** A packed repeated uint64 field, of what each row says of itself. */
  packed<Row>(field: number, rows: readonly Row[], valueOf: (row: Row) => number): this {
    if (rows.length === 0) return this;
    const start = this.#open(field);
    for (const row of rows) this.#varint(valueOf(row));
    return this.#close(start);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begins a field whose length is not known yet; most are below 128, so one byte is left for it. */
  #open(field: number): number {
    this.#varint(field * 8 + 2);
    this.#reserve(1);
    this.#length += 1;
    return this.#length;
  }

  /** Writes the length of what stands since `start` before it, which moves if that takes more bytes. */
  #close(start: number): this {
    const length = this.#length - start;
    let more = 0;
    for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) more += 1;
    if (more > 0) {
      this.#reserve(more);
      this.#bytes.copyWithin(start + more, start, this.#length);
    }
    this.#length = start - 1;
    this.#varint(length);
    this.#length += length;
    return this;
  }

  #delimited(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  #varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    // Division, not shifts: values go beyond 32 bits.
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
