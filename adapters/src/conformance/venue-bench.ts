import type { Instrument, OrderOwner } from '@stoa/schema';
import { expect } from 'vitest';
import type { VenueAdapter, VenueOrder, VenueRequest, VenueStart } from '../venue-adapter.ts';
import { RecordingSink } from './recording-sink.ts';

/** A venue to try an adapter on: an empty book of one instrument, tick and lot both above one. */
export interface VenueUnderTest {
  readonly instrument: Instrument;
  /** An adapter to this venue. A second one stands for the node's restart. */
  newAdapter(): VenueAdapter;
  /** Halts and resumes trading in the instrument, at the venue. */
  halt(): void | Promise<void>;
  resume(): void | Promise<void>;
  teardown(): void | Promise<void>;
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
  readonly #ended = new AbortController();

  constructor(venue: VenueUnderTest) {
    this.venue = venue;
    this.adapter = venue.newAdapter();
  }

  async start(
    open: Partial<Pick<VenueStart, 'openOrders' | 'nextTradeNumber'>> = {},
  ): Promise<void> {
    const { openOrders = [], nextTradeNumber = 1 } = open;
    const { signal } = this.#ended;
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
    this.#ended.abort();
    await this.venue.teardown();
  }
}
