import {
  decodeSigned,
  type Entry,
  encodeSigned,
  isRefusal,
  type Member,
  verifierOf,
} from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import {
  memoryDirectory,
  testInstrument,
  testKey,
  testMember,
} from '../network/testing/memory-directory.ts';
import { FeedTable } from './feed-table.ts';
import { FrameLog } from './frame-log.ts';
import { type Arrival, type JudgeContext, judgeFrame, type Verdict } from './judge.ts';
import { indexListings } from './listing-index.ts';
import { bookEntry, frameChain, signedFrame, TEST_NOW_MS } from './testing/frame-maker.ts';
import { type SeededNumbers, seededNumbers } from './testing/seeded-numbers.ts';

const instrument = testInstrument(1);
const unlisted = testInstrument(9).id;
const good = bookEntry(
  instrument.id,
  [
    [99, 5],
    [98, 5],
  ],
  [
    [101, 5],
    [102, 5],
  ],
);

/** A node that takes what it accepts. */
function createJudge(change: { members?: readonly Member[]; tickSize?: number } = {}) {
  const terms = { ...instrument, tickSize: change.tickSize ?? 1 };
  const directory = memoryDirectory(['alpha', 'beta'], ['watcher'], [terms]);
  for (const member of change.members ?? []) directory.setMember(member);
  const index = indexListings(directory.current());
  const feeds = new FeedTable({ staleAfterMs: 3_000, maxClockSkewMs: 2_000 });
  const log = new FrameLog({ maxFrames: 100, maxBytes: 1_000_000 });
  const context: JudgeContext = {
    ...{ nowMs: TEST_NOW_MS, maxClockSkewMs: 2_000, maxFrameAgeMs: 3_000 },
    ...{
      member: index.member,
      listed: index.listed,
      verifier: verifierOf,
      ownKey: testKey('alpha').publicKey,
    },
    position: (venue) => feeds.position(venue),
    held: (venue, epoch, sequence) => log.get(venue, epoch, sequence),
  };
  return (bytes: Uint8Array, arrival: Arrival = 'pushed'): Verdict => {
    const verdict = judgeFrame(bytes, arrival, context);
    if (verdict.verdict === 'accept') {
      log.add(verdict.logged);
      feeds.take(verdict.logged, arrival, TEST_NOW_MS);
    }
    return verdict;
  };
}

function codeOf(verdict: Verdict): string {
  return verdict.verdict === 'accept' ? 'accept' : `${verdict.verdict} ${verdict.code}`;
}

function judgeOne(bytes: Uint8Array, arrival: Arrival = 'pushed'): string {
  return codeOf(createJudge()(bytes, arrival));
}

const valid = signedFrame({ venue: 'alpha', entries: [good] });

describe('one frame', () => {
  it('is accepted when all of it is right', () => {
    expect(judgeOne(valid)).toBe('accept');
  });

  it.each<[string, () => Uint8Array, string]>([
    ['too large', () => new Uint8Array(65_537), 'reject FRAME_TOO_LARGE'],
    ['empty', () => new Uint8Array(), 'reject SIGNED_MALFORMED'],
    ['cut short', () => valid.subarray(0, valid.length - 1), 'reject SIGNED_MALFORMED'],
    [
      'of a later version',
      () => signedFrame({ venue: 'alpha', version: 2 }),
      'ignore FRAME_VERSION_UNKNOWN',
    ],
    ['of a venue nobody knows', () => signedFrame({ venue: 'mallory' }), 'reject VENUE_UNKNOWN'],
    ['of a member that is no venue', () => signedFrame({ venue: 'watcher' }), 'reject NOT_A_VENUE'],
    [
      'signed by a stranger',
      () => signedFrame({ venue: 'alpha' }, testKey('mallory')),
      'reject SIGNATURE_INVALID',
    ],
    [
      'signed by another venue',
      () => signedFrame({ venue: 'alpha' }, testKey('beta')),
      'reject SIGNATURE_INVALID',
    ],
    [
      'of an epoch to come',
      () => signedFrame({ venue: 'alpha', epoch: TEST_NOW_MS + 2_001 }),
      'reject EPOCH_FROM_FUTURE',
    ],
    [
      'sent in the future',
      () => signedFrame({ venue: 'alpha', sentAtMs: TEST_NOW_MS + 2_001 }),
      'reject FRAME_FROM_FUTURE',
    ],
    [
      'sent long ago',
      () => signedFrame({ venue: 'alpha', sentAtMs: TEST_NOW_MS - 5_001 }),
      'ignore FRAME_TOO_OLD',
    ],
    [
      'a first frame that names one before it',
      () => signedFrame({ venue: 'alpha', previousHash: new Uint8Array(32).fill(1) }),
      'reject CHAIN_BROKEN',
    ],
  ])('is refused when it is %s', (_what, make, expected) => {
    expect(judgeOne(make())).toBe(expected);
  });

  it('may be ahead or behind within the allowed skew of clocks', () => {
    expect(judgeOne(signedFrame({ venue: 'alpha', sentAtMs: TEST_NOW_MS + 2_000 }))).toBe('accept');
    expect(judgeOne(signedFrame({ venue: 'alpha', sentAtMs: TEST_NOW_MS - 5_000 }))).toBe('accept');
  });

  it('may be as old as it likes when this node asked for it', () => {
    const old = signedFrame({ venue: 'alpha', sentAtMs: TEST_NOW_MS - 50_000 });
    expect(judgeOne(old, 'pulled')).toBe('accept');
  });

  it('is not heard from a venue that is suspended', () => {
    const judge = createJudge({
      members: [{ ...testMember('alpha', 'venue'), status: 'suspended' }],
    });
    expect(codeOf(judge(valid))).toBe('ignore VENUE_NOT_STANDING');
  });

  it('counts under any key that is valid now, and under no other', () => {
    const window = (name: string, validFrom: number, validTo: number) => ({
      ...{ key: testKey(name).publicKey, validFrom, validTo },
    });
    const nowSeconds = TEST_NOW_MS / 1_000;
    const nodeKeys = [
      window('old', 0, nowSeconds - 1),
      window('alpha', 0, nowSeconds),
      window('new', nowSeconds, 0),
    ];
    const judge = () => createJudge({ members: [{ ...testMember('alpha', 'venue'), nodeKeys }] });
    const signedBy = (name: string) => signedFrame({ venue: 'alpha' }, testKey(name));
    expect(codeOf(judge()(signedBy('old')))).toBe('reject SIGNATURE_INVALID');
    expect(codeOf(judge()(signedBy('alpha')))).toBe('accept');
    expect(codeOf(judge()(signedBy('new')))).toBe('accept');
  });
});

