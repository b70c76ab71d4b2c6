import {
  decodeFrame,
  decodeSigned,
  type Entry,
  type Frame,
  type Instrument,
  type InstrumentId,
  isRefusal,
  type Listing,
  MAX_FRAME_BYTES,
  type VenueId,
} from '@stoa/schema';
import { InstrumentBook } from './consolidated-book.ts';
import type { FrameArchive } from './frame-archive.ts';
import { entryOffence } from './judge-entry.ts';
import type { ConsolidatedBook, QuoteState } from './market-view.ts';

/** A venue says its whole state at every heartbeat, so nothing older than this can hold. */
const LOOK_BACK_MS = 10_000;
/** A venue that had sent nothing for so long was stale: a constant, so that all nodes agree. */
const STALE_AFTER_MS = 3_000;

/** The book as the venues' frames tell it for one moment. */
export interface RecordedBook {
  /** Unix milliseconds, of the venues' clocks. */
  readonly atMs: number;
  readonly book: ConsolidatedBook;
  /** No number is missing among the frames it was made from. */
  readonly complete: boolean;
  /** How many frames were read for it. */
  readonly frames: number;
}

/** What must be known of instruments to read old frames. */
export interface RecordedTerms {
  /** The instrument, if the venue has ever listed it. */
  readonly listed: (venue: VenueId, instrument: InstrumentId) => Instrument | undefined;
}

/**
 * Makes the book of an instrument as it was at a moment, from the archive; undefined where no venue
 * had said anything of it within ten seconds before. The rules stand in docs/wire.md, "The book at a
 * moment": no clock, no order of arrival and no state of this node enter into it, so two nodes that
 * hold the same frames make the same book.
 */
export async function recordedBook(
  archive: FrameArchive,
  instrument: InstrumentId,
  atMs: number,
  terms: RecordedTerms,
): Promise<RecordedBook | undefined> {
  const window = { fromMs: atMs - LOOK_BACK_MS, toMs: atMs };
  const replays: VenueReplay[] = [];
  for (const venue of await archive.venues(window)) {
    const replay = new VenueReplay(venue, instrument, terms);
    for await (const page of archive.newestFirst({ venue, ...window })) {
      for (const bytes of page) replay.take(bytes);
      if (replay.isDone) break;
    }
    if (replay.wasNamed) replays.push(replay);
  }
  if (replays.length === 0) return undefined;
  return {
    atMs,
    book: mergeReplays(instrument, replays, atMs),
    complete: replays.every((replay) => replay.isComplete),
    frames: replays.reduce((sum, replay) => sum + replay.frames, 0),
  };
}

function mergeReplays(
  instrument: InstrumentId,
  replays: readonly VenueReplay[],
  atMs: number,
): ConsolidatedBook {
  const book = new InstrumentBook(instrument);
  const listings = replays.map(({ venue }): Listing => {
    const untold = { exemption: 'registered', evidenceHash: '' } as const;
    return { instrument, venue, status: 'listed', ...untold };
  });
  const states = new Map(replays.map((replay) => [replay.venue, replay.stateAt(atMs)]));
  book.list(listings, (venue) => states.get(venue) ?? 'silent', atMs);
  for (const { venue, book: shown, status } of replays) {
    if (shown) book.applyBook(venue, shown, 1, atMs);
    if (status) book.applyStatus(venue, status, 1, atMs);
  }
  return book.view(atMs);
}

type BookOf = Extract<Entry, { kind: 'book' }>;
type StatusOf = Extract<Entry, { kind: 'status' }>;

/** What one venue had last said of one instrument, from its frames newest first. */
class VenueReplay {
  readonly venue: VenueId;
  readonly #instrument: InstrumentId;
  readonly #terms: RecordedTerms;
  #newest: Frame | undefined;
  #oldestSequence = 0;
  #isBookKnown = false;
  book: BookOf | undefined;
  status: StatusOf | undefined;
  wasNamed = false;
  isComplete = true;
  frames = 0;
  isDone = false;

  constructor(venue: VenueId, instrument: InstrumentId, terms: RecordedTerms) {
    this.venue = venue;
    this.#instrument = instrument;
    this.#terms = terms;
  }

  /** Takes the next older frame. */
  take(bytes: Uint8Array): void {
    const frame = this.isDone ? undefined : read(bytes);
    if (!frame) return;
    this.#newest ??= frame;
    // What a venue said before its node started anew is void.
    if (frame.epoch !== this.#newest.epoch) {
      this.isDone = true;
      return;
    }
    if (this.frames > 0 && frame.sequence !== this.#oldestSequence - 1) this.isComplete = false;
    this.#oldestSequence = frame.sequence;
    this.frames += 1;
    this.#readEntries(frame);
    this.isDone = this.#isBookKnown && this.status !== undefined;
  }

  stateAt(atMs: number): QuoteState {
    return this.#newest && atMs - this.#newest.sentAtMs <= STALE_AFTER_MS ? 'live' : 'stale';
  }

  #readEntries(frame: Frame): void {
    const ours = frame.entries.filter(({ instrument }) => instrument === this.#instrument);
    if (ours.length === 0) return;
    this.wasNamed = true;
    // A frame that breaks a rule says nothing, and takes back the books it names.
    if (this.#breaksRule(frame)) {
      this.#isBookKnown = true;
      return;
    }
    // Within a frame the last word counts.
    for (const entry of ours.reverse()) {
      if (entry.kind === 'status') this.status ??= entry;
      else if (entry.kind === 'book' && !this.#isBookKnown) {
        this.book = entry;
        this.#isBookKnown = true;
      }
    }
  }

  #breaksRule({ entries }: Frame): boolean {
    return entries.some((entry) => {
      const instrument = this.#terms.listed(this.venue, entry.instrument);
      // Whether a trade was in the future depends on who looked: that rule is not applied again.
      return instrument && entryOffence(entry, instrument, Number.POSITIVE_INFINITY);
    });
  }
}

function read(bytes: Uint8Array): Frame | undefined {
  const signed = decodeSigned(bytes, MAX_FRAME_BYTES);
  if (isRefusal(signed)) return undefined;
  const decoded = decodeFrame(signed.payload);
  return isRefusal(decoded) ? undefined : decoded.frame;
}
