import {
  type ConsolidatedBook,
  createLogger,
  createObserver,
  type Observer,
} from '@stoa/node/observer';
import { testSeed } from '@stoa/node/testing/memory-directory';
import type { InstrumentId } from '@stoa/schema';
import { Registry } from 'prom-client';
import { serveCommands } from '../process-commands.ts';
import { nowNs } from './clock.ts';
import { directoryOf, instrumentsOf, type Place, staleAfterMs } from './network-plan.ts';
import { PacedEcho } from './paced-echo.ts';

const pollMs = 2;

/** What a reader of the consolidated books saw: update numbers, and when they stood there. */
export interface Sightings {
  readonly updates: Float64Array;
  readonly seenAtNs: Float64Array;
}

class BenchObserver {
  readonly observer: Observer;
  readonly place: Place;
  readonly #instruments: readonly InstrumentId[];
  readonly #registry = new Registry();
  #updates: number[] = [];
  #seenAtNs: number[] = [];
  startedAtNs = 0;

  constructor(place: Place) {
    this.place = place;
    this.#instruments = instrumentsOf(place).map(({ id }) => id);
    this.observer = createObserver(
      {
        ...{ member: place.member, seed: testSeed(place.member), peers: place.peers },
        ...{ listen: ['/ip4/127.0.0.1/tcp/0'], staleAfterMs },
      },
      {
        directory: directoryOf(place),
        logger: createLogger(place.member, 'error'),
        registry: this.#registry,
      },
    );
  }

  async start(): Promise<void> {
    this.startedAtNs = nowNs();
    await this.observer.start();
  }

  /** Reads the first so many instruments as a subscriber does, and notes what it saw. */
  watch(instruments: number): void {
    const forever = new AbortController().signal;
    for (const instrument of this.#instruments.slice(0, instruments)) {
      void this.#follow(this.observer.market.watch(instrument, forever));
    }
  }

  async #follow(books: AsyncIterable<ConsolidatedBook>): Promise<void> {
    for await (const book of books) {
      const update = book.bids[0]?.quantity;
      if (update === undefined) continue;
      this.#updates.push(update);
      this.#seenAtNs.push(nowNs());
    }
  }

  takeSightings(): Sightings {
    const sightings = {
      updates: Float64Array.from(this.#updates),
      seenAtNs: Float64Array.from(this.#seenAtNs),
    };
    this.#updates = [];
    this.#seenAtNs = [];
    return sightings;
  }

  /** Waits until every instrument's book satisfies; says how many did, and when the last one came. */
  async until(
    satisfies: (book: ConsolidatedBook, index: number) => boolean,
    withinMs: number,
  ): Promise<{ reached: number; atNs: number }> {
    const deadline = performance.now() + withinMs;
    let open = this.#instruments.map((instrument, index) => ({ instrument, index }));
    for (;;) {
      open = open.filter(
        ({ instrument, index }) => !satisfies(this.observer.market.book(instrument), index),
      );
      const reached = this.#instruments.length - open.length;
      if (open.length === 0 || performance.now() > deadline) return { reached, atNs: nowNs() };
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** Frames by verdict, and entries that were left out: what the node itself counts. */
  async framesAccepted(): Promise<number> {
    const metric = await this.#registry.getSingleMetric('stoa_frames_judged_total')?.get();
    return metric?.values.find(({ labels }) => labels['verdict'] === 'accept')?.value ?? 0;
  }
}

const echo = new PacedEcho();
let bench: BenchObserver | undefined;

function running(): BenchObserver {
  if (bench === undefined) throw new Error('the observer is not started');
  return bench;
}

const commands = {
  nowNs: () => nowNs(),
  async start(place: Place) {
    bench = new BenchObserver(place);
    await bench.start();
    return { addresses: bench.observer.addresses(), startedAtNs: bench.startedAtNs };
  },
  peers: () => running().observer.peers(),
  watch: ({ instruments }: { instruments: number }) => running().watch(instruments),
  sightings: () => running().takeSightings(),
  framesAccepted: () => running().framesAccepted(),
  /** Until each book's best bid is of the venue's latest update. */
  untilLatest: ({ latest, withinMs }: { latest: Float64Array; withinMs: number }) =>
    running().until((book, index) => book.bids[0]?.quantity === latest[index], withinMs),
  /** Until every venue stands in every book, live and whole. */
  untilComplete({ withinMs }: { withinMs: number }) {
    const { venues, levels } = running().place;
    return running().until(
      (book) =>
        book.venues.length === venues.length &&
        book.venues.every(
          ({ state, bids, offers }) =>
            state === 'live' && bids.length === levels && offers.length === levels,
        ),
      withinMs,
    );
  },
  listenEcho: (publicKey: string) => echo.listen(publicKey),
  echoArrivals: () => echo.takeArrivals(),
  cpuUs: () => process.cpuUsage().user + process.cpuUsage().system,
  memoryBytes: () => process.memoryUsage.rss(),
};

export type ObserverCommands = typeof commands;

serveCommands(commands);
