import type { Instrument, InstrumentId, OrderOwner } from '@stoa/schema';
import { expect } from 'vitest';
import type {
  QuoteSide,
  VenueAdapter,
  VenueEvent,
  VenueOrder,
  VenueRequest,
  VenueStart,
} from '../venue-adapter.ts';
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
  /** The venue answers a request for quote: it sells so, until then. */
  readonly quote?: Drive<[requestId: string, offer: QuoteSide, validUntilMs: number]>;
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
  /** The next list of what it lists has entries that nobody can read. */
  readonly oddList?: Drive;
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
  /** Codes with which the venue rejects orders, and what the adapter is to make of each. */
  readonly rejections?: () => Readonly<Record<string, string>>;
  /** Rejects the next order with one of these codes. */
  readonly rejectNextWith?: Drive<[code: string]>;
  /** Ways in which an answer can be broken on its way, and: breaks the next one so, after the venue did it. */
  readonly brokenAnswers?: () => readonly string[];
  readonly breakNextAnswer?: Drive<[how: string]>;
  /** Logs in elsewhere with the adapter's credential, which the venue allows once at a time. */
  readonly loginElsewhere?: Drive;
  /** Sets the venue's clock off by so much; 0 sets it right. */
  readonly skewClock?: Drive<[byMs: number]>;
  /** The adapter's credential runs out now. */
  readonly expireCredential?: Drive;
  /** Tells all executions so far again: under their first sequence numbers, marked as such. */
  readonly replayAsPossibleDuplicates?: Drive;
  /** Tells the last execution again under a new sequence number, marked as possibly sent before. */
  readonly resendLastExecution?: Drive;
  /** The next message about orders is lost on its way, so that the one after it has a number too high. */
  readonly loseNextMessage?: Drive;
  /** The venue asks for everything that the adapter sent it in this session. */
  readonly askForResend?: Drive;
  /** Says something under a sequence number that was used. */
  readonly sendLowSequence?: Drive;
  /** Begins its sequence numbers anew. */
  readonly resetSequence?: Drive;
  /** Tells all executions so far on the drop copy too. */
  readonly tellOnDropCopy?: Drive;
  /** From now on messages carry tags that nobody knows, inside groups too. */
  readonly addUnknownTags?: Drive;
}

/** A trade: buy order, sell order, lots, ticks. */
export type Trade = readonly [buyOrderId: string, sellOrderId: string, lots: number, ticks: number];

/** What each order bought or sold in all, and for how much: as text, because amounts may be large. */
function sidesOf(trades: readonly Trade[]): Readonly<Record<string, string>> {
  const sums: Record<string, { lots: bigint; amount: bigint }> = {};
  for (const [buyOrderId, sellOrderId, lots, ticks] of trades) {
    for (const orderId of [buyOrderId, sellOrderId]) {
      if (orderId === '') continue;
      const sum = (sums[orderId] ??= { lots: 0n, amount: 0n });
      sum.lots += BigInt(lots);
      sum.amount += BigInt(lots) * BigInt(ticks);
    }
  }
  return Object.fromEntries(
    Object.entries(sums).map(([id, { lots, amount }]) => [id, `${lots} for ${amount}`]),
  );
}

export const ANNA: OrderOwner = {
  member: 'anna',
  account: '0x000000000000000000000000000000000000a11a',
};
/** The wallet on the other side of trades at a venue that names none: what setups give as such. */
export const CLEARING = '0x00000000000000000000000000000000000000c1';
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
    await this.#firstWord(orderId);
  }

  /** As {@link enter}, of an order that is refused, before the wire or behind it; with which code. */
  async refusedWith(...parts: Parameters<VenueBench['order']>): Promise<string | undefined> {
    const receipt = await this.adapter.submit({ kind: 'new', order: this.order(...parts) });
    if (receipt.outcome === 'refused') return receipt.rejection.code;
    const event = await this.#firstWord(parts[0]);
    return event.kind === 'rejected' ? event.rejection.code : undefined;
  }

  /** Where an order that comes too late for everybody does not trade: at once, or canceled unfilled. */
  async enterImmediate(...parts: Parameters<VenueBench['order']>): Promise<void> {
    const [orderId, side, lots, ticks] = parts;
    const canImmediate = this.adapter.capabilities.timesInForce.includes('ioc');
    const timeInForce = canImmediate ? 'ioc' : 'day';
    const order = this.order(orderId, side, lots, ticks, { timeInForce });
    await this.adapter.submit({ kind: 'new', order });
    if (!canImmediate) await this.send('cancel', orderId);
  }

  #firstWord(orderId: string): Promise<VenueEvent> {
    return this.sink.until(
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

  /** The number that the next trade is to have. */
  nextTradeNumber(first = 1): number {
    return first + this.sink.of('executed').length;
  }

  /**
   * Waits for these trades and sees that there are no others: [buy order, sell order, lots, ticks].
   * Numbers are dense from the first, ids are used once. A venue that joins no trades says each order's
   * side by itself, maybe several fills as one: then each order's quantity and amount count.
   */
  async expectTrades(trades: readonly Trade[], first = 1): Promise<void> {
    const joined = this.adapter.capabilities.joinsTrades !== false;
    const wanted = joined ? trades : sidesOf(trades);
    const told = (): unknown => (joined ? this.#trades() : this.#sides());
    await expect.poll(told, { timeout: 15_000 }).toEqual(wanted);
    const executions = this.sink.of('executed').map(({ execution }) => execution);
    expect(executions.map(({ tradeNumber }) => tradeNumber)).toEqual(
      executions.map((_, index) => first + index),
    );
    expect(new Set(executions.map(({ executionId }) => executionId)).size).toBe(executions.length);
  }

  #trades(): Trade[] {
    const { tickSize, lotSize } = this.venue.instrument;
    return this.sink
      .of('executed')
      .map(({ execution: { quantity, price }, parties: { buyOrderId = '', sellOrderId = '' } }) => [
        buyOrderId,
        sellOrderId,
        quantity / lotSize,
        price / tickSize,
      ]);
  }

  #sides(): Readonly<Record<string, string>> {
    for (const { parties } of this.sink.of('executed')) {
      expect([parties.buyOrderId, parties.sellOrderId]).toContain(undefined);
    }
    return sidesOf(this.#trades());
  }

  async end(): Promise<void> {
    this.sink.release();
    await this.adapter.stop();
    this.#running.abort();
    await this.venue.teardown();
  }
}
