import { type Frame, type VenueId, WIRE_VERSION } from '@stoa/schema';
import type { FrameLogOptions, LoggedFrame } from './logged-frame.ts';

const HASH_BYTES = 32;
const CHUNK_BYTES = 131_072;
const FIRST_SLOTS = 256;

/**
 * The recent frames of one venue's epoch, in order of arrival, oldest dropped first.
 *
 * A thousand frames a second, each an object of objects, would be most of what the garbage collector
 * has to copy while it stops the node. So bytes stand behind each other in large chunks, numbers in
 * typed arrays, and a frame becomes an object when somebody asks for it.
 */
export class VenueFrames {
  readonly epoch: number;
  readonly #venue: VenueId;
  readonly #options: FrameLogOptions;
  /** Slot by sequence. Slots are a ring: the oldest is taken again once it is free. */
  readonly #slots = new Map<number, number>();
  #sequences = new Float64Array(FIRST_SLOTS);
  #sentAtMs = new Float64Array(FIRST_SLOTS);
  #chunks: Uint8Array[] = [];
  /** The number of `#chunks[0]`, counted from the first there was. */
  #firstChunk = 0;
  #chunkOf = new Float64Array(FIRST_SLOTS);
  #offsets = new Int32Array(FIRST_SLOTS);
  #lengths = new Int32Array(FIRST_SLOTS);
  #chunkUsed = 0;
  #oldest = 0;
  #count = 0;
  #bytes = 0;

  constructor(venue: VenueId, epoch: number, options: FrameLogOptions) {
    this.#venue = venue;
    this.epoch = epoch;
    this.#options = options;
  }

  /** Takes a copy of a frame; whatever is beyond the bounds leaves. */
  add({ frame, bytes, hash }: LoggedFrame): void {
    if (this.#slots.has(frame.sequence)) return;
    if (this.#count === this.#sequences.length) this.#grow();
    const slot = (this.#oldest + this.#count) % this.#sequences.length;
    const chunk = this.#place(2 * HASH_BYTES + bytes.length);
    const offset = this.#chunkUsed;
    chunk.set(frame.previousHash, offset);
    chunk.set(hash, offset + HASH_BYTES);
    chunk.set(bytes, offset + 2 * HASH_BYTES);
    this.#chunkUsed += 2 * HASH_BYTES + bytes.length;
    this.#sequences[slot] = frame.sequence;
    this.#sentAtMs[slot] = frame.sentAtMs;
    this.#chunkOf[slot] = this.#firstChunk + this.#chunks.length - 1;
    this.#offsets[slot] = offset;
    this.#lengths[slot] = bytes.length;
    this.#slots.set(frame.sequence, slot);
    this.#count += 1;
    this.#bytes += bytes.length;
    while (this.#count > this.#options.maxFrames || this.#bytes > this.#options.maxBytes) {
      this.#dropOldest();
    }
  }

  get(sequence: number): LoggedFrame | undefined {
    const slot = this.#slots.get(sequence);
    if (slot === undefined) return undefined;
    const { chunk, offset } = this.#at(slot);
    const frame: Frame = {
      ...{ version: WIRE_VERSION, venue: this.#venue, epoch: this.epoch, sequence },
      sentAtMs: this.#sentAtMs[slot] ?? 0,
      previousHash: chunk.subarray(offset, offset + HASH_BYTES),
      entries: [],
    };
    const hash = chunk.subarray(offset + HASH_BYTES, offset + 2 * HASH_BYTES);
    return { frame, bytes: this.#bytesAt(slot), hash };
  }

  /** The SignedFrame as it arrived. */
  bytes(sequence: number): Uint8Array | undefined {
    const slot = this.#slots.get(sequence);
    return slot === undefined ? undefined : this.#bytesAt(slot);
  }

  /** The numbers held, in order of arrival. */
  sequences(): IterableIterator<number> {
    return this.#slots.keys();
  }

  #bytesAt(slot: number): Uint8Array {
    const { chunk, offset } = this.#at(slot);
    const start = offset + 2 * HASH_BYTES;
    return chunk.subarray(start, start + (this.#lengths[slot] ?? 0));
  }

  #at(slot: number): { chunk: Uint8Array; offset: number } {
    const chunk = this.#chunks[(this.#chunkOf[slot] ?? 0) - this.#firstChunk] as Uint8Array;
    return { chunk, offset: this.#offsets[slot] ?? 0 };
  }

  /** The chunk that has room for so many bytes more. */
  #place(length: number): Uint8Array {
    const last = this.#chunks.at(-1);
    if (last && this.#chunkUsed + length <= last.length) return last;
    const chunk = new Uint8Array(Math.max(CHUNK_BYTES, length));
    this.#chunks.push(chunk);
    this.#chunkUsed = 0;
    return chunk;
  }

  #dropOldest(): void {
    const slot = this.#oldest;
    this.#slots.delete(this.#sequences[slot] ?? 0);
    this.#bytes -= this.#lengths[slot] ?? 0;
    this.#oldest = (slot + 1) % this.#sequences.length;
    this.#count -= 1;
    const needed =
      this.#count === 0 ? Number.POSITIVE_INFINITY : (this.#chunkOf[this.#oldest] ?? 0);
    // The last chunk stays: the next frame goes there.
    while (this.#firstChunk < needed && this.#chunks.length > 1) {
      this.#chunks.shift();
      this.#firstChunk += 1;
    }
  }

  /** Twice the slots; the ring is laid out anew from its oldest one. */
  #grow(): void {
    const size = this.#sequences.length;
    const order = Array.from({ length: this.#count }, (_, at) => (this.#oldest + at) % size);
    const moved = <Column extends Float64Array | Int32Array>(from: Column, to: Column): Column => {
      order.forEach((slot, at) => {
        to[at] = from[slot] ?? 0;
      });
      return to;
    };
    this.#sequences = moved(this.#sequences, new Float64Array(size * 2));
    this.#sentAtMs = moved(this.#sentAtMs, new Float64Array(size * 2));
    this.#chunkOf = moved(this.#chunkOf, new Float64Array(size * 2));
    this.#offsets = moved(this.#offsets, new Int32Array(size * 2));
    this.#lengths = moved(this.#lengths, new Int32Array(size * 2));
    this.#oldest = 0;
    for (let slot = 0; slot < this.#count; slot += 1) {
      this.#slots.set(this.#sequences[slot] ?? 0, slot);
    }
  }
}
