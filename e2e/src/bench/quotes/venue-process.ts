import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  EmbeddedVenue,
  type FlowTarget,
  type VenueEvent,
  type VenueMarketEvent,
} from '@stoa/adapters';
import { createLogger, createObserver, type Observer } from '@stoa/node/observer';
import { createPublisher } from '@stoa/node/publisher';
import { testKey, testSeed } from '@stoa/node/testing/memory-directory';
import { Registry } from 'prom-client';
import { serveCommands } from '../process-commands.ts';
import { nowNs } from './clock.ts';
import {
  directoryOf,
  heartbeatMs,
  instrumentsOf,
  type Place,
  staleAfterMs,
} from './network-plan.ts';
import { PacedEcho } from './paced-echo.ts';
import type { PacerPlan } from './pacer-thread.ts';

/** Recorded flow tells prices in dollars × 10,000; the instruments trade in cents. */
const recordedUnits = 100;
const bestBid = 10_000;
const firstUpdateId = 1_000_000_000;
const marketKinds: ReadonlySet<string> = new Set(['book', 'print', 'trading-status', 'link']);

/**
 * A venue as its node runs it, without orders and settlement: the matching engine behind its port,
 * the publisher, and the network with every check of its own frames.
 *
 * Update n of the run replaces the best bid of one instrument after the other by one of n units, so
 * that whoever sees a book knows which update it shows, and the venue when that one was made.
 */
class BenchVenue {
  readonly observer: Observer;
  readonly #targets: FlowTarget[];
  /** The update that stands in each instrument's book. */
  readonly latest: Float64Array;
  #made = 0;

  private constructor(place: Place, observer: Observer, venue: EmbeddedVenue) {
    this.observer = observer;
    this.latest = new Float64Array(place.instruments);
    this.#targets = instrumentsOf(place).map(({ id }) => venue.flowTarget(id));
  }

  static async start(place: Place): Promise<BenchVenue> {
    const directory = directoryOf(place);
    const registry = new Registry();
    const logger = createLogger(place.member, 'error');
    const observer = createObserver(
      {
        ...{ member: place.member, seed: testSeed(place.member), peers: place.peers },
        ...{ listen: ['/ip4/127.0.0.1/tcp/0'], staleAfterMs },
      },
      { directory, logger, registry },
    );
    await observer.start();
    const publisher = createPublisher(
      {
        ...{ venue: place.member, nodeKey: testKey(place.member), epoch: Date.now(), firm: true },
        ...{ heartbeatMs, staleAfterMs },
      },
      { directory, logger, registry, now: Date.now, broadcast: observer.broadcast },
    );
    publisher.start();
    const engine = new EmbeddedVenue({
      venue: place.member,
      instruments: instrumentsOf(place),
      flowOwner: { member: place.member, account: `0x${'11'.repeat(20)}` },
      nowMs: Date.now,
    });
    await engine.start({
      sink: { deliver: async (events) => publisher.deliver(events.filter(isMarketEvent)) },
      ...{ openOrders: [], nextTradeNumber: 1, signal: new AbortController().signal },
    });
    const venue = new BenchVenue(place, observer, engine);
    venue.#open(place.levels);
    return venue;
  }

  /** How many updates were made in all. */
  get made(): number {
    return this.#made;
  }

  update(): void {
    this.#made += 1;
    const index = this.#made % this.#targets.length;
    const target = this.#targets[index];
    target?.cancel(firstUpdateId + (this.latest[index] ?? 0));
    target?.submit({
      ...{ orderId: firstUpdateId + this.#made, side: 'buy' },
      ...{ price: bestBid * recordedUnits, size: this.#made },
    });
    this.latest[index] = this.#made;
  }

  /** Fills the books; the best bids are left to the updates, but for a first one. */
  #open(levels: number): void {
    for (const target of this.#targets) {
      for (let level = 0; level < levels; level += 1) {
        const size = 100 + level;
        const bid = (bestBid - level) * recordedUnits;
        const offer = (bestBid + 1 + level) * recordedUnits;
        if (level > 0) target.submit({ orderId: 2 * level, side: 'buy', price: bid, size });
        target.submit({ orderId: 2 * level + 1, side: 'sell', price: offer, size });
      }
      this.update();
    }
  }
}

function isMarketEvent(event: VenueEvent): event is VenueMarketEvent {
  return marketKinds.has(event.kind);
}

const echo = new PacedEcho();
let venue: BenchVenue | undefined;

function running(): BenchVenue {
  if (venue === undefined) throw new Error('the venue is not started');
  return venue;
}

const commands = {
  async start(place: Place) {
    venue = await BenchVenue.start(place);
    return { addresses: venue.observer.addresses() };
  },
  peers: () => running().observer.peers(),
  /** Makes updates at a pace; with `timed`, says when each of them was made. */
  async run({ timed, ...plan }: PacerPlan & { timed: boolean }) {
    const first = running().made + 1;
    const madeAtNs = new Float64Array(timed ? Math.round(plan.perSecond * plan.seconds) : 0);
    const startNs = nowNs();
    const cpu = process.cpuUsage();
    const pacer = new Worker(join(import.meta.dirname, 'pacer-thread.ts'), { workerData: plan });
    pacer.on('message', (count: number) => {
      for (let due = count; due > 0; due -= 1) {
        if (timed) madeAtNs[running().made + 1 - first] = nowNs();
        running().update();
      }
    });
    await new Promise((resolve, reject) => {
      pacer.on('exit', resolve);
      pacer.on('error', reject);
    });
    const { user, system } = process.cpuUsage(cpu);
    return { first, madeAtNs, startNs, endNs: nowNs(), cpuUs: user + system };
  },
  echoKey: () => echo.publicKey(),
  echo: (plan: Parameters<PacedEcho['run']>[0]) => echo.run(plan),
  latest: () => running().latest,
  memoryBytes: () => process.memoryUsage.rss(),
};

export type VenueCommands = typeof commands;

serveCommands(commands);
