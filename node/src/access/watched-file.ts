import { readFile, stat } from 'node:fs/promises';
import { CodedError } from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';

/** A file whose content counts as it is now. */
export interface WatchedFile<T> {
  current(): T;
  close(): void;
}

/** Which file, and how its text is read; `parse` throws where the text is no good. */
export interface WatchedFileOptions<T> {
  readonly path: string;
  readonly parse: (text: string) => T;
  /** A longer file is not read. */
  readonly maxBytes: number;
  /** How often it is looked at; half a second unless told. */
  readonly pollMs?: number;
}

const POLL_MS = 500;

/**
 * Reads a file and looks at it again and again. Polled, because a file that is replaced by renaming, as
 * a careful operator does, and one on a network volume, give no dependable notice. One that turns bad or
 * goes away is logged and counts as it last was: a revocation must not end because a disk is full.
 *
 * @throws CodedError FILE_UNREADABLE when it cannot be read the first time
 */
export async function watchFile<T>(
  options: WatchedFileOptions<T>,
  { logger }: { readonly logger: Logger },
): Promise<WatchedFile<T>> {
  const { path, parse, maxBytes, pollMs = POLL_MS } = options;

  async function read(): Promise<{ readonly stamp: string; readonly value: T }> {
    const { mtimeMs, size, ino } = await stat(path);
    if (size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
    const value = parse(await readFile(path, 'utf8'));
    return { stamp: `${ino} ${size} ${mtimeMs}`, value };
  }

  let held = await read().catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('FILE_UNREADABLE', `${path} cannot be read: ${why}`, { cause });
  });
  let seen = held.stamp;

  async function look(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(path);
      const stamp = `${ino} ${size} ${mtimeMs}`;
      if (stamp === seen) return;
      seen = stamp;
      held = await read();
      logger.info({ path }, 'file read anew');
    } catch (error) {
      if (seen !== '')
        logger.error({ err: error, path }, 'file cannot be read: its last content holds');
      // Once is enough: the next good state is read and told.
      seen = '';
    }
  }

  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const schedule = (): void => {
    if (closed) return;
    timer = setTimeout(() => void look().then(schedule), pollMs).unref();
  };
  schedule();
  return {
    current: () => held.value,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
