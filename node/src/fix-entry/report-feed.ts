import type { FixVersion, MessageWriter } from '@stoa/adapters';
import { type MemberId, TERMINAL_STATUSES } from '@stoa/schema';
import type { OrderFeed, OrderFeedEvent } from '../orders/blotter/order-feed.ts';
import type { EntryJournal } from './entry-journal.ts';
import type { EntrySymbols } from './entry-symbols.ts';
import { execIdOf, writeReport } from './report-writer.ts';
import type { ReportedOrder } from './reported-order.ts';
import type { ToldOrders } from './told-orders.ts';

export interface ReportFeedOptions {
  readonly member: MemberId;
  readonly version: FixVersion;
  readonly symbols: EntrySymbols;
  /** The member's own names of its wallets. */
  readonly accountNames: ReadonlyMap<string, string>;
}

export interface ReportFeedNeeds {
  readonly feed: Pick<OrderFeed, 'latest' | 'follow'>;
  readonly told: ToldOrders;
  readonly journal: EntryJournal;
  readonly note: (note: Buffer) => void;
  /** Sends a message; `note` is durable with it or neither is. */
  readonly send: (msgType: string, body: (writer: MessageWriter) => void, note: Buffer) => void;
}

/** The feed's place is noted at least so often, where nothing of it is told here. */
const NOTE_EVERY = 1_000;

/**
 * What becomes of a session's orders, told to its member: each event's reports once. The place in the
 * feed is written in one record with the report that was made from it, so that whoever is killed where,
 * the next start goes on behind the last report that was written.
 */
export class ReportFeed {
  readonly #options: ReportFeedOptions;
  readonly #needs: ReportFeedNeeds;
  readonly #waiting = new Set<() => void>();
  /** The event that was looked at last, whether or not it was this session's. */
  #seen = 0;
  #noted = 0;
  #begun: Promise<void> | undefined;

  constructor(options: ReportFeedOptions, needs: ReportFeedNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#seen = seenBy(needs.journal);
    this.#noted = this.#seen;
  }

  /** Resolves when it is known, and durable, where the feed of a new session begins: with what comes. */
  begin(): Promise<void> {
    this.#begun ??= this.#begin();
    return this.#begun;
  }

  async #begin(): Promise<void> {
    const { journal, feed, note } = this.#needs;
    if (journal.place !== undefined) return;
    const latest = await feed.latest(this.#options.member);
    note(journal.told({ feed: latest, part: 0 }));
    this.#seen = latest;
    this.#noted = latest;
  }

  /** Tells what happened since the last report and what happens, until the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    await this.begin();
    const { feed } = this.#needs;
    for await (const { sequence, event } of feed.follow(this.#options.member, this.#seen, signal)) {
      if (event) await this.#tell(sequence, event, signal);
      if (signal.aborted) return;
      for (const look of this.#waiting) look();
    }
  }

  /** An order of this session as its member was told of it, once that is all that has happened by now. */
  async current(orderId: string, signal: AbortSignal): Promise<ReportedOrder | undefined> {
    const latest = await this.#needs.feed.latest(this.#options.member);
    await this.#reached(latest, signal);
    return this.#needs.told.at(this.#seen, orderId);
  }

  /** Resolves when the member was told up to here, or will not be for now. */
  async #reached(sequence: number, signal: AbortSignal): Promise<void> {
    if (this.#seen >= sequence || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (this.#seen >= sequence || signal.aborted) resolve();
    };
    this.#waiting.add(look);
    signal.addEventListener('abort', look);
    await promise;
    signal.removeEventListener('abort', look);
    this.#waiting.delete(look);
  }

  async #tell(sequence: number, event: OrderFeedEvent, signal: AbortSignal): Promise<void> {
    const { told, journal, note, send } = this.#needs;
    const { version, accountNames, symbols } = this.#options;
    const reported = await told.after(sequence, event);
    if (signal.aborted) return;
    const reports = reported?.reports ?? [];
    const { place } = journal;
    const done = place?.feed === sequence ? place.part : 0;
    reports.slice(done).forEach((report, index) => {
      const part = done + index;
      const execId = execIdOf(report, event.orderSequence, part);
      const named = symbols.of(report.order.instrument);
      const terms = { ...named, version, accountNames, atMs: event.atMs };
      const isLast = part + 1 === reports.length;
      const place = journal.told({ feed: sequence, part: isLast ? 0 : part + 1 });
      const msgType = report.kind === 'execution' ? '8' : '9';
      send(msgType, (writer) => writeReport(writer, report, execId, terms), place);
    });
    if (reported) {
      told.told(event.orderId, reported.order);
      this.#noteEnd(reported.order);
    }
    this.#seen = sequence;
    if (reports.length > 0) this.#noted = sequence;
    if (sequence - this.#noted < NOTE_EVERY) return;
    note(journal.told({ feed: sequence, part: 0 }));
    this.#noted = sequence;
  }

  #noteEnd({ state, clientOrderId }: ReportedOrder): void {
    const { journal, note } = this.#needs;
    const root = journal.rootOf(clientOrderId);
    if (root !== undefined && TERMINAL_STATUSES.has(state.status)) note(journal.ended(root));
  }
}

/** The last event that was told whole. */
function seenBy({ place }: EntryJournal): number {
  if (place === undefined) return 0;
  return place.part === 0 ? place.feed : place.feed - 1;
}
