import type { FileHandle } from 'node:fs/promises';
import { CodedError, type InstrumentId } from '@stoa/schema';
import { applyOperation, type EngineOperation } from '../engine-operation.ts';
import type { MatchingEngine } from '../matching-engine.ts';
import { encodeBooks, loadBooks } from './book-snapshot.ts';
import {
  createSegment,
  type JournalFiles,
  readJournalFolder,
  removeBefore,
  writeSnapshot,
} from './journal-folder.ts';
import { frameHeader } from './journal-frames.ts';
import { OperationWriter, readOperations } from './operation-codec.ts';

/** A snapshot is taken and a new segment begun after so many operations. */
const OPERATIONS_A_SEGMENT = 1_000_000;

/** What a folder held when it was opened. */
export interface JournalFound {
  /** Operations so far, over all runs. */
  readonly operations: number;
  /** Of them, replayed after the snapshot. */
  readonly replayed: number;
  /** Bytes of the last write that a crash cut off; what was in it was never acknowledged. */
  readonly tornBytes: number;
  /** Books of instruments that the venue has no more. */
  readonly unknownBooks: readonly InstrumentId[];
}

export interface OperationJournalOptions {
  readonly operationsASegment?: number;
}

/**
 * Keeps every operation on a venue's books, in order. Operations are appended in memory and written
 * together, one write and one `fdatasync` at a time: while one is under way the next gathers. Whoever
 * acknowledges waits for {@link committed} first.
 *
 * Opening reads the snapshot, replays what came after it, and begins a new segment behind a new
 * snapshot, so that the next start is short.
 */
export class OperationJournal {
  readonly #folder: string;
  readonly #engines: ReadonlyMap<InstrumentId, MatchingEngine>;
  readonly #bookOf: ReadonlyMap<InstrumentId, number>;
  readonly #segmentLimit: number;
  #gathering = new OperationWriter();
  #writing = new OperationWriter();
  #file: FileHandle | undefined;
  /** Operations appended, and those that are durable. */
  #appended = 0;
  #durable = 0;
  #segmentStart = 0;
  #round: Promise<void> | undefined;
  #failure: CodedError | undefined;
  #closed: Promise<void> | undefined;

  private constructor(
    folder: string,
    engines: ReadonlyMap<InstrumentId, MatchingEngine>,
    options: OperationJournalOptions,
  ) {
    this.#folder = folder;
    this.#engines = engines;
    this.#bookOf = new Map([...engines.keys()].map((instrument, at) => [instrument, at]));
    this.#segmentLimit = options.operationsASegment ?? OPERATIONS_A_SEGMENT;
  }

  /**
   * Brings empty engines to where the folder's journal left them and goes on from there. What the
   * engines tell their listeners meanwhile has been told before. One process at a time.
   *
   * @throws CodedError `JOURNAL_CORRUPT`
   */
  static async open(
    folder: string,
    engines: ReadonlyMap<InstrumentId, MatchingEngine>,
    options: OperationJournalOptions = {},
  ): Promise<{ readonly journal: OperationJournal; readonly found: JournalFound }> {
    const files = await readJournalFolder(folder);
    const found = replayJournal(folder, files, engines);
    const journal = new OperationJournal(folder, engines, options);
    journal.#appended = found.operations;
    journal.#durable = found.operations;
    await journal.#beginSegment(found.operations, encodeBooks(engines));
    return { journal, found };
  }

  /** Call it before the engine is given the operation. */
  append(instrument: InstrumentId, operation: EngineOperation): void {
    const book = this.#bookOf.get(instrument);
    if (book === undefined) throw new RangeError(`the journal has no book of ${instrument}`);
    this.#gathering.write(book, operation);
    this.#appended += 1;
  }

  /**
   * Resolves when everything appended up to now is durable.
   *
   * @throws CodedError `JOURNAL_FAILED` where it could not be written; then nothing more is.
   */
  async committed(): Promise<void> {
    const upTo = this.#appended;
    while (this.#durable < upTo) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#round ??= this.#commit().finally(() => {
        this.#round = undefined;
      });
      await this.#round;
    }
  }

  /** Writes what is left and closes the file. */
  close(): Promise<void> {
    this.#closed ??= this.committed()
      .catch(() => undefined)
      .finally(() => this.#file?.close());
    return this.#closed;
  }

  async #commit(): Promise<void> {
    // One turn's operations make one write.
    await new Promise((resolve) => setImmediate(resolve));
    const batch = this.#gathering;
    this.#gathering = this.#writing;
    this.#writing = batch;
    const upTo = this.#appended;
    // Taken now, while the books are what the operations up to now made of them.
    const books =
      upTo - this.#segmentStart >= this.#segmentLimit ? encodeBooks(this.#engines) : undefined;
    try {
      await this.#write(batch, upTo);
      this.#durable = upTo;
      if (books !== undefined) await this.#beginSegment(upTo, books);
    } catch (cause) {
      this.#failure = new CodedError('JOURNAL_FAILED', 'the journal could not be written', {
        cause,
        data: { folder: this.#folder },
      });
    } finally {
      batch.reset();
    }
  }

  async #write(batch: OperationWriter, upTo: number): Promise<void> {
    const body = batch.bytes();
    const { count } = batch;
    if (count === 0 || this.#file === undefined) return;
    const header = frameHeader({ sequence: upTo - count + 1, count, body });
    const { bytesWritten } = await this.#file.writev([header, body]);
    if (bytesWritten !== header.length + body.length) throw new RangeError('a short write');
    await this.#file.datasync();
  }

  async #beginSegment(sequence: number, books: Buffer): Promise<void> {
    await writeSnapshot(this.#folder, sequence, books);
    const old = this.#file;
    this.#file = await createSegment(this.#folder, sequence, [...this.#bookOf.keys()]);
    this.#segmentStart = sequence;
    await old?.close();
    await removeBefore(this.#folder, sequence);
  }
}

/**
 * Brings empty engines to where a journal left them.
 *
 * @param onOperation told of each operation after it was done: the how many'th, and of which book
 * @throws CodedError `JOURNAL_CORRUPT`
 */
export function replayJournal(
  folder: string,
  { snapshot, segments, tornBytes }: JournalFiles,
  engines: ReadonlyMap<InstrumentId, MatchingEngine>,
  onOperation?: (sequence: number, instrument: InstrumentId) => void,
): JournalFound {
  const unknownBooks = new Set<InstrumentId>();
  if (snapshot) for (const one of loadBooks(snapshot.body, engines)) unknownBooks.add(one);
  const from = snapshot?.sequence ?? 0;
  let operations = from;
  for (const { instruments, frames } of segments) {
    for (const { sequence, count, body } of frames) {
      const last = sequence + count - 1;
      if (last <= from) continue;
      if (sequence !== operations + 1) {
        throw new CodedError(
          'JOURNAL_CORRUPT',
          `the journal has no operations between ${operations} and ${sequence}`,
          { data: { folder, after: operations, before: sequence } },
        );
      }
      let at = sequence - 1;
      for (const { instrument, operation } of readOperations(body, instruments)) {
        const engine = engines.get(instrument);
        if (engine === undefined) unknownBooks.add(instrument);
        else applyOperation(engine, operation);
        at += 1;
        onOperation?.(at, instrument);
      }
      operations = last;
    }
  }
  const replayed = operations - from;
  return { operations, replayed, tornBytes, unknownBooks: [...unknownBooks] };
}
