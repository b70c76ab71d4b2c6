import type { Instrument, InstrumentId, OrderOwner } from '@stoa/schema';
import { expect } from 'vitest';
import type { VenueAdapter, VenueOrder, VenueRequest, VenueStart } from '../venue-adapter.ts';
import { RecordingSink } from './recording-sink.ts';

/** A venue to try an adapter on: an empty book of one instrument, tick and lot both above one. */
export interface VenueUnderTest {
  readonly instrument: Instrument;
  /** An adapter to this venue. A second one stands for the node's restart. */
  newAdapter(): VenueAdapter;
  readonly drive: VenueDriver;
  teardown(): void | Promise<void>;
}

type Drive<Input extends unknown[] = []> = (...input: Input) => void | Promise<void>;

/**
 * What a venue can be driven to from its own side. A case that needs what is not here is skipped, and
 * said to be.
 */
export interface VenueDriver {
  /** Halts and resumes trading in the instrument. */
  readonly halt?: Drive;
  readonly resume?: Drive;
  /** Ends the session; begins the next one, whose orders wait at first; lets them trade. */
  readonly endSession?: Drive;
  readonly startEntry?: Drive;
  readonly openSession?: Drive;
  /** The venue's clock, Unix milliseconds, and a wait until it shows this or later. */
  readonly nowMs?: () => number;
  readonly passUntil?: Drive<[atMs: number]>;
  /** The venue cancels an order by itself. */
  readonly cancelUnasked?: Drive<[orderId: string]>;
  readonly bust?: Drive<[executionId: string]>;
  readonly correct?: Drive<[executionId: string, to: { price: number; quantity: number }]>;
  /** Tells every execution so far once more, as another message. */
  readonly repeatExecutions?: Drive;
  /** Tells the next order's fill before its acceptance. */
  readonly fillBeforeAccept?: Drive;
  /** Stops the venue and starts it again; orders stay open there. */
  readonly restartVenue?: Drive;
  /** Cuts the connection, and lets it come back. Whether orders survive is the venue's rule. */
  readonly dropLink?: Drive;
  readonly restoreLink?: Drive;
  /** Whether a lost connection cancels the orders. */
  readonly cancelsOnDisconnect?: () => boolean;
  /** Says something that is no message. */
  readonly garble?: Drive;
  /** Rejects the next order with a code of its own that the adapter does not know. */
  readonly rejectNextOddly?: Drive;
  /** Takes the next request and never answers it. */
  readonly loseNextAnswer?: Drive;
  /** Answers the next request with: too many. */
  readonly throttleNext?: Drive;
  /** Loses one message of market data. */
  readonly loseMarketData?: Drive;
}

export const ANNA: OrderOwner = {
  member: 'anna',
  account: '0x000000000000000000000000000000000000a11a',
};
export const BOB: OrderOwner = {
  member: 'bob',
  account: '0x0000000000000000000000000000000000000b0b',
};

/** What the cases work with: the venue, a started adapter and its sink. */
export class VenueBench {
  readonly sink = new RecordingSink();
  readonly venue: VenueUnderTest;
  adapter: VenueAdapter;
  #running = new AbortController();

  constructor(venue: VenueUnderTest) {
    this.venue = venue;
    this.adapter = venue.newAdapter();
  }

  async start(
    open: Partial<Pick<VenueStart, 'openOrders' | 'nextTradeNumber'>> = {},
  ): Promise<void> {
    const { openOrders = [], nextTradeNumber = 1 } = open;
    this.#running = new AbortController();
    const { signal } = this.#running;
    await this.adapter.start({ sink: this.sink, openOrders, nextTradeNumber, signal });
  }

  /** An order in ticks and lots. */
  order(
    orderId: string,
    side: 'buy' | 'sell',
    lots: number,
    ticks: number,
    more: Partial<VenueOrder> = {},
  ): VenueOrder {
    const { id, tickSize, lotSize } = this.venue.instrument;
    return {
      orderId,
      instrument: id,
      side,
      timeInForce: 'day',
      quantity: lots * lotSize,
      limitPrice: ticks * tickSize,
      owner: side === 'buy' ? ANNA : BOB,
      homeVenue: this.adapter.venue,
      ...more,
    };
  }

  /** Sends an order and waits for the venue's first word on it. */
  async enter(...parts: Parameters<VenueBench['order']>): Promise<void> {
    const [orderId] = parts;
    const receipt = await this.adapter.submit({ kind: 'new', order: this.order(...parts) });
    expect(receipt).toEqual({ outcome: 'taken' });
    await this.sink.until(
      (event) =>
        (event.kind === 'accepted' || event.kind === 'rejected') && event.orderId === orderId,
      `${orderId} accepted or rejected`,
    );
  }

  /** Starts a new adapter in the old one's place, as after a crash: nothing of the old one goes on. */
  async crash(
    open: Partial<Pick<VenueStart, 'openOrders' | 'nextTradeNumber'>> = {},
  ): Promise<void> {
    this.#running.abort();
    this.sink.release();
    this.adapter = this.venue.newAdapter();
    await this.start(open);
  }

  async massCancel(instrument?: InstrumentId): Promise<void> {
    const request = {
      kind: 'mass-cancel',
      ...(instrument !== undefined && { instrument }),
    } as const;
    expect(await this.adapter.submit(request)).toEqual({ outcome: 'taken' });
  }

  async send(kind: 'cancel' | 'status', orderId: string): Promise<void> {
    const instrument = this.venue.instrument.id;
    expect(await this.adapter.submit({ kind, orderId, instrument })).toEqual({ outcome: 'taken' });
  }

  async replace(orderId: string, lots: number, ticks: number): Promise<void> {
    const { quantity, limitPrice, instrument } = this.order(orderId, 'buy', lots, ticks);
    const request: VenueRequest = { kind: 'replace', orderId, instrument, quantity, limitPrice };
    expect(await this.adapter.submit(request)).toEqual({ outcome: 'taken' });
  }

  /** Executions as [number, buy order, sell order, lots, ticks]. */
  executions(): unknown[] {
    const { tickSize, lotSize } = this.venue.instrument;
    return this.sink
      .of('executed')
      .map(({ execution: { tradeNumber, quantity, price }, parties }) => [
        tradeNumber,
        parties.buyOrderId,
        parties.sellOrderId,
        quantity / lotSize,
        price / tickSize,
      ]);
  }

  async end(): Promise<void> {
    this.sink.release();
    await this.adapter.stop();
    this.#running.abort();
    await this.venue.teardown();
  }
}
