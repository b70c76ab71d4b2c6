import { join } from 'node:path';
import {
  type BeginString,
  FixInitiator,
  type FixInitiatorOptions,
  type MessageWriter,
  SESSION_LIMITS,
  type SessionNotice,
  SessionRunner,
  type SessionSettings,
  SessionStore,
  TAG,
} from '@stoa/adapters';

/** A message that a member was told: the first value of each tag. */
export type Told = Readonly<Record<number, string>>;

export interface MemberClientOptions {
  readonly folder: string;
  readonly port: number;
  readonly compId?: string;
  readonly beginString?: BeginString;
  readonly settings?: Partial<SessionSettings>;
  readonly tls?: FixInitiatorOptions['tls'];
  readonly nowMs?: () => number;
  /** Told of each message in its turn; it is acknowledged when this returns. */
  readonly onMessage?: (told: Told) => void;
  /** Given what was noted beside the messages that were sent before. */
  readonly onNote?: (note: string) => void;
}

/** A member's own system, as far as a test needs one: an initiator that writes down what it is told. */
export class MemberClient {
  readonly told: Told[] = [];
  readonly notices: SessionNotice[] = [];
  readonly runner: SessionRunner;
  readonly #initiator: FixInitiator;
  readonly #waiting = new Set<() => void>();

  constructor(options: MemberClientOptions) {
    const {
      folder,
      port,
      compId = 'BROKER',
      beginString = 'FIX.4.4',
      tls,
      nowMs = Date.now,
    } = options;
    const store = new SessionStore({
      path: join(folder, `client-${compId}.log`),
      ...{ durability: 'page-cache', nowMs },
      onNote: (note) => options.onNote?.(note.toString('utf8')),
    });
    const settings: SessionSettings = {
      ...{ role: 'initiator', beginString, senderCompId: compId, targetCompId: 'ALPHA' },
      ...(beginString === 'FIXT.1.1' && { defaultApplVerId: '9' }),
      ...{ heartbeatSeconds: 30, resetOnLogon: false, maxClockSkewMs: 120_000 },
      ...{ resendChunk: 0, logonFields: [], password: 'open sesame', ...options.settings },
    };
    this.runner = new SessionRunner(settings, SESSION_LIMITS, {
      ...{ store, nowMs },
      onMessage: ({ fields, msgType, seq, possDup }) => {
        const told: Record<number, string> = { 35: msgType, 43: possDup ? 'Y' : 'N' };
        for (let index = 0; index < fields.count; index += 1) {
          told[fields.tags[index] as number] ??= fields.textAt(index);
        }
        this.told.push(told);
        options.onMessage?.(told);
        this.runner.acknowledge({ seq, numbering: this.runner.numbering });
        this.#look();
      },
      onEstablished: () => {
        this.#initiator.established();
        this.#look();
      },
      onDown: () => this.#look(),
      onNotice: (notice) => {
        this.notices.push(notice);
        this.#look();
      },
    });
    this.#initiator = new FixInitiator(
      {
        ...{ hosts: [{ host: '127.0.0.1', port }], firstRetryMs: 10, lastRetryMs: 100 },
        ...(tls && { tls }),
      },
      {
        ...{ runner: this.runner, begunAtMs: () => store.begunAtMs, nowMs },
        ...{ onConnecting: () => undefined, onConnected: () => undefined },
        onNotice: (notice) => {
          this.notices.push(notice);
          this.#look();
        },
      },
    );
  }

  start(): this {
    this.#initiator.start();
    return this;
  }

  /** NewOrderSingle(D): a day order to buy 100 at 10.00, and what the test wants otherwise. */
  enter(clOrdId: string, other: Readonly<Record<number, string>> = {}, note?: string): void {
    const fields = { 55: 'BOND', 54: '1', 38: '100', 40: '2', 44: '10.00', 59: '0', ...other };
    this.send('D', { 11: clOrdId, 1: 'HOUSE', ...fields, ...other }, note);
  }

  /** OrderCancelRequest(F). */
  cancel(clOrdId: string, origClOrdId: string): void {
    this.send('F', { 11: clOrdId, 41: origClOrdId, 55: 'BOND', 54: '1', 38: '100' });
  }

  /** OrderCancelReplaceRequest(G). */
  replace(clOrdId: string, origClOrdId: string, to: Readonly<Record<number, string>>): void {
    this.send('G', { 11: clOrdId, 41: origClOrdId, 55: 'BOND', 54: '1', 40: '2', ...to });
  }

  /** A message of these fields, with a TransactTime(60); an empty value leaves a field out. */
  send(msgType: string, fields: Readonly<Record<number, string>>, note?: string): void {
    const body = (writer: MessageWriter): void => {
      for (const [tag, value] of Object.entries(fields)) {
        if (value !== '') writer.text(Number(tag), value);
      }
      if (!(TAG.TransactTime in fields)) writer.time(TAG.TransactTime, Date.now());
    };
    this.runner.send(msgType, body, note === undefined ? undefined : Buffer.from(note, 'utf8'));
  }

  /** Resolves with what the test waits for, once it holds. */
  async until<T>(found: () => T | undefined | false, what: string): Promise<T> {
    const now = found();
    if (now !== undefined && now !== false) return now;
    return new Promise<T>((resolve, reject) => {
      const look = (): void => {
        const value = found();
        if (value === undefined || value === false) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(value);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const seen = JSON.stringify({ told: this.told.slice(-5), notices: this.notices }, null, 1);
        reject(new Error(`never came: ${what}; ${seen}`));
      }, 10_000);
      this.#waiting.add(look);
    });
  }

  /** The first message of a type in which these fields have these values. */
  report(fields: Readonly<Record<number, string>>): Promise<Told> {
    const fits = (one: Told): boolean =>
      Object.entries(fields).every(([tag, value]) => one[Number(tag)] === value);
    return this.until(() => this.told.find(fits), JSON.stringify(fields));
  }

  up(): Promise<true> {
    return this.until(() => this.runner.isUp || undefined, 'the logon');
  }

  async stop(): Promise<void> {
    await this.#initiator.stop();
    this.runner.close();
  }

  /** Cuts the connection and stops, as the end of the process would. */
  kill(): void {
    this.#initiator.abort();
    this.runner.close();
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}
