import net from 'node:net';
import type { Instrument, InstrumentId, Level } from '@stoa/schema';
import type { VenueDriver } from '../conformance/venue-bench.ts';
import type { EmbeddedVenue } from '../embedded/embedded-venue.ts';
import type { Delivery, SessionSettings } from '../fix/session/session-settings.ts';
import { fixField, fixMessage } from '../fix/testing/fix-text.ts';
import { readDecimal } from '../fix/wire/decimal-field.ts';
import type { FixFields } from '../fix/wire/fix-fields.ts';
import type { MessageWriter } from '../fix/wire/message-writer.ts';
import { TAG } from '../fix/wire/tags.ts';
import { readTimestamp, timestampText } from '../fix/wire/utc-timestamp.ts';
import type { VenueEvent, VenueOrder } from '../venue-adapter.ts';
import { FixPeerSession } from './fix-peer-session.ts';

/** An order as the venue's gateway knows it. */
interface PeerOrder {
  clientId: string;
  readonly engineId: string;
  readonly instrument: InstrumentId;
  readonly side: string;
  quantity: number;
  price: number;
  filled: number;
  status: string;
  cancelId?: string;
  replaceId?: string;
  statusAsked: number;
}

interface PeerFill {
  readonly order: PeerOrder;
  readonly executionId: string;
  readonly engineExecutionId: string;
  quantity: number;
  price: number;
}

export interface EmbeddedFixVenueOptions {
  readonly instrument: Instrument;
  readonly symbol: string;
  readonly engine: EmbeddedVenue;
  readonly settings: SessionSettings;
  readonly dropCopySettings?: SessionSettings;
  /** ExecTransType(20), fills as ExecType 1 and 2. */
  readonly isFix42: boolean;
  /** Where the drop copy carries the order's ClOrdID. */
  readonly dropCopyIdTag: number;
  readonly nowMs: () => number;
}

