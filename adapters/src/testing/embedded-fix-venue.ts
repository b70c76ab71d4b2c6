import net from 'node:net';
import type { Instrument } from '@stoa/schema';
import type { VenueDriver } from '../conformance/venue-bench.ts';
import type { EmbeddedVenue } from '../embedded/embedded-venue.ts';
import type { Delivery, SessionSettings } from '../fix/session/session-settings.ts';
import { fixField, fixMessage } from '../fix/testing/fix-text.ts';
import type { FixFields } from '../fix/wire/fix-fields.ts';
import { TAG } from '../fix/wire/tags.ts';
import { timestampText } from '../fix/wire/utc-timestamp.ts';
import type { VenueEvent } from '../venue-adapter.ts';
import { FAULTS, REJECTIONS } from './fix-faults.ts';
import { FixMarketFeed } from './fix-market-feed.ts';
import { amounts, readOrder } from './fix-order-reader.ts';
import { FixPeerSession } from './fix-peer-session.ts';
import { FixReports, type PeerFill, type PeerOrder } from './fix-reports.ts';
import { FixSecurityList } from './fix-security-list.ts';

export interface EmbeddedFixVenueOptions {
  readonly instrument: Instrument;
  readonly symbol: string;
  readonly engine: EmbeddedVenue;
  readonly settings: SessionSettings;
  /** Absent: market data goes over the order session. */
  readonly marketSettings?: SessionSettings;
  readonly dropCopySettings?: SessionSettings;
  /** ExecTransType(20), fills as ExecType 1 and 2. */
  readonly isFix42: boolean;
  /** Where the drop copy carries the order's ClOrdID. */
  readonly dropCopyIdTag: number;
  readonly nowMs: () => number;
}

const REASONS: Readonly<Record<string, string>> = {
  UNKNOWN_INSTRUMENT: '1',
  HALTED: '2',
  CLOSED: '2',
  EXPIRED: '4',
  DUPLICATE_ORDER_ID: '6',
  ORDER_TERMS_INVALID: '11',
  AUCTION: '11',
  QUANTITY_INVALID: '13',
  OFF_TICK: '18',
};

/**
 * A venue that speaks FIX over a real socket: the project's engine behind a gateway that turns requests
 * into its operations and its events into reports, and that a test can make say wrong things.
 */
export class EmbeddedFixVenue {
  readonly orders: FixPeerSession;
  readonly market: FixPeerSession;
  readonly dropCopy: FixPeerSession | undefined;
  readonly #options: EmbeddedFixVenueOptions;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #byClient = new Map<string, PeerOrder>();
  readonly #byEngine = new Map<string, PeerOrder>();
  readonly #fills: PeerFill[] = [];
  readonly #running = new AbortController();
  #accepting = true;
  #skewMs = 0;
  readonly #feed: FixMarketFeed;
  readonly #reports: FixReports;
  readonly #list: FixSecurityList;
  #next: { reject?: string; throttle?: boolean; silent?: boolean; fillFirst?: boolean } = {};
  #fillFirst: PeerOrder | undefined;
  #silent: PeerOrder | undefined;

  constructor(options: EmbeddedFixVenueOptions) {
    this.#options = options;
    const nowMs = (): number => options.nowMs() + this.#skewMs;
    const onMessage = (delivery: Delivery): void => this.#take(delivery);
    this.orders = new FixPeerSession(options.settings, { nowMs, onMessage });
    this.market =
      options.marketSettings === undefined
        ? this.orders
        : new FixPeerSession(options.marketSettings, { nowMs, onMessage });
    this.dropCopy =
      options.dropCopySettings &&
      new FixPeerSession(options.dropCopySettings, { nowMs, onMessage });
    this.#feed = new FixMarketFeed(this.market, options.symbol, options.instrument);
    this.#reports = new FixReports(this.orders, options);
    this.#list = new FixSecurityList(this.market, options);
    this.#server = net.createServer((socket) => this.#greet(socket));
  }

  /** Starts engine and gateway; answers the port. */
  async listen(): Promise<number> {
    await this.#options.engine.start({
      sink: { deliver: async (events) => events.forEach((event) => this.#event(event)) },
      ...{ openOrders: [], nextTradeNumber: 1, signal: this.#running.signal },
    });
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as net.AddressInfo).port;
  }