describe('the entries of a frame', () => {
  const judgeEntries = (...entries: Entry[]) => judgeOne(signedFrame({ venue: 'alpha', entries }));

  it.each<[string, ReturnType<typeof bookEntry>, string]>([
    ['a size of zero', bookEntry(instrument.id, [[99, 0]], []), 'reject LEVEL_NOT_POSITIVE'],
    ['a price of zero', bookEntry(instrument.id, [], [[0, 5]]), 'reject LEVEL_NOT_POSITIVE'],
    [
      'rising bids',
      bookEntry(
        instrument.id,
        [
          [98, 5],
          [99, 5],
        ],
        [],
      ),
      'reject LEVELS_UNSORTED',
    ],
    [
      'a price twice',
      bookEntry(
        instrument.id,
        [
          [99, 5],
          [99, 5],
        ],
        [],
      ),
      'reject LEVELS_UNSORTED',
    ],
    [
      'falling offers',
      bookEntry(
        instrument.id,
        [],
        [
          [102, 5],
          [101, 5],
        ],
      ),
      'reject LEVELS_UNSORTED',
    ],
  ])('are refused for %s', (_what, entry, expected) => {
    expect(judgeEntries(good, entry)).toBe(expected);
  });

  it('are refused for a price off the tick', () => {
    const judge = createJudge({ tickSize: 5 });
    expect(codeOf(judge(valid))).toBe('reject PRICE_OFF_TICK');
  });

  it('are refused for a trade without id, without size, or not yet made', () => {
    const trade: Entry = {
      ...({ kind: 'trade', action: 'print', instrument: instrument.id } as const),
      ...{ executionId: 't', price: 1, quantity: 1, executedAtMs: TEST_NOW_MS },
    };
    expect(judgeEntries(trade)).toBe('accept');
    expect(judgeEntries({ ...trade, executionId: '' })).toBe('reject TRADE_ID_MISSING');
    expect(judgeEntries({ ...trade, quantity: 0 })).toBe('reject TRADE_NOT_POSITIVE');
    expect(judgeEntries({ ...trade, action: 'bust', price: 0, quantity: 0 })).toBe('accept');
    expect(judgeEntries({ ...trade, executedAtMs: TEST_NOW_MS + 2_001 })).toBe(
      'reject TRADE_FROM_FUTURE',
    );
  });

  it('of an instrument that the venue does not list are left out, and the others stand', () => {
    const bytes = signedFrame({
      venue: 'alpha',
      entries: [bookEntry(unlisted, [[9, 1]], []), good],
    });
    const verdict = createJudge()(bytes);
    expect(verdict).toMatchObject({ verdict: 'accept', unlisted: [unlisted] });
    expect(verdict.verdict === 'accept' && verdict.logged.frame.entries).toEqual([good]);
  });
});

