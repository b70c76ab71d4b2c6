import { join } from 'node:path';
import {
  type Delivery,
  SESSION_LIMITS,
  type SessionNotice,
  SessionRunner,
  type SessionSettings,
  SessionStore,
  windowAt,
} from '@stoa/adapters';
import type { DirectorySource, VenueId } from '@stoa/schema';
import type { OrderBlotter } from '../orders/blotter/order-blotter.ts';
import type { OrderFeed } from '../orders/blotter/order-feed.ts';
import type { OrderService } from '../orders/order-service.ts';
import { RateLimits } from '../orders/terms/rate-limit.ts';
import type { AuditLog } from '../records/audit/audit-log.ts';
import type { Database } from '../store/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { AuditedDesk } from './audited-desk.ts';
import { EntryJournal } from './entry-journal.ts';
import { type EntryMessage, keepMessage } from './entry-message.ts';
import type { EntrySessionOptions } from './entry-options.ts';
import type { EntrySymbols } from './entry-symbols.ts';
import { ReportFeed } from './report-feed.ts';
import { RequestDesk, type RequestDeskOptions } from './request-desk.ts';
import { RequestInbox } from './request-inbox.ts';
import { ToldOrders } from './told-orders.ts';

export interface MemberSessionOptions extends EntrySessionOptions {
  readonly venue: VenueId;
  /** The venue's company id. */
  readonly venueCompId: string;
  readonly symbols: EntrySymbols;
  /** Where its numbers and messages are kept. */
  readonly folder: string;
  readonly durability: 'page-cache' | 'fdatasync';
}

export interface MemberSessionNeeds {
  readonly database: Database;
  readonly orders: OrderService;
  readonly blotter: Pick<OrderBlotter, 'order'>;
  readonly feed: Pick<OrderFeed, 'latest' | 'follow'>;
  readonly directory: DirectorySource;
  readonly audit: Pick<AuditLog, 'failure' | 'mutation'>;
  readonly logger: Logger;
  readonly onNotice: (session: string, notice: SessionNotice) => void;
  /** A request was done, and answered at once where `answered` is a type of message. */
  readonly onRequest: (session: string, msgType: string, answered: string | undefined) => void;
  readonly nowMs: () => number;
}

/** A report is a few hundred bytes: so much unread is a member that does not read. */
const MAX_UNREAD_BYTES = 8 * 1_024 * 1_024;

/**
 * A member's order entry session: its requests go to the order desk one after the other, and what
 * becomes of its orders comes back as reports, each once.
 *
 * A request is acknowledged when what it asks for is durable. Its answer is written in one record with
 * the number of the request, as a report is with its place in the feed: who is killed between the two
 * answers neither twice nor never.
 */
export class MemberSession {
  readonly options: MemberSessionOptions;
  readonly runner: SessionRunner;
  readonly #needs: MemberSessionNeeds;
  readonly #journal = new EntryJournal();
  readonly #store: SessionStore;
  readonly #desk: AuditedDesk;
  readonly #reports: ReportFeed;
  readonly #inbox: RequestInbox;
  readonly #rate = new RateLimits();
  #connected = new AbortController();
  #following: Promise<void> = Promise.resolve();