const TIMES = { '0': 'day', '1': 'gtc', '3': 'ioc', '4': 'fok', '6': 'gtd' } as const;
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
  #reports = 0;
  #unknownTags = false;
  #marketRequest: string | undefined;
  #told: { bids: readonly Level[]; offers: readonly Level[] } = { bids: [], offers: [] };
  #book: { bids: readonly Level[]; offers: readonly Level[] } = { bids: [], offers: [] };
  #sequence = 0;
  #status: { state: string; reason: string } = { state: 'trading', reason: 'opened' };
  #statusAsked = false;
  #loseMarketData = false;
  #next: { reject?: string; throttle?: boolean; silent?: boolean; fillFirst?: boolean } = {};
  #fillFirst: PeerOrder | undefined;
  #silent: PeerOrder | undefined;

  constructor(options: EmbeddedFixVenueOptions) {
    this.#options = options;
    const nowMs = (): number => options.nowMs() + this.#skewMs;
    const onMessage = (delivery: Delivery): void => this.#take(delivery);
    this.orders = new FixPeerSession(options.settings, { nowMs, onMessage });
    this.dropCopy =
      options.dropCopySettings &&
      new FixPeerSession(options.dropCopySettings, { nowMs, onMessage });
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
        for (const fill of this.#fills) this.#sendFill(fill, false);
      },
      resendLastExecution: () => {
        const last = this.#fills.at(-1);
        if (last !== undefined) this.#sendFill(last, true);
      },
      replayAsPossibleDuplicates: () => this.orders.repeat((one) => fixField(one, 35) === '8'),
      fillBeforeAccept: () => void (this.#next = { fillFirst: true }),
      rejectNextOddly: () => void (this.#next = { reject: '77' }),
      rejections: () => ({
        '0': 'VENUE_REJECTED',
        '1': 'UNKNOWN_INSTRUMENT',
        '2': 'CLOSED',
        '3': 'ORDER_LIMIT_EXCEEDED',
        '4': 'EXPIRED',
        '6': 'DUPLICATE_ORDER_ID',
        '11': 'ORDER_TERMS_INVALID',
        '13': 'QUANTITY_INVALID',
        '15': 'UNKNOWN_ACCOUNT',
        '16': 'PRICE_OUT_OF_BAND',
        '18': 'OFF_TICK',
        '99': 'VENUE_REJECTED',
        '4711': 'VENUE_REASON_4711',
      }),
      rejectNextWith: (code) => void (this.#next = { reject: code }),
      throttleNext: () => void (this.#next = { throttle: true }),
      loseNextAnswer: () => void (this.#next = { silent: true }),
      loseMarketData: () => void (this.#loseMarketData = true),
      restartVenue: () => {
        this.orders.restart();
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
      brokenAnswers: () => ['checksum', 'length', 'cut', 'empty tag'],
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
          for (const fill of this.#fills) this.#sendFill(fill, false, this.dropCopy);
        },
      }),
      addUnknownTags: () => void (this.#unknownTags = true),
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
      const isDropCopy = who === this.dropCopy?.settings.targetCompId;
      (isDropCopy ? this.dropCopy : this.orders)?.attach(socket, chunk);
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
    } else if (msgType === 'V') this.#subscribe(fields);
    else if (msgType === 'e') {
      this.#statusAsked = true;
      this.#sendStatus();
    }
  }

  #enter(fields: FixFields): void {
    const { instrument, symbol, engine } = this.#options;
    const clientId = fields.text(TAG.ClOrdID) ?? '';
    const next = this.#next;
    this.#next = {};
    const amount = (tag: number, decimals: number): number => {
      const index = fields.find(tag);
      const { starts, ends } = fields;
      return readDecimal(fields.bytes, starts[index] ?? 0, ends[index] ?? 0, decimals);
    };
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
      this.#sendReport(
        order,
        '8',
        (writer) => writer.text(TAG.OrdRejReason, next.reject ?? '1'),
        '8',
      );
      return;
    }
    if (this.#byClient.has(clientId)) {
      this.#sendReport(order, '8', (writer) => writer.text(TAG.OrdRejReason, '6'), '8');
      return;
    }
    if (next.fillFirst === true) this.#fillFirst = order;
    if (next.silent === true) this.#silent = order;
    this.#byClient.set(clientId, order);
    this.#byEngine.set(clientId, order);
    void engine.submit({ kind: 'new', order: this.#engineOrder(order, fields, amount) });
  }

  #engineOrder(
    order: PeerOrder,
    fields: FixFields,
    amount: (tag: number, decimals: number) => number,
  ): VenueOrder {
    const { quantityDecimals } = this.#options.instrument;
    const time = (fields.text(TAG.TimeInForce) ?? '0') as keyof typeof TIMES;
    const expires = readTimestamp(fields.text(TAG.ExpireTime) ?? '');
    const account = fields.text(TAG.Account) as `0x${string}`;
    return {
      ...{ orderId: order.engineId, instrument: order.instrument, homeVenue: 'peer' },
      side: order.side === '1' ? 'buy' : 'sell',
      ...{ timeInForce: TIMES[time], quantity: order.quantity, limitPrice: order.price },
      ...(expires !== undefined && { expireAtMs: expires }),
      ...(fields.text(TAG.ExecInst) === 'G' && { allOrNone: true }),
      ...(fields.has(TAG.MinQty) && { minQuantity: amount(TAG.MinQty, quantityDecimals) }),
      ...(fields.has(TAG.MaxFloor) && { displayQuantity: amount(TAG.MaxFloor, quantityDecimals) }),
      owner: { member: 'fix', account },
    };
  }

  #change(fields: FixFields, msgType: 'F' | 'G'): void {
    const { engine, instrument } = this.#options;
    const clientId = fields.text(TAG.ClOrdID) ?? '';
    const order = this.#byClient.get(fields.text(TAG.OrigClOrdID) ?? '');
    if (order === undefined) {
      this.#sendCancelReject(clientId, undefined, msgType, '1');
      return;
    }
    if (msgType === 'F') {
      order.cancelId = clientId;
      void engine.submit({ kind: 'cancel', orderId: order.engineId, instrument: instrument.id });
      return;
    }
    order.replaceId = clientId;
    const read = (tag: number, decimals: number): number => {
      const index = fields.find(tag);
      return readDecimal(
        fields.bytes,
        fields.starts[index] ?? 0,
        fields.ends[index] ?? 0,
        decimals,
      );
    };
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
      this.#sendReport(
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
    if (event.kind === 'book') this.#bookTold(event);
    else if (event.kind === 'print') this.#printTold(event);
    else if (event.kind === 'trading-status') {
      this.#status = event;
      if (this.#statusAsked) this.#sendStatus();
    } else if (event.kind === 'executed') this.#executed(event);
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
        else this.#sendReport(order, '0');
        return;
      case 'rejected':
        order.status = '8';
        this.#sendReport(order, '8', (writer) => {
          writer.text(TAG.OrdRejReason, REASONS[event.rejection.code] ?? '99');
          writer.text(TAG.Text, event.rejection.message);
        });
        return;
      case 'cancel-rejected':
        this.#sendCancelReject(order.cancelId ?? '', order, 'F', '0');
        return;
      case 'replaced': {
        const before = order.clientId;
        order.quantity = event.quantity;
        order.price = event.limitPrice;
        order.clientId = order.replaceId ?? before;
        this.#byClient.set(order.clientId, order);
        this.#sendReport(order, '5', (writer) => writer.text(TAG.OrigClOrdID, before));
        return;
      }
      case 'replace-rejected': {
        const done = event.rejection.code === 'TOO_LATE';
        this.#sendCancelReject(order.replaceId ?? '', order, 'G', done ? '0' : '99');
        return;
      }
      case 'done-for-day':
        order.status = '3';
        this.#sendReport(order, '3');
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
        this.#sendReport(order, asked ? 'I' : 'D');
      }
    }
  }

  #done(order: PeerOrder, state: 'filled' | 'canceled' | 'expired', reason: string): void {
    if (state === 'filled') return;
    order.status = state === 'canceled' ? '4' : 'C';
    const { cancelId, clientId } = order;
    const by = cancelId ?? clientId;
    this.#sendReport({ ...order, clientId: by }, order.status, (writer) => {
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
      this.#sendFill(fill, false);
      if (this.#fillFirst === order) {
        this.#fillFirst = undefined;
        this.#sendReport(order, '0');
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
      this.#sendReport(order, event.kind === 'busted' ? 'H' : 'G', (writer) => {
        writer.text(TAG.ExecRefID, executionId);
        this.#writeLast(writer, fill);
      });
    }
  }

  #sendFill(fill: PeerFill, possResend: boolean, session = this.orders): void {
    const { order, executionId } = fill;
    const isDropCopy = session !== this.orders;
    const report = (writer: MessageWriter): void => {
      if (possResend) writer.flag(TAG.PossResend, true);
      this.#writeReport(writer, order, this.#options.isFix42 ? order.status : 'F', executionId);
      this.#writeLast(writer, fill);
      if (isDropCopy) writer.text(this.#options.dropCopyIdTag, order.clientId);
      if (this.#unknownTags) {
        writer.int(TAG.NoContraBrokers, 1).text(TAG.ContraBroker, 'OTHER').text(9_001, 'what');
      }
    };
    session.send('8', report);
  }

  #writeLast(writer: MessageWriter, { quantity, price }: PeerFill): void {
    const { quantityDecimals, priceDecimals } = this.#options.instrument;
    writer.decimal(TAG.LastQty, quantity, quantityDecimals);
    writer.decimal(TAG.LastPx, price, priceDecimals);
  }

  #sendReport(
    order: PeerOrder,
    type: string,
    more?: (writer: MessageWriter) => unknown,
    status?: string,
  ): void {
    this.#reports += 1;
    const id = `R${this.#reports}`;
    this.orders.send('8', (writer) => {
      this.#writeReport(writer, order, type, type === 'I' ? '0' : id, status);
      more?.(writer);
    });
  }

  #writeReport(
    writer: MessageWriter,
    order: PeerOrder,
    type: string,
    executionId: string,
    status = order.status,
  ): void {
    const { isFix42, symbol, instrument, nowMs } = this.#options;
    const { quantityDecimals, priceDecimals } = instrument;
    writer.text(TAG.OrderID, order.engineId);
    writer.text(TAG.ClOrdID, order.clientId).text(TAG.ExecID, executionId);
    const transaction = { H: '1', G: '2', I: '3' }[type] ?? '0';
    if (isFix42) writer.text(TAG.ExecTransType, transaction);
    writer.text(TAG.ExecType, isFix42 && transaction !== '0' ? status : type);
    writer.text(TAG.OrdStatus, status).text(TAG.Symbol, symbol).text(TAG.Side, order.side);
    writer.decimal(TAG.OrderQty, order.quantity, quantityDecimals);
    writer.decimal(TAG.Price, order.price, priceDecimals);
    const ended = '2483C'.includes(status) && status !== '3';
    writer.decimal(TAG.LeavesQty, ended ? 0 : order.quantity - order.filled, quantityDecimals);
    writer.decimal(TAG.CumQty, order.filled, quantityDecimals).text(TAG.AvgPx, '0');
    writer.time(TAG.TransactTime, nowMs());
    if (this.#unknownTags) writer.text(9_000, 'nobody knows');
  }

  #sendCancelReject(
    clientId: string,
    order: PeerOrder | undefined,
    msgType: 'F' | 'G',
    reason: string,
  ): void {
    this.orders.send('9', (writer) => {
      writer.text(TAG.OrderID, order?.engineId ?? 'NONE').text(TAG.ClOrdID, clientId);
      writer.text(TAG.OrigClOrdID, order?.clientId ?? 'NONE');
      writer.text(TAG.OrdStatus, order?.status ?? '8');
      writer.text(TAG.CxlRejResponseTo, msgType === 'F' ? '1' : '2').text(TAG.CxlRejReason, reason);
    });
  }

  #subscribe(fields: FixFields): void {
    if (fields.text(TAG.SubscriptionRequestType) === '2') return;
    this.#marketRequest = fields.text(TAG.MDReqID);
    this.#told = this.#book;
    this.orders.send('W', (writer) => {
      const levels = [
        ...this.#book.bids.map((level) => ({ ...level, type: '0' })),
        ...this.#book.offers.map((level) => ({ ...level, type: '1' })),
      ];
      this.#writeMarketHead(writer);
      writer.text(TAG.Symbol, this.#options.symbol).int(TAG.RptSeq, this.#sequence);
      writer.int(TAG.NoMDEntries, levels.length);
      for (const { type, price, quantity } of levels) {
        writer.text(TAG.MDEntryType, type);
        this.#writeLevel(writer, price, quantity);
      }
    });
  }

  #writeMarketHead(writer: MessageWriter): void {
    writer.text(TAG.MDReqID, this.#marketRequest ?? '');
  }

  #writeLevel(writer: MessageWriter, price: number, quantity: number): void {
    const { quantityDecimals, priceDecimals } = this.#options.instrument;
    if (this.#unknownTags) writer.text(9_002, 'nobody knows');
    writer.decimal(TAG.MDEntryPx, price, priceDecimals);
    writer.decimal(TAG.MDEntrySize, quantity, quantityDecimals);
  }

  #bookTold(book: Extract<VenueEvent, { kind: 'book' }>): void {
    this.#book = book;
    if (this.#marketRequest === undefined) return;
    const changes = [
      ...changesOf('0', this.#told.bids, book.bids),
      ...changesOf('1', this.#told.offers, book.offers),
    ];
    this.#told = book;
    if (changes.length === 0) return;
    this.#sequence += 1;
    if (this.#loseMarketData) {
      this.#loseMarketData = false;
      return;
    }
    this.#sendChanges(changes);
  }

  #printTold(print: Extract<VenueEvent, { kind: 'print' }>): void {
    if (this.#marketRequest === undefined) return;
    this.#sequence += 1;
    const { executionId, price, quantity } = print;
    this.#sendChanges([{ action: '0', type: '2', price, quantity, id: executionId }]);
  }

  #sendChanges(changes: readonly Change[]): void {
    this.orders.send('X', (writer) => {
      this.#writeMarketHead(writer);
      writer.int(TAG.NoMDEntries, changes.length);
      for (const { action, type, price, quantity, id } of changes) {
        writer.text(TAG.MDUpdateAction, action).text(TAG.MDEntryType, type);
        if (id !== undefined) writer.text(TAG.MDEntryID, id);
        writer.text(TAG.Symbol, this.#options.symbol);
        this.#writeLevel(writer, price, quantity);
        writer.int(TAG.RptSeq, this.#sequence);
      }
    });
  }

  #sendStatus(): void {
    const { state, reason } = this.#status;
    this.orders.send('f', (writer) =>
      writer
        .text(TAG.Symbol, this.#options.symbol)
        .text(TAG.SecurityTradingStatus, state === 'trading' ? '17' : '2')
        .text(TAG.Text, reason),
    );
  }
}

interface Change {
  readonly action: '0' | '1' | '2';
  readonly type: string;
  readonly price: number;
  readonly quantity: number;
  readonly id?: string;
}

function changesOf(type: string, before: readonly Level[], after: readonly Level[]): Change[] {
  const old = new Map(before.map(({ price, quantity }) => [price, quantity]));
  const now = new Map(after.map(({ price, quantity }) => [price, quantity]));
  const gone = before.filter(({ price }) => !now.has(price));
  return [
    ...gone.map((level) => ({ action: '2', type, ...level }) as const),
    ...after
      .filter(({ price, quantity }) => old.get(price) !== quantity)
      .map((level) => ({ action: old.has(level.price) ? '1' : '0', type, ...level }) as const),
  ];
}

const FAULTS: Readonly<Record<string, (bytes: Buffer) => Buffer | undefined | 'cut'>> = {
  checksum: (bytes) =>
    Buffer.from(bytes.toString('latin1').replace(/10=\d{3}\x01$/, '10=000\x01'), 'latin1'),
  length: (bytes) =>
    Buffer.from(bytes.toString('latin1').replace(/\x019=\d+/, '\x019=7'), 'latin1'),
  cut: () => 'cut',
  'empty tag': () => undefined,
};
