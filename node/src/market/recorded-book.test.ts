import { createHash } from 'node:crypto';
import { type Entry, type Instrument, verifierOf } from '@stoa/schema';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { memoryDirectory, testInstrument } from '../network/testing/memory-directory.ts';
import { createLogger } from '../telemetry/logger.ts';
import { bookDigest } from './book-digest.ts';
import { createMarket } from './market.ts';
import { type RecordedBook, recordedBook } from './recorded-book.ts';
import { bookEntry, frameChain, TEST_NOW_MS } from './testing/frame-maker.ts';
import { createMemoryArchive, type MemoryArchive } from './testing/memory-archive.ts';
import { seededNumbers } from './testing/seeded-numbers.ts';

const instruments = [testInstrument(1), testInstrument(2)];
const [{ id }] = instruments as [Instrument, Instrument];
const listed = (_venue: string, named: string) => instruments.find((one) => one.id === named);

const at = (archive: MemoryArchive, ms: number) => recordedBook(archive, id, ms, { listed });
const book = (bid: number, offer: number) => bookEntry(id, [[bid, 5]], [[offer, 5]]);
const prices = (recorded: RecordedBook | undefined) => [
  recorded?.book.bids.map(({ price }) => price),
  recorded?.book.offers.map(({ price }) => price),
];
const halt = (state: 'halted' | 'trading'): Entry => ({
  ...{ kind: 'status', instrument: id, state, authority: 'venue', reason: 'news' },
});

/** An archive of one venue's frames, one each hundred milliseconds from TEST_NOW_MS on. */
function archiveOf(...frames: (readonly Entry[])[]): MemoryArchive {
  const archive = createMemoryArchive();
  const write = frameChain('alpha');
  archive.add(frames.map((entries, index) => write(entries, TEST_NOW_MS + index * 100)));
  return archive;
}

describe('the digest of a book', () => {
  it('is the hash of the text that is specified', () => {
    const text = 'stoa/book/1\ni\nbid 9 alpha 1\nbid 9 beta 2\nbid 8 alpha 4\noffer 10 beta 3\n';
    const share = (venue: string, quantity: number) => ({ venue, quantity });
    const digest = bookDigest({
      instrument: 'i',
      bids: [
        { price: 9, quantity: 3, venues: [share('alpha', 1), share('beta', 2)] },
        { price: 8, quantity: 4, venues: [share('alpha', 4)] },
      ],
      offers: [{ price: 10, quantity: 3, venues: [share('beta', 3)] }],
    });
    expect(digest).toBe(createHash('sha256').update(text).digest('hex'));
  });
});