  /** @throws CodedError `FIX_STORE_CORRUPT` */
  constructor(options: MemberSessionOptions, needs: MemberSessionNeeds) {
    this.options = options;
    this.#needs = needs;
    const { nowMs, database, orders, blotter, directory, feed } = needs;
    const { compId, folder, durability, member, version, symbols } = options;
    const journal = this.#journal;
    const note = (bytes: Buffer): void => this.#store.note(bytes);
    this.#store = new SessionStore({
      path: join(folder, `${encodeURIComponent(compId)}.log`),
      ...{ durability, nowMs, onNote: (bytes) => journal.read(bytes) },
      snapshot: () => journal.snapshot(),
    });
    this.#reports = new ReportFeed(
      { member, version, symbols, accountNames: accountNamesOf(options) },
      {
        ...{ feed, journal, note, told: new ToldOrders(database, (id) => journal.isOwn(id)) },
        send: (msgType, body, place) => this.runner.send(msgType, body, place),
      },
    );
    const desk = new RequestDesk(deskOptions(options), {
      ...{ orders, blotter, directory, nowMs, journal, note },
      synced: () => this.runner.synced(),
      told: (orderId) => this.#reports.current(orderId, this.#connected.signal),
    });
    this.#desk = new AuditedDesk({ member, compId, version }, { desk, audit: needs.audit, nowMs });
    this.#inbox = new RequestInbox({
      handle: (message) => this.#handle(message),
      onFault: (error, { msgType, seq }) => {
        needs.logger.error({ err: error, session: compId, msgType, seq }, 'FIX request failed');
      },
      pause: () => this.runner.pause(),
      resume: () => this.runner.resume(),
    });
    const limits = { ...SESSION_LIMITS, maxUnreadBytes: MAX_UNREAD_BYTES };
    this.runner = new SessionRunner(
      settingsOf(options),
      { ...limits, maxMessageBytes: options.maxMessageBytes },
      {
        ...{ store: this.#store, nowMs },
        onMessage: (delivery) => this.#take(delivery),
        onEstablished: () => this.#established(),
        onDown: () => this.#connected.abort(),
        onNotice: (notice) => needs.onNotice(compId, notice),
      },
    );
  }

  /** To be called before a connection is taken: numbers begin anew with each scheduled session. */
  open(): void {
    const { schedule } = this.options;
    const window = schedule && windowAt(schedule, this.#needs.nowMs());
    if (window && this.#store.begunAtMs < window.startMs) this.runner.reset();
  }

  /** To be called every second or so: ends the session with its hours. */
  tick(): void {
    const { schedule } = this.options;
    const isOver = schedule !== undefined && !windowAt(schedule, this.#needs.nowMs());
    if (isOver && this.runner.isUp) void this.runner.logout('The session ends');
  }

  /** Logs out, and ends; what was not yet done comes again with the next start. */
  async stop(): Promise<void> {
    await this.#inbox.stop();
    await this.runner.logout('The venue closes the session');
    await this.#following;
    this.runner.close();
  }

  #established(): void {
    const { orders, logger } = this.#needs;
    const { member, compId } = this.options;
    this.#connected = new AbortController();
    const { signal } = this.#connected;
    orders.streamOpened(member);
    signal.addEventListener('abort', () => orders.streamClosed(member));
    this.#following = this.#following.then(async () => {
      try {
        await this.#reports.follow(signal);
      } catch (error) {
        logger.error({ err: error, session: compId }, 'FIX reports failed');
        // The member must not take silence for nothing having happened.
        this.runner.cut();
      }
    });
  }

  #take({ fields, msgType, seq, possDup, possResend }: Delivery): void {
    const { compId, maxRequestsPerSecond } = this.options;
    const rate = { perSecond: maxRequestsPerSecond, burst: maxRequestsPerSecond };
    const isTooFast = this.#rate.take(compId, rate, this.#needs.nowMs()) > 0;
    const { numbering } = this.runner;
    const { begunAtMs } = this.#store;
    const about = { msgType, seq, possDup, possResend, isTooFast, numbering, begunAtMs };
    this.#inbox.add(keepMessage({ ...about, fields }));
  }

  async #handle(message: EntryMessage): Promise<void> {
    // The first of its orders must not be placed before it is known where its feed begins.
    await this.#reports.begin();
    const { msgType, seq, begunAtMs } = message;
    if (!this.#journal.isAnswered(seq, begunAtMs)) {
      const answer = isSaid(msgType) ? undefined : await this.#desk.answer(message);
      if (answer) {
        this.runner.send(answer.msgType, answer.body, this.#journal.answered(seq, begunAtMs));
      }
      this.#needs.onRequest(this.options.compId, msgType, answer?.msgType);
    }
    this.runner.acknowledge(message);
  }
}

/** A member's own Reject(3) or BusinessMessageReject(j) asks for nothing: the operator sees it. */
function isSaid(msgType: string): boolean {
  return msgType === '3' || msgType === 'j';
}

function deskOptions(options: MemberSessionOptions): RequestDeskOptions {
  const { member, venue, version, symbols, defaultAccount, cancelOnDisconnect } = options;
  const accounts = new Map(Object.entries(options.accounts));
  return {
    caller: { member, home: venue, scopes: new Set(['orders:read', 'orders:write']) },
    ...{ version, accountNames: accountNamesOf(options) },
    reading: { symbols, accounts, defaultAccount, cancelOnDisconnect },
  };
}

function accountNamesOf({ accounts }: MemberSessionOptions): ReadonlyMap<string, string> {
  return new Map(Object.entries(accounts).map(([name, wallet]) => [wallet.toLowerCase(), name]));
}

function settingsOf({
  version,
  venueCompId,
  compId,
  maxClockSkewMs,
}: MemberSessionOptions): SessionSettings {
  return {
    ...{ role: 'acceptor', senderCompId: venueCompId, targetCompId: compId, maxClockSkewMs },
    beginString: version === 'FIX.5.0SP2' ? 'FIXT.1.1' : version,
    // ApplVerID(1128) 9 is FIX 5.0 SP2.
    ...(version === 'FIX.5.0SP2' && { defaultApplVerId: '9' }),
    ...{ heartbeatSeconds: 30, resetOnLogon: false, resendChunk: 0, logonFields: [] },
  };
}
