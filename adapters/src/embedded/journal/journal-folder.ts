import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type InstrumentId } from '@stoa/schema';
import { frameHeader, type JournalFrame, readFrames } from './journal-frames.ts';

const SEGMENT = /^journal-(\d{16})\.log$/;
const SNAPSHOT = /^snapshot-(\d{16})\.bin$/;

/** The files of a journal: a snapshot at most, and the segments written since. */
export interface JournalFiles {
  readonly snapshot: JournalFrame | undefined;
  /** In order. */
  readonly segments: readonly JournalSegment[];
  /** Bytes of a last frame that a crash had left unfinished. */
  readonly tornBytes: number;
}

export interface JournalSegment {
  readonly instruments: readonly InstrumentId[];
  readonly frames: readonly JournalFrame[];
}

/**
 * Reads a journal's folder, made if there is none.
 *
 * @throws CodedError `JOURNAL_CORRUPT` where a file was changed other than by a crash while it was
 * written; `data` names it.
 */
export async function readJournalFolder(folder: string): Promise<JournalFiles> {
  await mkdir(folder, { recursive: true });
  const names = (await readdir(folder)).sort();
  const snapshots = names.filter((name) => SNAPSHOT.test(name));
  const newest = snapshots.at(-1);
  const snapshot = newest === undefined ? undefined : await readSnapshot(folder, newest);
  const from = snapshot?.sequence ?? 0;
  const segments: JournalSegment[] = [];
  let tornBytes = 0;
  const logs = names.filter((name) => SEGMENT.test(name));
  for (const name of logs) {
    const bytes = await readFile(join(folder, name));
    const { frames, wholeBytes, brokenInside } = readFrames(bytes);
    const torn = bytes.length - wholeBytes;
    // Segments before the snapshot are only still there because a crash came before their removal.
    const isNeeded = name === logs.at(-1) || Number(SEGMENT.exec(name)?.[1]) >= from;
    if (torn > 0 && (brokenInside || name !== logs.at(-1))) {
      if (isNeeded) throw corrupt(folder, name, `broken at byte ${wholeBytes}`);
      continue;
    }
    tornBytes += torn;
    const [head, ...rest] = frames;
    if (head === undefined) continue;
    segments.push({ instruments: parseInstruments(folder, name, head), frames: rest });
  }
  return { snapshot, segments, tornBytes };
}

/** Begins a segment: operations from `sequence` on, of books by their place in this list. */
export async function createSegment(
  folder: string,
  sequence: number,
  instruments: readonly InstrumentId[],
) {
  const path = join(folder, `journal-${padded(sequence)}.log`);
  const file = await open(path, 'w');
  const body = Buffer.from(JSON.stringify({ version: 1, instruments }));
  await file.write(frameHeader({ sequence, count: 0, body }));
  await file.write(body);
  await file.datasync();
  await syncFolder(folder);
  return file;
}

/** Writes a snapshot so that a crash leaves the old one or the new one. */
export async function writeSnapshot(folder: string, sequence: number, body: Buffer): Promise<void> {
  const path = join(folder, `snapshot-${padded(sequence)}.bin`);
  const file = await open(`${path}.part`, 'w');
  try {
    await file.write(frameHeader({ sequence, count: 0, body }));
    await file.writeFile(body);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
  await syncFolder(folder);
}

/** Removes what the snapshot at `sequence` and the segment that begins there make superfluous. */
export async function removeBefore(folder: string, sequence: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const number = (SEGMENT.exec(name) ?? SNAPSHOT.exec(name))?.[1];
    const isPart = name.endsWith('.bin.part');
    if (isPart || (number !== undefined && Number(number) < sequence)) {
      await unlink(join(folder, name));
    }
  }
}

async function readSnapshot(folder: string, name: string): Promise<JournalFrame> {
  const { frames, wholeBytes } = readFrames(await readFile(join(folder, name)));
  const [frame] = frames;
  if (frame === undefined || frames.length > 1) {
    throw corrupt(folder, name, `broken at byte ${wholeBytes}`);
  }
  return frame;
}

function parseInstruments(folder: string, name: string, head: JournalFrame): InstrumentId[] {
  const parsed: unknown = head.count === 0 ? JSON.parse(head.body.toString()) : undefined;
  const instruments =
    typeof parsed === 'object' && parsed !== null && 'instruments' in parsed
      ? parsed.instruments
      : undefined;
  if (!Array.isArray(instruments)) throw corrupt(folder, name, 'it does not begin as a segment');
  return instruments.map(String);
}

function corrupt(folder: string, name: string, what: string): CodedError {
  return new CodedError(
    'JOURNAL_CORRUPT',
    `the journal file ${name} is damaged: ${what}. Restore it, or move the folder away: the books then come back from the members' open orders alone.`,
    { data: { folder, name, what } },
  );
}

function padded(sequence: number): string {
  return String(sequence).padStart(16, '0');
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
