import type {
  LinkState,
  OpenOrder,
  Receipt,
  VenueAdapter,
  VenueCapabilities,
  VenueEvent,
  VenueListings,
  VenueOrder,
  VenueRequest,
  VenueSink,
  VenueStart,
} from '@stoa/adapters';
import type { Execution, VenueId } from '@stoa/schema';
import { CodedError } from '@stoa/schema';
import { FLOW_WALLET } from './test-network.ts';

/** A venue that does only what the test says. */
export class ScriptedVenue implements VenueAdapter {
  readonly venue: VenueId;
  readonly capabilities: VenueCapabilities;
  link: LinkState = 'stopped';
  readonly requests: VenueRequest[] = [];
  restored: readonly OpenOrder[] = [];
  nextTradeNumber = 0;
  /** Answers requests; `taken` unless the test says otherwise. */
  answer: (request: VenueRequest) => Receipt = () => ({ outcome: 'taken' });
  /** Whether it accepts an order, said beforehand; no unless the test says otherwise. */
  accepts: (order: VenueOrder) => boolean = () => false;
  #sink: VenueSink | undefined;

  constructor(venue: VenueId, able: Partial<VenueCapabilities> = {}) {
    this.venue = venue;
    this.capabilities = {
      timesInForce: ['day', 'gtc', 'gtd', 'ioc', 'fok'],
      ...{ replace: true, massCancel: false, allOrNone: true, minQuantity: true },
      depthLevels: 10,
      ...able,
    };
  }

  async start({ sink, openOrders, nextTradeNumber }: VenueStart): Promise<void> {
    this.#sink = sink;
    this.restored = openOrders;
    this.nextTradeNumber = nextTradeNumber;
    this.link = 'ready';
  }

  async submit(request: VenueRequest): Promise<Receipt> {
    this.requests.push(request);
    return this.answer(request);
  }

  /** What it says it lists. */
  listings: VenueListings = { outcome: 'told', listings: [], passedOver: 0 };

  async instruments(): Promise<VenueListings> {
    return this.listings;
  }

  async reconcile(): Promise<void> {}

  async stop(): Promise<void> {
    this.link = 'stopped';
  }

  /** New orders that were asked for, in order. */
  get entered(): VenueOrder[] {
    return this.requests.flatMap((request) => (request.kind === 'new' ? [request.order] : []));
  }

  async say(...events: VenueEvent[]): Promise<void> {
    if (!this.#sink) throw new CodedError('NOT_STARTED', 'The venue is not started.');
    await this.#sink.deliver(events);
  }

  /** The event of a trade in which the order took the venue's own flow. */
  trade(order: VenueOrder, tradeNumber: number, quantity: number): VenueEvent {
    const buying = order.side === 'buy';
    const execution: Execution = {
      venue: this.venue,
      executionId: `${this.venue}-${tradeNumber}`,
      tradeNumber,
      instrument: order.instrument,
      price: order.limitPrice,
      quantity,
      buyer: buying ? order.owner.account : FLOW_WALLET,
      seller: buying ? FLOW_WALLET : order.owner.account,
      homeVenue: order.homeVenue,
      executedAtMs: Date.now(),
    };
    const parties = {
      buyOrderId: buying ? order.orderId : undefined,
      sellOrderId: buying ? undefined : order.orderId,
    };
    return { kind: 'executed', execution, parties };
  }
}