describe('frames one after another', () => {
  it('are taken once, in any order, with gaps', () => {
    const judge = createJudge();
    const write = frameChain('alpha');
    const [one, two, three, four] = [write([]), write([]), write([]), write([])];
    expect(codeOf(judge(one))).toBe('accept');
    expect(codeOf(judge(one))).toBe('ignore DUPLICATE');
    expect(codeOf(judge(four))).toBe('accept');
    expect(codeOf(judge(three, 'pulled'))).toBe('accept');
    expect(codeOf(judge(two))).toBe('accept');
    expect(codeOf(judge(three))).toBe('ignore DUPLICATE');
  });

  it('of an earlier epoch are not heard once the venue started again', () => {
    const judge = createJudge();
    const before = frameChain('alpha', TEST_NOW_MS - 50_000);
    const after = frameChain('alpha', TEST_NOW_MS - 40_000);
    expect(codeOf(judge(before([])))).toBe('accept');
    expect(codeOf(judge(after([])))).toBe('accept');
    expect(codeOf(judge(before([])))).toBe('ignore EPOCH_OLD');
  });

  it('with one number and two contents are an equivocation, with both as proof', () => {
    const judge = createJudge();
    judge(valid);
    const verdict = judge(signedFrame({ venue: 'alpha', sentAtMs: TEST_NOW_MS + 1 }));
    expect(verdict).toMatchObject({ verdict: 'reject', code: 'EQUIVOCATION' });
    expect(verdict.verdict === 'reject' && verdict.contradicts?.bytes).toEqual(valid);
  });

  it('must chain, whichever of two comes first', () => {
    const other = signedFrame({
      venue: 'alpha',
      sequence: 2,
      previousHash: new Uint8Array(32).fill(7),
    });
    const judge = createJudge();
    judge(valid);
    expect(codeOf(judge(other))).toBe('reject CHAIN_BROKEN');
    const reverse = createJudge();
    expect(codeOf(reverse(other))).toBe('accept');
    expect(codeOf(reverse(valid, 'pulled'))).toBe('reject CHAIN_BROKEN');
  });

  it('from before the first one heard are taken only when asked for', () => {
    const judge = createJudge();
    const write = frameChain('alpha');
    const [one, two, three] = [write([]), write([]), write([])];
    expect(codeOf(judge(three))).toBe('accept');
    expect(codeOf(judge(two))).toBe('ignore SEQUENCE_CLOSED');
    expect(codeOf(judge(two, 'pulled'))).toBe('accept');
    expect(codeOf(judge(one, 'pulled'))).toBe('accept');
  });
});

describe('hostile bytes', () => {
  it('are never accepted and never throw, over thousands of seeded mutations', () => {
    const random = seededNumbers(20_260_101);
    const frames = [
      valid,
      signedFrame({ venue: 'beta', entries: [good, good] }),
      signedFrame({ venue: 'alpha' }),
    ];
    const seen = new Map<string, number>();
    for (let round = 0; round < 5_000; round += 1) {
      const bytes = mutate(random, random.pick(frames), random.pick(frames));
      if (frames.some((frame) => Buffer.compare(frame, bytes) === 0)) continue;
      if (saysTheSame(bytes, frames)) continue;
      const code = judgeOne(bytes, random.pick(['pushed', 'pulled'] as const));
      seen.set(code, (seen.get(code) ?? 0) + 1);
    }
    expect(seen.get('accept')).toBeUndefined();
    // The mutations reach past the codec.
    expect(seen.get('reject SIGNATURE_INVALID')).toBeGreaterThan(500);
    expect(seen.get('reject FRAME_MALFORMED')).toBeGreaterThan(500);
  });
});

/** Unknown fields around payload and signature carry nothing: the signed content is the same. */
function saysTheSame(bytes: Uint8Array, frames: readonly Uint8Array[]): boolean {
  const signed = decodeSigned(bytes, 65_536);
  if (isRefusal(signed)) return false;
  return frames.some((frame) => Buffer.compare(encodeSigned(signed), frame) === 0);
}

function mutate(random: SeededNumbers, frame: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(frame);
  const at = random.between(0, bytes.length - 1);
  switch (random.between(0, 5)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      for (let count = random.between(2, 20); count > 0; count -= 1) {
        bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
      }
      return bytes;
    case 3:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(at)]);
    case 4:
      return Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(random.between(0, bytes.length)),
      ]);
    default: {
      // Another frame's signature.
      const [one, two] = [decodeSigned(frame, 65_536), decodeSigned(other, 65_536)];
      if (isRefusal(one) || isRefusal(two)) throw new Error('the originals are sound');
      return encodeSigned({ payload: one.payload, signature: two.signature });
    }
  }
}

describe('a frame of this node’s own', () => {
  const forged = () => {
    const signed = decodeSigned(signedFrame({ venue: 'alpha', entries: [good] }), 65_536);
    if (isRefusal(signed)) throw new Error(signed.message);
    return encodeSigned({ ...signed, signature: new Uint8Array(64).fill(7) });
  };

  it('is not checked for the signature it was just given, as everybody else’s is', () => {
    expect(createJudge()(forged(), 'own')).toMatchObject({ verdict: 'accept' });
    expect(createJudge()(forged(), 'pushed')).toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('is refused as everywhere else once its key is not in the registry', () => {
    const nodeKeys = [{ key: testKey('beta').publicKey, validFrom: 0, validTo: 0 }];
    const members = [{ ...testMember('alpha', 'venue'), nodeKeys }];
    expect(createJudge({ members })(forged(), 'own')).toMatchObject({ code: 'SIGNATURE_INVALID' });
  });
});