  /**
   * Resolves when everything that the engine did is told and taken in: a clock that is moved by hours
   * would make of what is on its way something that was sent hours ago.
   */
  async settle(): Promise<void> {
    await this.#options.engine.reconcile();
    await this.orders.settle();
    await this.market.settle();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#options.engine.stop();
    this.#running.abort();
  }

  /** What a test can make of it. */
  driver(): VenueDriver {
    const { engine, instrument } = this.#options;
    return {
      halt: () => engine.halt(instrument.id, 'news'),
      resume: () => engine.resume(instrument.id, 'news is out'),
      cancelUnasked: async (orderId) => {
        await engine.cancel(this.#byClient.get(orderId)?.engineId ?? '', 'surveillance');
      },
      bust: async (executionId) => {
        await engine.bust(this.#engineExecution(executionId), 'clearly erroneous');
      },
      correct: async (executionId, to) => {
        await engine.correct(this.#engineExecution(executionId), to);
      },
      repeatExecutions: () => {
        for (const fill of this.#fills) this.#reports.fill(fill, false);
      },
      resendLastExecution: () => {
        const last = this.#fills.at(-1);
        if (last !== undefined) this.#reports.fill(last, true);
      },
      replayAsPossibleDuplicates: () => this.orders.repeat((one) => fixField(one, 35) === '8'),
      fillBeforeAccept: () => void (this.#next = { fillFirst: true }),
      rejectNextOddly: () => void (this.#next = { reject: '77' }),
      rejections: () => REJECTIONS,
      rejectNextWith: (code) => void (this.#next = { reject: code }),
      throttleNext: () => void (this.#next = { throttle: true }),
      loseNextAnswer: () => void (this.#next = { silent: true }),
      oddList: () => void (this.#list.isOdd = true),
      loseMarketData: () => void (this.#feed.losesNext = true),
      restartVenue: () => {
        this.orders.restart();
        if (this.market !== this.orders) this.market.restart();
        this.dropCopy?.restart();
      },
      dropLink: () => {
        this.#accepting = false;
        for (const socket of this.#sockets) socket.destroy();
      },
      restoreLink: () => void (this.#accepting = true),
      cancelsOnDisconnect: () => false,
      garble: () =>
        this.orders.write(Buffer.from('8=FIX.4.4\x019=12\x0135=8\x01garbage\x0110=000\x01')),
      brokenAnswers: () => ['checksum', 'length', 'cut'],
      breakNextAnswer: (how) => void (this.orders.nextFault = FAULTS[how]),
      loginElsewhere: () =>
        this.orders.session.logout(this.#options.nowMs(), 'Logged on elsewhere'),
      skewClock: (byMs) => {
        this.#skewMs = byMs;
        this.orders.send('B', (writer) => writer.text(148, 'what time is it'));
      },
      loseNextMessage: () => void (this.orders.nextFault = () => undefined),
      askForResend: () => {
        if (!this.orders.isUp) throw new Error('nobody is logged on');
        this.orders.send('2', (writer) => writer.int(TAG.BeginSeqNo, 1).int(TAG.EndSeqNo, 0));
      },
      sendLowSequence: () => {
        const { session } = this.orders;
        const text = `35=0|34=1|49=${session.settings.senderCompId}|56=${session.settings.targetCompId}`;
        const time = timestampText(this.#options.nowMs());
        this.orders.write(fixMessage(`${text}|52=${time}`, session.settings.beginString));
      },
      resetSequence: () =>
        this.orders.session.skipTo(this.orders.session.nextOut + 50, this.#options.nowMs()),
      ...(this.dropCopy !== undefined && {
        tellOnDropCopy: () => {
          for (const fill of this.#fills) this.#reports.fill(fill, false, this.dropCopy);
        },
      }),
      addUnknownTags: () => {
        this.#feed.unknownTags = true;
        this.#reports.unknownTags = true;
      },
    };
  }

  #engineExecution(executionId: string): string {
    return this.#fills.find((fill) => fill.executionId === executionId)?.engineExecutionId ?? '';
  }

  #greet(socket: net.Socket): void {
    if (!this.#accepting) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.once('data', (chunk: Buffer) => {
      const who = fixField(chunk.toString('latin1').replaceAll('\x01', '|'), 49);
      const named = [this.dropCopy, this.market].find((one) => one?.settings.targetCompId === who);
      (named ?? this.orders).attach(socket, chunk);
    });
  }

  #take({ fields, msgType }: Delivery): void {
    if (msgType === 'D') this.#enter(fields);
    else if (msgType === 'F' || msgType === 'G') this.#change(fields, msgType);
    else if (msgType === 'H') this.#askStatus(fields.text(TAG.ClOrdID) ?? '');
    else if (msgType === 'q') {
      const one = fields.text(TAG.MassCancelRequestType) === '1';
      void this.#options.engine.submit({
        kind: 'mass-cancel',
        ...(one && { instrument: this.#options.instrument.id }),
      });
    } else if (msgType === 'AF') {
      for (const order of this.#byEngine.values()) this.#askStatus(order.clientId);
    } else if (msgType === 'V') this.#feed.subscribe(fields);
    else if (msgType === 'e') this.#feed.askStatus();
    else if (msgType === 'x' || msgType === 'c') this.#list.answer(fields, msgType);
  }

  #enter(fields: FixFields): void {
    const { instrument, symbol, engine } = this.#options;
    const clientId = fields.text(TAG.ClOrdID) ?? '';
    const next = this.#next;
    this.#next = {};
    const amount = amounts(fields);
    const order: PeerOrder = {
      ...{ clientId, engineId: clientId, instrument: instrument.id, statusAsked: 0 },
      side: fields.text(TAG.Side) ?? '1',
      quantity: amount(TAG.OrderQty, instrument.quantityDecimals),
      price: amount(TAG.Price, instrument.priceDecimals),
      ...{ filled: 0, status: 'A' },
    };
    if (next.throttle === true) {
      this.orders.send('j', (writer) =>
        writer.text(TAG.RefMsgType, 'D').text(TAG.BusinessRejectRefID, clientId).int(380, 8),
      );
      return;
    }
    if (next.reject !== undefined || fields.text(TAG.Symbol) !== symbol) {
      this.#reports.report(
        order,
        '8',
        (writer) => writer.text(TAG.OrdRejReason, next.reject ?? '1'),
        '8',
      );
      return;
    }
    if (this.#byClient.has(clientId)) {
      this.#reports.report(order, '8', (writer) => writer.text(TAG.OrdRejReason, '6'), '8');
      return;
    }
    if (next.fillFirst === true) this.#fillFirst = order;
    if (next.silent === true) this.#silent = order;
    this.#byClient.set(clientId, order);
    this.#byEngine.set(clientId, order);
    void engine.submit({ kind: 'new', order: readOrder(order, fields, instrument) });
  }

  #change(fields: FixFields, msgType: 'F' | 'G'): void {
    const { engine, instrument } = this.#options;
    const clientId = fields.text(TAG.ClOrdID) ?? '';
    const order = this.#byClient.get(fields.text(TAG.OrigClOrdID) ?? '');
    if (order === undefined) {
      this.#reports.cancelReject(clientId, undefined, msgType, '1');
      return;
    }
    if (msgType === 'F') {
      order.cancelId = clientId;
      void engine.submit({ kind: 'cancel', orderId: order.engineId, instrument: instrument.id });
      return;
    }
    order.replaceId = clientId;
    const read = amounts(fields);
    const quantity = read(TAG.OrderQty, instrument.quantityDecimals);
    const limitPrice = read(TAG.Price, instrument.priceDecimals);
    const { engineId: orderId } = order;
    void engine.submit({
      kind: 'replace',
      orderId,
      instrument: instrument.id,
      quantity,
      limitPrice,
    });
  }

  #askStatus(clientId: string): void {
    const order = this.#byClient.get(clientId);
    const { engine, instrument } = this.#options;
    if (order === undefined) {
      const side = '1';
      const unknown = { clientId, side, quantity: 0, price: 0, filled: 0, status: '8' };
      this.#reports.report(
        { ...unknown, engineId: 'NONE', instrument: instrument.id, statusAsked: 0 },
        'I',
        (writer) => writer.text(TAG.OrdRejReason, '5'),
        '8',
      );
      return;
    }
    order.statusAsked += 1;
    void engine.submit({ kind: 'status', orderId: order.engineId, instrument: instrument.id });
  }

  #event(event: VenueEvent): void {
    if (event.kind === 'book') this.#feed.book(event);
    else if (event.kind === 'print') this.#feed.print(event);
    else if (event.kind === 'trading-status') this.#feed.status(event);
    else if (event.kind === 'executed') this.#executed(event);
    else if (event.kind === 'busted' || event.kind === 'corrected') this.#tradeChanged(event);
    else if ('orderId' in event) {
      const order = this.#byEngine.get(event.orderId);
      if (order !== undefined) this.#orderEvent(order, event);
    }
  }

  #orderEvent(order: PeerOrder, event: Extract<VenueEvent, { readonly orderId: string }>): void {
    switch (event.kind) {
      case 'accepted':
        order.status = '0';
        if (this.#fillFirst === order) return;
        if (this.#silent === order) this.#silent = undefined;
        else this.#reports.report(order, '0');
        return;
      case 'rejected':
        order.status = '8';
        this.#reports.report(order, '8', (writer) => {
          writer.text(TAG.OrdRejReason, REASONS[event.rejection.code] ?? '99');
          writer.text(TAG.Text, event.rejection.message);
        });
        return;
      case 'cancel-rejected':
        this.#reports.cancelReject(order.cancelId ?? '', order, 'F', '0');
        return;
      case 'replaced': {
        const before = order.clientId;
        order.quantity = event.quantity;
        order.price = event.limitPrice;
        order.clientId = order.replaceId ?? before;
        this.#byClient.set(order.clientId, order);
        this.#reports.report(order, '5', (writer) => writer.text(TAG.OrigClOrdID, before));
        return;
      }
      case 'replace-rejected': {
        const done = event.rejection.code === 'TOO_LATE';
        this.#reports.cancelReject(order.replaceId ?? '', order, 'G', done ? '0' : '99');
        return;
      }
      case 'done-for-day':
        order.status = '3';
        this.#reports.report(order, '3');
        return;
      case 'done':
        this.#done(order, event.state, event.reason);
        return;
      case 'order-status': {
        const asked = order.statusAsked > 0;
        if (asked) order.statusAsked -= 1;
        if (!asked) order.status = order.filled > 0 ? '1' : '0';
        order.filled = event.filled;
        if (asked && order.status === '1' && order.filled === 0) order.status = '0';
        this.#reports.report(order, asked ? 'I' : 'D');
      }
    }
  }

  #done(order: PeerOrder, state: 'filled' | 'canceled' | 'expired', reason: string): void {
    if (state === 'filled') return;
    order.status = state === 'canceled' ? '4' : 'C';
    const { cancelId, clientId } = order;
    const by = cancelId ?? clientId;
    this.#reports.report({ ...order, clientId: by }, order.status, (writer) => {
      if (by !== clientId) writer.text(TAG.OrigClOrdID, clientId);
      writer.text(TAG.Text, reason);
    });
  }

  #executed({ execution, parties }: Extract<VenueEvent, { kind: 'executed' }>): void {
    const { executionId: engineExecutionId, quantity, price } = execution;
    for (const [suffix, id] of [
      ['B', parties.buyOrderId],
      ['S', parties.sellOrderId],
    ] as const) {
      const order = this.#byEngine.get(id ?? '');
      if (order === undefined) continue;
      order.filled += quantity;
      order.status = order.filled === order.quantity ? '2' : '1';
      const executionId = `${engineExecutionId}-${suffix}`;
      const fill = { order, executionId, engineExecutionId, quantity, price };
      this.#fills.push(fill);
      this.#reports.fill(fill, false);
      if (this.#fillFirst === order) {
        this.#fillFirst = undefined;
        this.#reports.report(order, '0');
      }
    }
  }

  #tradeChanged(event: Extract<VenueEvent, { kind: 'busted' | 'corrected' }>): void {
    const id = event.kind === 'busted' ? event.executionId : event.execution.executionId;
    for (const fill of this.#fills.filter(({ engineExecutionId }) => engineExecutionId === id)) {
      const { order, executionId } = fill;
      const before = fill.quantity;
      if (event.kind === 'corrected') {
        fill.quantity = event.execution.quantity;
        fill.price = event.execution.price;
        order.filled += fill.quantity - before;
      } else order.filled -= before;
      if (order.status === '1' && order.filled === 0) order.status = '0';
      this.#reports.report(order, event.kind === 'busted' ? 'H' : 'G', (writer) => {
        writer.text(TAG.ExecRefID, executionId);
        this.#reports.writeLast(writer, fill);
      });
    }
  }
}
