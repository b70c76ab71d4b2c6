import fs from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { CodedError } from '@stoa/schema';
import { lockLog } from './log-lock.ts';

/**
 * `page-cache`: what is written survives the end of the process, however it ends. `fdatasync`: it
 * survives the loss of power too; writes that come together share one.
 */
export type Durability = 'page-cache' | 'fdatasync';

/** Length of the payload, its CRC-32, its kind. */
const HEAD_BYTES = 9;
const MAX_RECORD_BYTES = 16 * 1_024 * 1_024;
const fdatasync = promisify(fs.fdatasync);

export interface LogRecord {
  readonly kind: number;
  readonly payload: Buffer;
  /** Where the payload stands in the file. */
  readonly at: number;
}

/**
 * A file of records that is only ever added to. A record is there whole or not at all: a last one that
 * a crash cut off is dropped, damage anywhere before stops the opening.
 */
export class AppendLog {
  readonly path: string;
  readonly #durability: Durability;
  readonly #unlock: () => void;
  #fd: number;
  #size: number;
  #syncing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #written = 0;
  #synced = 0;

  private constructor(
    { path, durability, unlock }: { path: string; durability: Durability; unlock: () => void },
    fd: number,
    size: number,
  ) {
    this.path = path;
    this.#durability = durability;
    this.#unlock = unlock;
    this.#fd = fd;
    this.#size = size;
  }

  /**
   * Opens or begins the file and gives every record it has, in order.
   *
   * @throws CodedError `FIX_STORE_CORRUPT` when it was changed other than by a crash;
   * `FIX_STORE_LOCKED` while another process has it open.
   */
  static open(
    path: string,
    durability: Durability,
    onRecord: (record: LogRecord) => void,
  ): AppendLog {
    fs.mkdirSync(dirname(path), { recursive: true });
    const unlock = lockLog(path);
    const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
    try {
      const whole = readRecords(fd, path, onRecord);
      fs.ftruncateSync(fd, whole);
      return new AppendLog({ path, durability, unlock }, fd, whole);
    } catch (error) {
      fs.closeSync(fd);
      unlock();
      throw error;
    }
  }

  get bytes(): number {
    return this.#size;
  }

  /** Adds a record; when this returns it survives the process. Answers where its payload stands. */
  append(kind: number, ...parts: readonly Buffer[]): number {
    const payloadAt = this.#size + HEAD_BYTES;
    const record = recordOf(kind, parts);
    for (let at = 0; at < record.length; ) {
      at += fs.writeSync(this.#fd, record, at, record.length - at, this.#size + at);
    }
    this.#size += record.length;
    this.#written += 1;
    return payloadAt;
  }

  read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    fs.readSync(this.#fd, bytes, 0, length, at);
    return bytes;
  }

  /** Resolves when everything added so far is as durable as was asked for; undefined if it is now. */
  synced(): Promise<void> | undefined {
    if (this.#durability === 'page-cache' || this.#synced === this.#written) return undefined;
    if (this.#syncing === undefined) return this.#sync();
    // The running one may have begun before the last write: the next covers it, for all who wait.
    this.#next ??= this.#syncing.then(
      () => this.#sync(),
      () => this.#sync(),
    );
    return this.#next;
  }

  /** Puts other content in the file's place, whole: a crash leaves the old or the new. */
  replace(records: readonly { readonly kind: number; readonly payload: Buffer }[]): number[] {
    const path = `${this.path}.new`;
    const fd = fs.openSync(path, 'w+', 0o600);
    const places: number[] = [];
    let size = 0;
    for (const { kind, payload } of records) {
      const record = recordOf(kind, [payload]);
      fs.writeSync(fd, record, 0, record.length, size);
      places.push(size + HEAD_BYTES);
      size += record.length;
    }
    fs.fdatasyncSync(fd);
    fs.renameSync(path, this.path);
    syncFolder(dirname(this.path));
    fs.closeSync(this.#fd);
    this.#fd = fd;
    this.#size = size;
    this.#synced = this.#written;
    return places;
  }

  close(): void {
    if (this.#fd < 0) return;
    fs.closeSync(this.#fd);
    this.#fd = -1;
    this.#unlock();
  }

  #sync(): Promise<void> {
    const upTo = this.#written;
    this.#next = undefined;
    const running = fdatasync(this.#fd).then(
      () => {
        this.#synced = Math.max(this.#synced, upTo);
        if (this.#syncing === running) this.#syncing = undefined;
      },
      (cause: unknown) => {
        if (this.#syncing === running) this.#syncing = undefined;
        throw cause;
      },
    );
    this.#syncing = running;
    return running;
  }
}

function recordOf(kind: number, parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((total, part) => total + part.length, 0);
  if (length > MAX_RECORD_BYTES) {
    throw new CodedError('FIX_RECORD_TOO_LARGE', 'A record is larger than the store takes.', {
      data: { length },
    });
  }
  const record = Buffer.allocUnsafe(HEAD_BYTES + length);
  record.writeUInt32LE(length, 0);
  record.writeUInt8(kind, 8);
  let at = HEAD_BYTES;
  for (const part of parts) at += part.copy(record, at);
  record.writeUInt32LE(crc32(record.subarray(8)), 4);
  return record;
}

/** Reads all records; answers where the last whole one ends. */
function readRecords(fd: number, path: string, onRecord: (record: LogRecord) => void): number {
  const bytes = fs.readFileSync(fd);
  let at = 0;
  while (at < bytes.length) {
    const length = at + HEAD_BYTES <= bytes.length ? bytes.readUInt32LE(at) : undefined;
    const end = at + HEAD_BYTES + (length ?? bytes.length);
    if (length === undefined || end > bytes.length) {
      if (isTorn(bytes, at)) return at;
    } else if (crc32(bytes.subarray(at + 8, end)) === bytes.readUInt32LE(at + 4)) {
      const payload = bytes.subarray(at + HEAD_BYTES, end);
      onRecord({ kind: bytes.readUInt8(at + 8), payload, at: at + HEAD_BYTES });
      at = end;
      continue;
    } else if (end === bytes.length || isTorn(bytes, at)) return at;
    throw new CodedError('FIX_STORE_CORRUPT', `The session store ${path} is damaged.`, {
      data: { path, at, bytes: bytes.length },
    });
  }
  return at;
}

/** Whether no whole record begins behind a broken one: then the crash that broke it was the last. */
function isTorn(bytes: Buffer, brokenAt: number): boolean {
  const last = Math.min(bytes.length - HEAD_BYTES, brokenAt + MAX_RECORD_BYTES);
  for (let at = brokenAt + 1; at <= last; at += 1) {
    const length = bytes.readUInt32LE(at);
    const end = at + HEAD_BYTES + length;
    if (length === 0 || end > bytes.length) continue;
    if (crc32(bytes.subarray(at + 8, end)) === bytes.readUInt32LE(at + 4)) return false;
  }
  return true;
}

function syncFolder(path: string): void {
  const fd = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
