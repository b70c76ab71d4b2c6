import { setImmediate } from 'node:timers/promises';
import type { MemberId, OrderMessage } from '@stoa/schema';
import type { Database, Transaction } from '../../store/database.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { NoteStage } from '../order-stages.ts';
import type { CrashPoint } from './crash-points.ts';
import type { CheckedMessage } from './session-message-check.ts';
import type { SessionPeer } from './session-peer.ts';
import { readReceived, recordReceived } from './session-store.ts';

/** A message of a peer. `sentAtMs` is by our clock, as well as that can be told. */
export interface ReceivedMessage extends Pick<OrderMessage, 'body' | 'sentAtMs'> {
  /** The SignedOrderMessage without its place: the proof that the peer said it. */
  readonly signed: Uint8Array;
}

/** A message that came, at its place. */
export interface ArrivedMessage extends CheckedMessage {
  /** Whether nobody waits for its recording, which can be that of what follows on it. */
  readonly canWait: boolean;
}

/** One that waits to be recorded. */
interface WaitingMessage extends Omit<ArrivedMessage, 'canWait'> {
  readonly arrivedMs: number;
}

/**
 * Applies the effects of messages, in order, within the transaction that records them as received.
 * What it returns is run after the commit.
 */
export type SessionHandler = (
  tx: Transaction,
  from: MemberId,
  messages: readonly ReceivedMessage[],
) => Promise<(() => void) | undefined>;

export interface PeerInboxNeeds {
  readonly database: Database;
  readonly logger: Logger;
  /** Undefined once the session takes no more. */
  readonly handler: () => SessionHandler | undefined;
  readonly stage: NoteStage;
  readonly crashPoint?: CrashPoint | undefined;
  /** Told of each commit. */
  readonly onRecorded: () => void;
  /**
   * So long a message that can wait does so for what follows on it, such as an order's fills; default
   * 10 ms.
   */
  readonly followedWithinMs?: number;
}

/** Messages that are recorded in one transaction, at most; beyond it the peer's link waits. */
const MOST_AT_ONCE = 64;

/**
 * What arrived from one peer, in order, and is not recorded yet. While one transaction runs the next
 * messages gather, and the transaction after it takes them together: so the cost of a commit is
 * shared exactly when there is much to do.
 */
export class PeerInbox {
  readonly #peer: SessionPeer;
  readonly #needs: PeerInboxNeeds;
  readonly #waiting: WaitingMessage[] = [];
  #recording: Promise<void> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Ends the wait for what follows on a message. */
  #followed: (() => void) | undefined;

  constructor(peer: SessionPeer, needs: PeerInboxNeeds) {
    this.#peer = peer;
    this.#needs = needs;
  }

  /** Takes the message that follows on the last one; resolves when there is room for another. */
  async add({ canWait, ...arrived }: ArrivedMessage): Promise<void> {
    // At once, whatever is awaited below: who sends it again, over another link, is not heard twice.
    this.#peer.taken = arrived.message.number;
    this.#waiting.push({ ...arrived, arrivedMs: performance.now() });
    this.#recording ??= this.#recordAll(canWait);
    if (!canWait || this.#waiting.length >= MOST_AT_ONCE) this.#followed?.();
    while (this.#waiting.length >= MOST_AT_ONCE) await this.#turn;
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#recording;
  }

  async #recordAll(canWait: boolean): Promise<void> {
    if (canWait) {
      this.#turn = this.#follow();
      await this.#turn;
    }
    while (this.#waiting.length > 0) {
      const turn = this.#recordNext();
      this.#turn = turn;
      await turn;
    }
    this.#recording = undefined;
  }

  /** What can wait shares its commit with the next messages; and who was answered by it hears first. */
  async #follow(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#followed = resolve;
    const timer = setTimeout(resolve, this.#needs.followedWithinMs ?? 10);
    await promise;
    clearTimeout(timer);
    this.#followed = undefined;
    // What came in one piece with what ended the wait is checked a message a turn.
    await setImmediate();
    await setImmediate();
  }

  /** All together; if that fails one by one, so that one that cannot be recorded stops none before it. */
  async #recordNext(): Promise<void> {
    let messages: readonly WaitingMessage[] = [];
    const take = (): readonly WaitingMessage[] => {
      messages = this.#waiting.splice(0, MOST_AT_ONCE);
      return messages;
    };
    if (await this.#record(take)) return;
    // Without a transaction nothing was taken.
    if (messages.length === 0) take();
    for (const message of messages.length > 1 ? messages : []) {
      if (!(await this.#record(() => [message]))) break;
    }
    if (this.#peer.received === messages.at(-1)?.message.number) return;
    // The peer sends everything again that follows on what is recorded.
    this.#waiting.length = 0;
    this.#peer.taken = this.#peer.received;
  }

  /** A connection that breaks while it commits leaves open whether it did: the store knows. */
  async #readBack(): Promise<void> {
    const { database, logger } = this.#needs;
    const { member } = this.#peer;
    try {
      this.#peer.received = Math.max(this.#peer.received, await readReceived(database, member));
    } catch (error) {
      logger.warn({ err: error, member }, 'order inbox not read');
    }
  }

  /**
   * Effects and numbers are recorded together, or neither is. What is recorded is taken when the
   * transaction is open: what a peer sends in one go is then there, and stays together.
   */
  async #record(take: () => readonly WaitingMessage[]): Promise<boolean> {
    const handler = this.#needs.handler();
    if (!handler) return false;
    const { crashPoint } = this.#needs;
    let messages: readonly WaitingMessage[] = [];
    let after: (() => void) | undefined;
    try {
      await this.#needs.database.transaction(async (tx) => {
        messages = take();
        after = await this.#apply(tx, handler, messages);
        crashPoint?.('before-commit');
      });
      crashPoint?.('after-commit');
      this.#peer.received = lastOf(messages);
    } catch (error) {
      const { member } = this.#peer;
      const fields = { err: error, member, first: messages[0]?.message.number };
      this.#needs.logger.error(
        { ...fields, last: lastOf(messages) },
        'order messages not recorded',
      );
      await this.#readBack();
      if (messages.length === 0 || this.#peer.received < lastOf(messages)) return false;
    }
    for (const { message, arrivedMs } of messages) {
      const { kind } = message.body;
      if (kind === 'leg-new') this.#needs.stage('leg-taken', arrivedMs);
      else if (kind === 'leg-accepted') this.#needs.stage('report-taken', arrivedMs);
    }
    this.#peer.owed += messages.length;
    this.#needs.onRecorded();
    after?.();
    return true;
  }

  async #apply(
    tx: Transaction,
    handler: SessionHandler,
    messages: readonly WaitingMessage[],
  ): Promise<(() => void) | undefined> {
    const { member, behindMs = 0 } = this.#peer;
    const { crashPoint } = this.#needs;
    // An acknowledgement with a number says nothing: it stands where nothing was ever committed.
    const ours = messages
      .filter(({ message: { body } }) => body.kind !== 'acknowledge')
      .map(
        ({ message: { body, sentAtMs }, signed }): ReceivedMessage => ({
          ...{ body, sentAtMs: sentAtMs + behindMs, signed },
        }),
      );
    crashPoint?.('before-record');
    const first = messages[0]?.message.number ?? 0;
    recordReceived(tx, member, first, lastOf(messages));
    const after = ours.length > 0 ? await handler(tx, member, ours) : undefined;
    crashPoint?.('after-record');
    return after;
  }
}

function lastOf(messages: readonly WaitingMessage[]): number {
  return messages.at(-1)?.message.number ?? 0;
}
