import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@stoa/schema';
import { type AuditHead, type AuditRecord, EMPTY_LOG } from './audit-record.ts';
import { auditRecord } from './audit-record-shape.ts';
import type { AuditSink } from './audit-sink.ts';

/** From this size on records go into a new file: what retention removes are whole files. */
const MAX_FILE_BYTES = 64 * 1_048_576;
/** Read at once from a file's end: most often there is a whole line in it. */
const TAIL_BYTES = 32 * 1_024;
const NAME = /^audit-(\d{12})\.jsonl$/;

/** A log in files that has to be closed. */
export interface AuditFiles extends AuditSink {
  close(): Promise<void>;
}

/**
 * Opens a log in a folder of its own, for one process alone: JSON Lines, a record a line, in files named
 * by their first record, which are only ever appended to and synced before anybody hears that a record is
 * kept. A line that a crash cut off was promised to nobody, and is taken away.
 *
 * @throws CodedError `AUDIT_UNREADABLE` where the last line is no record
 */
export async function openAuditFiles(folder: string): Promise<AuditFiles> {
  await mkdir(folder, { recursive: true });
  const files = new Files(folder);
  await files.open();
  return files;
}

class Files implements AuditFiles {
  readonly #folder: string;
  #file: FileHandle | undefined;
  #bytes = 0;
  #head = EMPTY_LOG;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(): Promise<void> {
    const last = (await auditFilesIn(this.#folder)).at(-1);
    if (last === undefined) return;
    const file = await open(last, 'r+');
    this.#file = file;
    const { record, endsAt } = await lastRecord(file, last);
    await file.truncate(endsAt);
    this.#bytes = endsAt;
    // A file that was begun and holds nothing follows on the one before it, whose end it names.
    if (record) this.#head = headOf(record);
    else this.#head = (await this.#lastOfOlder(last)) ?? EMPTY_LOG;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async head(): Promise<AuditHead> {
    return this.#head;
  }

  async append(records: readonly AuditRecord[]): Promise<void> {
    const [first] = records;
    if (!first) return;
    const file = await this.#fileFor(first.number);
    const lines = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    if ((await file.stat()).size !== this.#bytes) {
      throw new CodedError('AUDIT_SHARED', 'Another process writes to this audit log.');
    }
    try {
      await writeWhole(file, lines, this.#bytes);
      await file.datasync();
    } catch (error) {
      // A part of a line would make the next one unreadable.
      await file.truncate(this.#bytes).catch(() => undefined);
      throw error;
    }
    this.#bytes += lines.length;
    this.#head = headOf(records.at(-1) ?? first);
  }

  async lastBefore(atMs: number): Promise<AuditHead | undefined> {
    let found: AuditHead | undefined;
    // All but the one that is written to.
    for (const path of (await auditFilesIn(this.#folder)).slice(0, -1)) {
      const record = await lastRecordIn(path);
      if (!record || record.atMs >= atMs) break;
      found = headOf(record);
    }
    return found;
  }

  async removeThrough(number: number): Promise<void> {
    for (const path of (await auditFilesIn(this.#folder)).slice(0, -1)) {
      const record = await lastRecordIn(path);
      if (!record || record.number > number) return;
      await rm(path);
    }
  }

  async #fileFor(number: number): Promise<FileHandle> {
    if (this.#file && this.#bytes < MAX_FILE_BYTES) return this.#file;
    await this.close();
    const name = `audit-${String(number).padStart(12, '0')}.jsonl`;
    this.#file = await open(join(this.#folder, name), 'wx+');
    this.#bytes = 0;
    return this.#file;
  }

  async #lastOfOlder(path: string): Promise<AuditHead | undefined> {
    const older = (await auditFilesIn(this.#folder)).filter((one) => one < path).at(-1);
    const record = older === undefined ? undefined : await lastRecordIn(older);
    return record && headOf(record);
  }
}

/** Paths of a log's files, the oldest first. */
export async function auditFilesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name));
  return names.sort().map((name) => join(folder, name));
}

/**
 * All records of files, in the order of the files.
 *
 * @throws CodedError `AUDIT_UNREADABLE` for a line that is no record
 */
export async function* readAuditFiles(paths: readonly string[]): AsyncGenerator<AuditRecord> {
  for (const path of paths) {
    const file = await open(path);
    let line = 0;
    for await (const text of file.readLines()) {
      line += 1;
      yield recordIn(text, `${path}:${line}`);
    }
  }
}

async function lastRecordIn(path: string): Promise<AuditRecord | undefined> {
  const file = await open(path);
  try {
    return (await lastRecord(file, path)).record;
  } finally {
    await file.close();
  }
}

/** A disk that fills up takes a part of a write, and says only how much of it. */
async function writeWhole(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** The last whole line of a file, and where it ends. */
async function lastRecord(file: FileHandle, path: string) {
  const { size } = await file.stat();
  // What was cut off may be longer than a line: as far back as the last one that is whole.
  for (let length = TAIL_BYTES; ; length *= 8) {
    const tail = Buffer.alloc(Math.min(size, length));
    const from = size - tail.length;
    await file.read(tail, 0, tail.length, from);
    const end = tail.lastIndexOf('\n');
    const begin = end <= 0 ? 0 : tail.lastIndexOf('\n', end - 1) + 1;
    if (begin === 0 && from > 0) continue;
    if (end < 0) return { record: undefined, endsAt: 0 };
    const record = recordIn(tail.subarray(begin, end).toString('utf8'), path);
    return { record, endsAt: from + end + 1 };
  }
}

function recordIn(text: string, where: string): AuditRecord {
  try {
    return auditRecord.parse(JSON.parse(text));
  } catch (cause) {
    throw new CodedError('AUDIT_UNREADABLE', `${where} is no audit record.`, { cause });
  }
}

function headOf({ number, hash }: AuditHead): AuditHead {
  return { number, hash };
}