describe('the book at a moment', () => {
  it('is what each venue had last said, at any moment', async () => {
    const archive = archiveOf([book(1, 9)], [book(2, 8)], [], [book(3, 7)]);
    expect(await at(archive, TEST_NOW_MS - 1)).toBeUndefined();
    expect(prices(await at(archive, TEST_NOW_MS))).toEqual([[1], [9]]);
    expect(prices(await at(archive, TEST_NOW_MS + 299))).toEqual([[2], [8]]);
    expect(prices(await at(archive, TEST_NOW_MS + 300))).toEqual([[3], [7]]);
    expect(await at(archive, TEST_NOW_MS + 300)).toMatchObject({ complete: true, frames: 4 });
  });

  it('has no levels of a venue that was halted, indicative, expired or silent for too long', async () => {
    const halted = archiveOf([book(1, 9)], [halt('halted')], [halt('trading')]);
    expect(prices(await at(halted, TEST_NOW_MS + 150))).toEqual([[], []]);
    expect(prices(await at(halted, TEST_NOW_MS + 200))).toEqual([[1], [9]]);
    const indicative = archiveOf([{ ...book(1, 9), firm: false }]);
    expect(prices(await at(indicative, TEST_NOW_MS))).toEqual([[], []]);
    const brief = archiveOf([{ ...book(1, 9), validUntilMs: TEST_NOW_MS + 50 }]);
    expect(prices(await at(brief, TEST_NOW_MS + 50))).toEqual([[1], [9]]);
    expect(prices(await at(brief, TEST_NOW_MS + 51))).toEqual([[], []]);
    const silent = archiveOf([book(1, 9)]);
    expect(prices(await at(silent, TEST_NOW_MS + 3_000))).toEqual([[1], [9]]);
    expect(prices(await at(silent, TEST_NOW_MS + 3_001))).toEqual([[], []]);
  });

  it('knows nothing of what a venue said before its node started anew', async () => {
    const archive = archiveOf([book(1, 9)]);
    const again = frameChain('alpha', TEST_NOW_MS + 40);
    archive.add([again([], TEST_NOW_MS + 50)]);
    expect(prices(await at(archive, TEST_NOW_MS + 49))).toEqual([[1], [9]]);
    expect(await at(archive, TEST_NOW_MS + 50)).toBeUndefined();
  });

  it('takes back the books that a frame names which breaks a rule', async () => {
    const unsorted = bookEntry(
      id,
      [
        [1, 1],
        [2, 1],
      ],
      [],
    );
    const archive = archiveOf([book(1, 9)], [unsorted]);
    expect(prices(await at(archive, TEST_NOW_MS + 100))).toEqual([[], []]);
  });

  it('tells where a frame is missing', async () => {
    const write = frameChain('alpha');
    const frames = [write([book(1, 9)]), write([]), write([])];
    const archive = createMemoryArchive();
    archive.add([frames[0], frames[2]] as Uint8Array[]);
    expect(await at(archive, TEST_NOW_MS)).toMatchObject({ complete: false });
  });

  it('has one digest at nodes that heard the same frames in different orders, and that of the live book', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const { frames, endMs } = randomFrames(seed);
      const one = startNode();
      const other = startNode();
      one.clock.nowMs = endMs;
      other.clock.nowMs = endMs;
      for (const [venue, bytes] of frames) one.market.receive(bytes, 'pushed', venue);
      for (const [venue, bytes] of shuffled(frames, seed)) {
        other.market.receive(bytes, 'pushed', venue);
      }
      for (let moment = TEST_NOW_MS; moment <= endMs; moment += 333) {
        const [first, second] = await Promise.all([
          at(one.archive, moment),
          at(other.archive, moment),
        ]);
        expect(first && bookDigest(first.book)).toBe(second && bookDigest(second.book));
      }
      const last = await at(one.archive, endMs);
      const live = one.market.book(id);
      expect(live.bids.length + live.offers.length).toBeGreaterThan(0);
      expect(last && bookDigest(last.book)).toBe(bookDigest(live));
      expect(bookDigest(other.market.book(id))).toBe(bookDigest(live));
    }
  });
});

function startNode() {
  const clock = { nowMs: TEST_NOW_MS };
  const archive = createMemoryArchive();
  const market = createMarket(
    { staleAfterMs: 3_000, maxClockSkewMs: 2_000 },
    {
      directory: memoryDirectory(['alpha', 'beta'], [], instruments),
      ...{ logger: createLogger('test', 'silent'), registry: new Registry(), archive },
      ...{
        now: () => clock.nowMs,
        verifier: verifierOf,
        ownKey: '',
        peers: () => [],
        pull: async () => [],
      },
    },
  );
  return { market, archive, clock };
}

/** Two venues' frames over two seconds: books, halts and their ends, in the order they were sent. */
function randomFrames(seed: number) {
  const numbers = seededNumbers(seed);
  const frames: [string, Uint8Array][] = [];
  for (const venue of ['alpha', 'beta']) {
    const write = frameChain(venue);
    for (let step = 0; step < 20; step += 1) {
      const entries: Entry[] = [];
      if (numbers.between(0, 2) > 0) {
        entries.push(book(numbers.between(1, 40), numbers.between(41, 80)));
      }
      if (numbers.between(0, 3) === 0) entries.push(halt(numbers.pick(['halted', 'trading'])));
      // The end of what is random is a state in which something counts.
      if (step === 19) entries.push(halt('trading'), book(1, 80));
      frames.push([venue, write(entries, TEST_NOW_MS + step * 100)]);
    }
  }
  return { frames, endMs: TEST_NOW_MS + 1_900 };
}

/** The first of each venue stays first, so that both nodes follow it from there. */
function shuffled(frames: readonly [string, Uint8Array][], seed: number) {
  const numbers = seededNumbers(seed + 1_000);
  const firsts = frames.filter(
    ([venue], index) => frames.findIndex(([v]) => v === venue) === index,
  );
  const rest = frames.filter((frame) => !firsts.includes(frame));
  for (let index = rest.length - 1; index > 0; index -= 1) {
    const other = numbers.between(0, index);
    [rest[index], rest[other]] = [
      rest[other] as [string, Uint8Array],
      rest[index] as [string, Uint8Array],
    ];
  }
  return [...firsts, ...rest];
}
