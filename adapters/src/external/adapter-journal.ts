import {
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { CodedError } from '@stoa/schema';

const sync = promisify(fdatasync);
const FILE = 'orders.journal';
/** Beyond this the journal is written anew with what is still needed. */
const MAX_BYTES = 64 * 1_048_576;

/**
 * What an adapter must still know after a crash, one record a line with its checksum. What is
 * appended survives a kill of the process at once, and a loss of power once {@link synced} has
 * resolved; records that come together share one `fdatasync`.
 */
export class AdapterJournal<Entry> {
  readonly #path: string;
  #descriptor: number;
  #bytes: number;
  #syncing: Promise<void> | undefined;
  #unsynced = false;
  #closed = false;

  private constructor(path: string, descriptor: number, bytes: number) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#bytes = bytes;
  }

  /**
   * Opens the journal of this folder with what it holds. A last line that a crash cut off is dropped:
   * it was never acted on.
   *
   * @throws CodedError `JOURNAL_CORRUPT` where a line within it is not as it was written
   */
  static open<Entry>(folder: string): {
    readonly journal: AdapterJournal<Entry>;
    readonly entries: readonly Entry[];
  } {
    const path = join(folder, FILE);
    const { entries, bytes } = existsSync(path) ? read<Entry>(path) : { entries: [], bytes: 0 };
    const descriptor = openSync(path, existsSync(path) ? 'r+' : 'w', 0o600);
    ftruncateSync(descriptor, bytes);
    const journal = new AdapterJournal<Entry>(path, descriptor, bytes);
    return { journal, entries };
  }

  /** Whether it is time to {@link rewrite} it. */
  get isLong(): boolean {
    return this.#bytes > MAX_BYTES && this.#syncing === undefined;
  }

  append(entries: readonly Entry[]): void {
    if (this.#closed || entries.length === 0) return;
    const text = Buffer.from(entries.map(lineOf).join(''));
    writeWhole(this.#descriptor, text, this.#bytes);
    this.#bytes += text.length;
    this.#unsynced = true;
  }

  /** Resolves when everything appended so far is on disk. */
  async synced(): Promise<void> {
    // A sync that is under way may have begun before the last record.
    if (this.#syncing) await this.#syncing;
    if (!this.#unsynced || this.#closed) return this.#syncing;
    this.#unsynced = false;
    this.#syncing = sync(this.#descriptor).finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  /** Puts these records in the place of all there are: either the old file stands or the new one. */
  rewrite(entries: readonly Entry[]): void {
    if (this.#closed) return;
    const next = `${this.#path}.next`;
    const descriptor = openSync(next, 'w', 0o600);
    const text = Buffer.from(entries.map(lineOf).join(''));
    writeWhole(descriptor, text, 0);
    fsyncSync(descriptor);
    renameSync(next, this.#path);
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#bytes = text.length;
    this.#unsynced = false;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.synced().catch(() => undefined);
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#descriptor);
  }
}

function lineOf(entry: unknown): string {
  const json = JSON.stringify(entry);
  return `${checksum(json)} ${json}\n`;
}

function read<Entry>(path: string): { entries: Entry[]; bytes: number } {
  const text = readFileSync(path);
  const entries: Entry[] = [];
  let start = 0;
  for (;;) {
    const end = text.indexOf(10, start);
    if (end < 0) return { entries, bytes: start };
    const json = text.toString('utf8', start + 9, end);
    if (text.toString('latin1', start, start + 8) !== checksum(json)) {
      // A write cut off by a loss of power is the last one; damage before others is not a crash's.
      if (text.indexOf(10, end + 1) < 0) return { entries, bytes: start };
      throw new CodedError('JOURNAL_CORRUPT', `${path} is damaged at byte ${start}.`);
    }
    entries.push(JSON.parse(json) as Entry);
    start = end + 1;
  }
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}

function writeWhole(descriptor: number, text: Buffer, position: number): void {
  let written = 0;
  while (written < text.length) {
    written += writeSync(descriptor, text, written, text.length - written, position + written);
  }
}
