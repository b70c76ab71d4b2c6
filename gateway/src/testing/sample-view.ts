import type { MarketView } from '@stoa/node/observer';
import type { Directory, DirectorySource, Instrument, Member } from '@stoa/schema';

/** The one instrument of the sample; the sample nodes know it too. */
export const SAMPLE_INSTRUMENT: Instrument = {
  id: `eip155:31337/erc20:0x${'a1'.repeat(20)}`,
  token: `0x${'a1'.repeat(20)}`,
  standard: 'ERC-3643',
  symbol: 'ACME',
  name: 'Acme Class A',
  isin: '',
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

const memberOf = (kind: Member['kind'], id: string): Member => ({
  ...{ id, kind, status: 'active', nodeKeys: [], signers: [] },
});

const venues = ['alpha', 'beta', 'gamma'].map((id) => memberOf('venue', id));

/** Every member that was not named is a broker: tests that share a gateway each take one of their own. */
class OpenRegistry extends Map<string, Member> {
  override get(id: string): Member {
    return super.get(id) ?? memberOf('broker', id);
  }
}

const directory: Directory = {
  blockNumber: 42n,
  members: new OpenRegistry(venues.map((one) => [one.id, one])),
  instruments: new Map([[SAMPLE_INSTRUMENT.id, SAMPLE_INSTRUMENT]]),
  listings: venues.map(({ id }) => ({
    instrument: SAMPLE_INSTRUMENT.id,
    venue: id,
    status: 'listed',
    exemption: 'reg-s',
    evidenceHash: `0x${'ee'.repeat(32)}`,
  })),
};

const NO_PRICES = { open: undefined, last: undefined, high: undefined, low: undefined };

/** A directory of three venues and their brokers that never changes. */
export const sampleDirectory: DirectorySource = {
  current: () => directory,
  onChange: () => () => {},
};

/** The gateway's own view of the market, moved by the test. */
export interface SampleView extends MarketView {
  move(): void;
  readonly version: () => number;
  readonly delivered: () => number;
  readonly watchers: () => number;
}

/** Creates a {@link SampleView} at version 1. */
export function createSampleView(): SampleView {
  let version = 1;
  let delivered = 0;
  const wakers = new Set<() => void>();
  const book = () => ({
    instrument: SAMPLE_INSTRUMENT.id,
    version,
    asOfMs: 1_700_000_000_000,
    bids: [{ price: 10_000 + version, quantity: 500, venues: [{ venue: 'alpha', quantity: 500 }] }],
    ...{ offers: [], locked: false, crossed: false, venues: [] },
  });

  async function* watch(_instrument: string, signal: AbortSignal) {
    let seen = 0;
    let wake = () => {};
    const waker = () => wake();
    wakers.add(waker);
    signal.addEventListener('abort', waker);
    try {
      while (!signal.aborted) {
        if (version > seen) {
          seen = version;
          delivered += 1;
          yield book();
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
    book,
    evidence: () => [],
    feeds: () =>
      venues.map(({ id }) => ({
        venue: id,
        state: 'live',
        sinceMs: 1_700_000_000_000,
        epoch: 1,
        lastSequence: 9,
        lostFrames: 0,
      })),
    lastTrade: () => undefined,
    statistics: () => ({
      dayStartMs: 1_699_920_000_000,
      knownSinceMs: 1_699_920_000_000,
      exact: true,
      consolidated: { trades: 0, volume: 0n, notional: 0n, ...NO_PRICES },
      venues: [],
    }),
    proofs: () => [],
    watch,
    move() {
      version += 1;
      for (const waker of wakers) waker();
    },
    version: () => version,
    delivered: () => delivered,
    watchers: () => wakers.size,
  };
}
