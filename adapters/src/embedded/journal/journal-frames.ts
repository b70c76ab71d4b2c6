import { crc32 } from 'node:zlib';

/** "STJ1", little-endian. */
const MAGIC = 0x31_4a_54_53;
const FRAME_HEADER_BYTES = 24;

/**
 * One write of the journal: what was committed together. `count` operations, the first of them the
 * one of number `sequence`; a frame without operations begins a segment and names its instruments.
 */
export interface JournalFrame {
  readonly sequence: number;
  readonly count: number;
  readonly body: Buffer;
}

/** Header: magic, body length, sequence (8 bytes), count, CRC-32 of the rest of header and the body. */
export function frameHeader({ sequence, count, body }: JournalFrame): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(body.length, 4);
  header.writeDoubleLE(sequence, 8);
  header.writeUInt32LE(count, 16);
  header.writeUInt32LE(checksum(header, body), 20);
  return header;
}

/** A segment as it was read: its whole frames, and where and why reading stopped before its end. */
export interface ReadFrames {
  readonly frames: readonly JournalFrame[];
  /** Bytes up to the end of the last whole frame. */
  readonly wholeBytes: number;
  /** A whole frame stands somewhere after the first broken one: that is no crash. */
  readonly brokenInside: boolean;
}

/**
 * Reads a segment. A crash breaks the last frame only, as each is written when the one before it is
 * durable; a broken frame with a whole one behind it means that what was durable has changed.
 */
export function readFrames(bytes: Buffer): ReadFrames {
  const frames: JournalFrame[] = [];
  let at = 0;
  for (;;) {
    const frame = frameAt(bytes, at);
    if (frame === undefined) break;
    frames.push(frame);
    at += FRAME_HEADER_BYTES + frame.body.length;
  }
  return { frames, wholeBytes: at, brokenInside: at < bytes.length && hasFrameAfter(bytes, at) };
}

function frameAt(bytes: Buffer, at: number): JournalFrame | undefined {
  if (bytes.length - at < FRAME_HEADER_BYTES || bytes.readUInt32LE(at) !== MAGIC) return undefined;
  const end = at + FRAME_HEADER_BYTES + bytes.readUInt32LE(at + 4);
  if (end > bytes.length) return undefined;
  const header = bytes.subarray(at, at + FRAME_HEADER_BYTES);
  const body = bytes.subarray(at + FRAME_HEADER_BYTES, end);
  if (header.readUInt32LE(20) !== checksum(header, body)) return undefined;
  return { sequence: header.readDoubleLE(8), count: header.readUInt32LE(16), body };
}

function hasFrameAfter(bytes: Buffer, broken: number): boolean {
  const magic = Buffer.allocUnsafe(4);
  magic.writeUInt32LE(MAGIC);
  for (let at = bytes.indexOf(magic, broken + 1); at !== -1; at = bytes.indexOf(magic, at + 1)) {
    if (frameAt(bytes, at) !== undefined) return true;
  }
  return false;
}

function checksum(header: Buffer, body: Buffer): number {
  return crc32(body, crc32(header.subarray(4, 20)));
}
