import { type FileHandle, open } from 'node:fs/promises';
import { CodedError } from '@stoa/schema';
import { type LobsterMessage, type MalformedLine, parseLobsterLine } from './lobster-message.ts';

/** A longer line is malformed; a message is some 60 characters. */
const MAX_LINE_BYTES = 1_024;
const CHUNK_BYTES = 65_536;
const NEWLINE = 0x0a;

/** What one chunk of the file held, in the file's order. */
export interface LobsterBatch {
  readonly messages: readonly LobsterMessage[];
  readonly malformed: readonly MalformedLine[];
}

/** An open recorded order flow. Read it once; the file closes with the reading. */
export interface LobsterFile {
  readonly path: string;
  batches(): AsyncIterable<LobsterBatch>;
  /** Closes a file that is not read to its end. */
  close(): Promise<void>;
}

/**
 * Opens a LOBSTER message file for streaming: memory stays that of one chunk, however long the file.
 *
 * @throws CodedError `FLOW_FILE_UNREADABLE`: no such file, no permission, or not a regular file.
 */
export async function openLobsterFile(path: string): Promise<LobsterFile> {
  const handle = await openRegularFile(path);
  return {
    path,
    batches: () => readBatches(handle),
    close: () => handle.close(),
  };
}

async function openRegularFile(path: string): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    if (!(await handle.stat()).isFile()) throw new Error('not a regular file');
    return handle;
  } catch (cause) {
    await handle?.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('FLOW_FILE_UNREADABLE', `order flow file ${path} cannot be read: ${why}`, {
      cause,
      data: { path },
    });
  }
}

async function* readBatches(handle: FileHandle): AsyncGenerator<LobsterBatch> {
  const splitter = new LineSplitter();
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES);
      const lines = bytesRead === 0 ? splitter.end() : splitter.push(chunk.subarray(0, bytesRead));
      if (lines.length > 0) yield toBatch(lines);
      if (bytesRead === 0) return;
    }
  } finally {
    await handle.close();
  }
}

/** A line of the file; `undefined` text for one too long to keep. */
interface Line {
  readonly number: number;
  readonly text: string | undefined;
}

/** Cuts chunks into lines and never holds more than {@link MAX_LINE_BYTES} of an unfinished one. */
class LineSplitter {
  #rest = Buffer.alloc(0);
  #restTooLong = false;
  #number = 0;

  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end === -1) break;
      lines.push(this.#line(chunk.subarray(start, end)));
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  /** The last line, where the file does not end with a newline. */
  end(): Line[] {
    const open = this.#rest.length > 0 || this.#restTooLong;
    return open ? [this.#line(Buffer.alloc(0))] : [];
  }

  #line(tail: Buffer): Line {
    this.#number += 1;
    this.#keep(tail);
    const text = this.#restTooLong ? undefined : this.#rest.toString('latin1').replace(/\r$/, '');
    this.#rest = Buffer.alloc(0);
    this.#restTooLong = false;
    return { number: this.#number, text };
  }

  #keep(part: Buffer): void {
    if (this.#restTooLong || part.length === 0) return;
    this.#restTooLong = this.#rest.length + part.length > MAX_LINE_BYTES;
    // Copied: the chunk's memory is read into again.
    this.#rest = this.#restTooLong ? Buffer.alloc(0) : Buffer.concat([this.#rest, part]);
  }
}

function toBatch(lines: readonly Line[]): LobsterBatch {
  const messages: LobsterMessage[] = [];
  const malformed: MalformedLine[] = [];
  for (const { number, text } of lines) {
    const read =
      text === undefined
        ? { line: number, reason: 'too-long' as const }
        : parseLobsterLine(text, number);
    if ('reason' in read) malformed.push(read);
    else messages.push(read);
  }
  return { messages, malformed };
}
