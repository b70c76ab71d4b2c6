import {
  type Directory,
  type DirectorySource,
  type Instrument,
  type Member,
  type MemberId,
  nodeKeyFromSeed,
} from '@stoa/schema';
import type { ConsolidatedBook, MarketView } from '../../market/market-view.ts';

const evidenceHash = `0x${'ee'.repeat(32)}`;

/** An instrument with unlike decimals everywhere, so that mixing them up shows. */
export const ACME: Instrument = {
  id: `eip155:31337/erc20:0x${'a1'.repeat(20)}`,
  token: `0x${'a1'.repeat(20)}`,
  standard: 'ERC-3643',
  symbol: 'ACME',
  name: 'Acme Class A',
  isin: 'US0378331005',
  issuer: 'acme',
  tokenDecimals: 18,
  cashToken: `0x${'c0'.repeat(20)}`,
  cashSymbol: 'USDX',
  cashDecimals: 6,
  priceDecimals: 2,
  quantityDecimals: 3,
  tickSize: 5,
  lotSize: 500,
};

/** Without an ISIN: the one that is registered has a wrong check digit. */
export const BOND: Instrument = {
  ...ACME,
  id: `eip155:31337/erc20:0x${'b2'.repeat(20)}`,
  token: `0x${'b2'.repeat(20)}`,
  symbol: 'BOND',
  name: 'Bond 2030',
  isin: 'US0378331006',
};

function member(id: MemberId, kind: Member['kind'], status: Member['status'] = 'active'): Member {
  return { id, kind, status, nodeKeys: [], signers: [] };
}

/** Key of the sample's gateway: its seed is 32 times 7. */
const SAMPLE_GATEWAY_KEY = {
  ...{ key: nodeKeyFromSeed(Buffer.alloc(32, 7)).publicKey, validFrom: 0, validTo: 0 },
};

/** Every member that was not named is a broker: tests that share a server each take one of their own. */
class OpenRegistry extends Map<MemberId, Member> {
  override get(id: MemberId): Member {
    return super.get(id) ?? member(id, 'broker');
  }
}

/** Three venues, issuers, an examiner, and brokers. */
export const SAMPLE_DIRECTORY: Directory = {
  blockNumber: 42n,
  members: new OpenRegistry(
    [
      member('gamma', 'venue', 'ceasing'),
      member('alpha', 'venue'),
      member('beta', 'venue'),
      member('broker', 'broker'),
      member('acme', 'issuer'),
      { ...member('gateway', 'observer'), nodeKeys: [SAMPLE_GATEWAY_KEY] },
      member('zeta', 'issuer'),
      member('examiner', 'examiner'),
    ].map((one) => [one.id, one] as const),
  ),
  instruments: new Map([ACME, BOND].map((one) => [one.id, one])),
  listings: [
    { instrument: ACME.id, venue: 'beta', status: 'listed', exemption: 'reg-d-506c', evidenceHash },
    { instrument: ACME.id, venue: 'alpha', status: 'listed', exemption: 'reg-s', evidenceHash },
    {
      instrument: BOND.id,
      venue: 'alpha',
      status: 'halted',
      exemption: 'registered',
      evidenceHash,
    },
  ],
};

/** Three trades: 100.10 × 1, 100.15 × 2 and 100.10 × 1.5. */
const SAMPLE_STATISTICS = {
  trades: 3,
  volume: 4_500n,
  notional: 10_010n * 1_000n + 10_015n * 2_000n + 10_010n * 1_500n,
  ...{ open: 10_010, last: 10_010, high: 10_015, low: 10_010 },
};

/** A directory that never changes. */
export const sampleDirectory: DirectorySource = {
  current: () => SAMPLE_DIRECTORY,
  onChange: () => () => {},
};

/** A book of two venues, locked at 100.10, with a halted third. */
function sampleBook(version: number): ConsolidatedBook {
  const asOfMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const venueBook = {
    ...{ validUntilMs: asOfMs + 5_000, firm: true, halted: false },
    sinceMs: 1_700_000_000_000,
  };
  return {
    instrument: ACME.id,
    version,
    asOfMs,
    bids: [
      { price: 10_010, quantity: 1_500, venues: [{ venue: 'alpha', quantity: 1_500 }] },
      { price: 10_005, quantity: 500, venues: [{ venue: 'beta', quantity: 500 }] },
    ],
    offers: [
      {
        price: 10_010,
        quantity: 3_000,
        venues: [
          { venue: 'alpha', quantity: 1_000 },
          { venue: 'beta', quantity: 2_000 },
        ],
      },
    ],
    locked: true,
    crossed: false,
    venues: [
      {
        ...venueBook,
        venue: 'alpha',
        state: 'live',
        haltReason: undefined,
        bids: [{ price: 10_010, quantity: 1_500 }],
        offers: [{ price: 10_010, quantity: 1_000 }],
      },
      {
        ...venueBook,
        venue: 'beta',
        state: 'degraded',
        halted: true,
        haltReason: 'news pending',
        bids: [],
        offers: [],
      },
    ],
  };
}

/** A market in memory whose book can be moved; it counts what its watchers were given. */
export interface SampleMarket extends MarketView {
  /** Moves the book on by one version. */
  move(): void;
  readonly delivered: () => number;
  readonly watchers: () => number;
}

/** Creates a {@link SampleMarket} at version 1. */
export function createSampleMarket(): SampleMarket {
  let book = sampleBook(1);
  let delivered = 0;
  const wakers = new Set<() => void>();

  // One slot: a watcher that comes back late finds the latest version, and only that.
  async function* watch(_instrument: string, signal: AbortSignal) {
    let seen = 0;
    let wake = () => {};
    const waker = () => wake();
    wakers.add(waker);
    signal.addEventListener('abort', waker);
    try {
      while (!signal.aborted) {
        if (book.version > seen) {
          seen = book.version;
          delivered += 1;
          yield book;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      wakers.delete(waker);
    }
  }

  return {
    book: (instrument) => ({ ...book, instrument }),
    evidence: () => [],
    feeds: () => [
      {
        venue: 'alpha',
        state: 'live',
        sinceMs: 1_700_000_000_000,
        epoch: 1,
        lastSequence: 2 ** 33,
        lostFrames: 0,
      },
      {
        venue: 'beta',
        state: 'degraded',
        sinceMs: 1_700_000_000_000,
        epoch: 1,
        lastSequence: 7,
        lostFrames: 3,
      },
    ],
    lastTrade: (instrument) =>
      instrument === ACME.id
        ? {
            venue: 'beta',
            executionId: 'beta-9',
            negotiated: false,
            price: 10_010,
            quantity: 500,
            executedAtMs: 1_700_000_000_123,
          }
        : undefined,
    statistics: () => ({
      dayStartMs: Date.UTC(2026, 0, 2),
      knownSinceMs: Date.UTC(2026, 0, 2, 1),
      exact: true,
      consolidated: SAMPLE_STATISTICS,
      venues: [{ venue: 'beta', ...SAMPLE_STATISTICS }],
    }),
    proofs: () => [
      {
        ...{ code: 'EQUIVOCATION', venue: 'beta', epoch: 1_700_000_000_000, sequence: 7 },
        frames: [Uint8Array.of(1, 2), Uint8Array.of(3)],
        foundAtMs: 1_700_000_000_123,
      },
    ],
    watch,
    move() {
      book = sampleBook(book.version + 1);
      for (const waker of wakers) waker();
    },
    delivered: () => delivered,
    watchers: () => wakers.size,
  };
}
