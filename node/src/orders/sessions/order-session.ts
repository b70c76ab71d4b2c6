import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import {
  type DirectorySource,
  isRefusal,
  type MemberId,
  type NodeKey,
  type OrderMessage,
  type OrderMessageBody,
  PLACE_SALT_BYTES,
} from '@stoa/schema';
import type { SQL } from 'drizzle-orm';
import type { Registry } from 'prom-client';
import type { OrderLinks } from '../../network/order-links.ts';
import type { Database, Transaction } from '../../store/database.ts';
import { type TransactionEnd, whenEnded } from '../../store/transactions.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type NoteStage, orderStages } from '../order-stages.ts';
import type { VenueTermsExchange } from '../terms/venue-terms-exchange.ts';
import type { CrashPoint } from './crash-points.ts';
import { PeerInbox, type SessionHandler } from './peer-inbox.ts';
import { createMessageCheck } from './session-message-check.ts';
import { createSessionMetrics, type SessionMetrics } from './session-metrics.ts';
import {
  newPeer,
  noteCommitted,
  type SessionPeer,
  type SessionStanding,
  standingOf,
} from './session-peer.ts';
import {
  addToOutbox,
  fillOutbox,
  type NumberedMessage,
  pruneOutbox,
  readOutbox,
  readSessions,
  type WrittenMessage,
} from './session-store.ts';
import { signMessage } from './sign-message.ts';

export interface OrderSessionOptions {
  readonly self: MemberId;
  /** How often what is due is looked after. */
  readonly tickMs?: number;
  /** After this long without an acknowledgement, messages go out again; hellos too. */
  readonly resendAfterMs?: number;
}

export interface OrderSessionNeeds {
  readonly database: Database;
  readonly links: OrderLinks;
  readonly nodeKey: NodeKey;
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly nowMs: () => number;
  /** Told on every link; undefined for a member that is no venue. */
  readonly terms?: Pick<VenueTermsExchange, 'own' | 'take'>;
  /** Hides places in the session from whoever is shown a message; default: random bytes. */
  readonly newSalt?: () => Uint8Array;
  /** Undefined: nothing crashes on purpose. */
  readonly crashPoint?: CrashPoint | undefined;
}

/** Sessions with all other members' nodes: whatever is sent takes effect there exactly once, in order. */
export interface OrderSessions {
  /**
   * Writes messages into the outbox, numbered and signed, in the transaction that makes them true;
   * they leave with its commit. What they are about must be held by it, or be new: so their order is
   * that in which it came about.
   */
  send(tx: Transaction, to: MemberId, ...bodies: readonly OrderMessageBody[]): void;
  /** The same of one message, which is written only where the condition holds when it would be. */
  sendIf(tx: Transaction, to: MemberId, condition: SQL, body: OrderMessageBody): void;
  /** Where each session stands. */
  standings(): readonly SessionStanding[];
  /** Whether a link to the member stands. */
  isUp(member: MemberId): boolean;
  /** Told when a link came up or went down, after the session took note. */
  onLink(listener: (member: MemberId, up: boolean) => void): void;
  /**
   * Sets who is told of each message that is proven and the next in order, before it is recorded. It
   * can still be that a crash forgets it; then the peer says it again. Where the listener says that the
   * recording can wait, an answer goes out first, and what follows at once is recorded with it.
   */
  onHeard(listener: (member: MemberId, body: OrderMessageBody) => boolean): void;
  start(handler: SessionHandler): void;
  stop(): Promise<void>;
}

/** Messages sent and not yet acknowledged, at most. */
const WINDOW = 256;
const BATCH = 64;
/** Messages received before they are acknowledged without waiting for the tick. */
const ACKNOWLEDGE_EVERY = 32;
const PRUNE_EVERY_MS = 1_000;
const ASK_AGAIN_EVERY_MS = 200;

/**
 * Opens the sessions where they stood: from then on messages can be written, which go out with
 * `start`. Nothing is taken before it.
 */
export async function openOrderSessions(
  options: OrderSessionOptions,
  needs: OrderSessionNeeds,
): Promise<OrderSessions> {
  const sessions = new Sessions(options, needs);
  await sessions.open();
  return sessions;
}

class Sessions implements OrderSessions {
  readonly #self: MemberId;
  readonly #tickMs: number;
  readonly #resendAfterMs: number;
  readonly #needs: OrderSessionNeeds;
  readonly #check: ReturnType<typeof createMessageCheck>;
  readonly #peers = new Map<MemberId, SessionPeer>();
  readonly #inboxes = new Map<MemberId, PeerInbox>();
  readonly #listeners: ((member: MemberId, up: boolean) => void)[] = [];
  readonly #receiving = new Set<Promise<void>>();
  readonly #metrics: SessionMetrics;
  readonly #stage: NoteStage;
  #heard: ((member: MemberId, body: OrderMessageBody) => boolean) | undefined;
  #handler: SessionHandler | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: OrderSessionOptions, needs: OrderSessionNeeds) {
    this.#self = options.self;
    this.#tickMs = options.tickMs ?? 50;
    this.#resendAfterMs = options.resendAfterMs ?? 1_000;
    this.#needs = needs;
    this.#check = createMessageCheck(options.self, needs.directory);
    this.#stage = orderStages(needs.metrics);
    this.#metrics = createSessionMetrics(needs.metrics, () =>
      [...this.#peers.values()].reduce((sum, peer) => sum + peer.sent - peer.acknowledged, 0),
    );
  }

  send(tx: Transaction, to: MemberId, ...bodies: readonly OrderMessageBody[]): void {
    if (bodies.length === 0) return;
    const peer = this.#peer(to);
    const messages = bodies.map((body) => this.#numbered(peer, body));
    whenEnded(tx, (end) => this.#written(peer, messages, end));
    addToOutbox(tx, to, messages);
  }

  sendIf(tx: Transaction, to: MemberId, condition: SQL, body: OrderMessageBody): void {
    const peer = this.#peer(to);
    const message = this.#numbered(peer, body);
    let held = false;
    whenEnded(tx, (end) => this.#written(peer, [message], held ? end : 'rolled-back'));
    addToOutbox(tx, to, [message], { condition, onWritten: () => (held = true) });
  }

  #numbered(peer: SessionPeer, body: OrderMessageBody): WrittenMessage {
    peer.given += 1;
    const number = peer.given;
    return { number, body, message: this.#signed(peer, number, body) };
  }

  /** The transaction that wrote messages has ended. */
  #written(peer: SessionPeer, messages: readonly NumberedMessage[], end: TransactionEnd): void {
    for (const message of messages) {
      if (end === 'committed') noteCommitted(peer, message);
      else peer.gaps.add(message.number);
    }
    if (peer.gaps.size > 0) void this.#fill(peer);
    void this.#pump(peer);
  }

  /** What was never committed left its numbers unused: the peer would wait for them. */
  async #fill(peer: SessionPeer): Promise<void> {
    if (peer.filling) return;
    peer.filling = true;
    const { member, gaps } = peer;
    try {
      const numbers = [...gaps].slice(0, BATCH);
      const filled = numbers.map((number) => {
        const body = { kind: 'acknowledge' } as const;
        return { number, body, message: this.#signed(peer, number, body) };
      });
      await fillOutbox(this.#needs.database, member, filled);
      for (const number of numbers) {
        gaps.delete(number);
        // Where the commit had not been answered, it may be the message itself: the store knows.
        const bytes = await readOutbox(this.#needs.database, member, {
          ...{ after: number - 1, last: number, limit: 1 },
        });
        for (const message of bytes) noteCommitted(peer, message);
      }
    } catch (error) {
      this.#needs.logger.warn({ err: error, member }, 'order outbox not filled');
    } finally {
      peer.filling = false;
    }
    void this.#pump(peer);
  }

  standings(): readonly SessionStanding[] {
    return [...this.#peers.values()].map(standingOf);
  }

  isUp(member: MemberId): boolean {
    return this.#peers.get(member)?.up ?? false;
  }

  onLink(listener: (member: MemberId, up: boolean) => void): void {
    this.#listeners.push(listener);
  }

  onHeard(listener: (member: MemberId, body: OrderMessageBody) => boolean): void {
    this.#heard = listener;
  }

  async open(): Promise<void> {
    for (const { peer: member, ...numbers } of await readSessions(this.#needs.database)) {
      const { acknowledged } = numbers;
      const { received: taken } = numbers;
      const own = { taken, given: numbers.sent, cursor: acknowledged, pruned: acknowledged };
      Object.assign(this.#peer(member), numbers, own);
    }
  }

  start(handler: SessionHandler): void {
    this.#handler = handler;
    const { links } = this.#needs;
    links.onMessage((member, bytes) => this.#arrived(member, bytes));
    links.onLink((member, up) => this.#linkChanged(member, up));
    for (const member of links.connected()) this.#linkChanged(member, true);
    this.#timer = setInterval(() => this.#tick(), this.#tickMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#handler = undefined;
    for (const peer of this.#peers.values()) peer.up = false;
    await Promise.allSettled([
      ...this.#receiving,
      ...[...this.#inboxes.values()].map((inbox) => inbox.idle()),
      ...[...this.#peers.values()].map(({ pumping }) => pumping),
    ]);
  }

  #peer(member: MemberId): SessionPeer {
    const known = this.#peers.get(member);
    if (known) return known;
    const peer = newPeer(member);
    this.#peers.set(member, peer);
    return peer;
  }

  #linkChanged(member: MemberId, changedTo: boolean): void {
    if (!this.#handler) return;
    const peer = this.#peer(member);
    // Two nodes that dial each other have two links for a moment: the end of one is not the end.
    const up = changedTo || this.#needs.links.connected().includes(member);
    peer.up = up;
    peer.heard = false;
    peer.behindMs = undefined;
    peer.cursor = peer.acknowledged;
    if (up) this.#hello(peer);
    for (const listener of this.#listeners) listener(member, up);
  }

  /** With each hello, ours and the peer's: whichever of them is lost, the terms are told. */
  #tellTerms(peer: SessionPeer): void {
    const { terms } = this.#needs;
    if (terms) this.#sendUnstored(peer, { kind: 'venue-terms', terms: terms.own });
  }

  /** Says how far we have the peer's messages; it answers with how far it has ours, and sends on. */
  #hello(peer: SessionPeer): void {
    peer.helloAtMs = this.#needs.nowMs();
    this.#sendUnstored(peer, { kind: 'hello' });
    this.#tellTerms(peer);
  }

  #sendUnstored(peer: SessionPeer, body: OrderMessageBody): void {
    peer.owed = 0;
    this.#needs.links.send(peer.member, this.#signed(peer, 0, body));
  }

  #signed(peer: SessionPeer, number: number, body: OrderMessageBody): Uint8Array {
    const { newSalt = () => randomBytes(PLACE_SALT_BYTES), nodeKey, nowMs } = this.#needs;
    return signMessage(
      nodeKey,
      { from: this.#self, to: peer.member, sentAtMs: nowMs(), body },
      { number, acknowledged: peer.received, salt: newSalt() },
    );
  }

  async #arrived(member: MemberId, bytes: Uint8Array): Promise<void> {
    const handling = this.#receive(member, bytes);
    this.#receiving.add(handling);
    try {
      await handling;
    } finally {
      this.#receiving.delete(handling);
    }
  }

  async #receive(member: MemberId, bytes: Uint8Array): Promise<void> {
    if (!this.#handler) return;
    const checked = this.#check(member, bytes, this.#needs.nowMs());
    if (isRefusal(checked)) return this.#refuse(member, checked.code);
    const { message, signed } = checked;
    this.#metrics.messages.inc({ direction: 'received' });
    const peer = this.#peer(member);
    this.#acknowledged(peer, message);
    const { number } = message;
    if (number === 0) {
      const tookMs = this.#needs.nowMs() - message.sentAtMs;
      peer.behindMs = Math.min(peer.behindMs ?? tookMs, tookMs);
    }
    if (number > peer.taken + 1) {
      // Something before it is missing: asking again brings everything after what we have.
      if (this.#needs.nowMs() - peer.helloAtMs >= ASK_AGAIN_EVERY_MS) this.#hello(peer);
    } else if (number > peer.taken) {
      const canWait = this.#heard?.(member, message.body) ?? false;
      await this.#inbox(peer).add({ message, signed, canWait });
      // An answer goes out before the next message is checked: what writes it is ready to run now.
      if (canWait) await setImmediate();
    } else if (number > 0) {
      peer.owed += 1;
    } else if (message.body.kind === 'hello') {
      peer.cursor = message.acknowledged;
      this.#sendUnstored(peer, { kind: 'acknowledge' });
      this.#tellTerms(peer);
    } else if (message.body.kind === 'venue-terms') {
      await this.#needs.terms?.take(member, message.body.terms, signed);
    }
    this.#acknowledgeMany(peer);
    if (peer.cursor < peer.sent) void this.#pump(peer);
  }

  #acknowledged(peer: SessionPeer, message: OrderMessage): void {
    const { acknowledged } = message;
    if (acknowledged > peer.sent) {
      // Our store is older than what the peer saw of us, or the peer lies: never guess numbers.
      return this.#refuse(peer.member, 'ORDER_MESSAGE_ACKNOWLEDGED_AHEAD');
    }
    if (message.body.kind === 'hello' && acknowledged < peer.pruned) {
      this.#refuse(peer.member, 'ORDER_MESSAGES_PRUNED');
    }
    peer.heard = true;
    peer.heardAtMs = this.#needs.nowMs();
    if (acknowledged <= peer.acknowledged) return;
    peer.acknowledged = acknowledged;
    peer.cursor = Math.max(peer.cursor, acknowledged);
    peer.progressAtMs = this.#needs.nowMs();
  }

  #refuse(member: MemberId, code: string): void {
    this.#metrics.refused.inc({ code });
    this.#needs.logger.warn({ member, code }, 'order message refused');
  }

  #acknowledgeMany(peer: SessionPeer): void {
    if (peer.owed >= ACKNOWLEDGE_EVERY) this.#sendUnstored(peer, { kind: 'acknowledge' });
  }

  #inbox(peer: SessionPeer): PeerInbox {
    const known = this.#inboxes.get(peer.member);
    if (known) return known;
    const inbox = new PeerInbox(peer, {
      ...this.#needs,
      stage: this.#stage,
      handler: () => this.#handler,
      onRecorded: () => this.#acknowledgeMany(peer),
    });
    this.#inboxes.set(peer.member, inbox);
    return inbox;
  }

  #pump(peer: SessionPeer): Promise<void> {
    peer.again = true;
    peer.pumping ??= this.#pumpAll(peer);
    return peer.pumping;
  }

  async #pumpAll(peer: SessionPeer): Promise<void> {
    await Promise.resolve();
    try {
      // Asked again while it comes to its end, it looks again.
      while (peer.again && peer.up && peer.heard) {
        peer.again = false;
        await this.#sendOn(peer);
      }
    } catch (error) {
      this.#needs.logger.error({ err: error, member: peer.member }, 'order messages not sent');
    } finally {
      peer.pumping = undefined;
    }
  }

  /** Hands on what the window, and the link, let through. */
  async #sendOn(peer: SessionPeer): Promise<void> {
    if (peer.cursor === peer.acknowledged) peer.progressAtMs = this.#needs.nowMs();
    while (peer.up && peer.cursor < peer.sent && peer.cursor - peer.acknowledged < WINDOW) {
      const from = peer.cursor;
      const batch = await this.#next(peer);
      // A hello, or a link that went, moved the cursor while the store was read.
      if (peer.cursor !== from) continue;
      if (batch.length === 0) return;
      for (const { number, message } of batch) {
        if (!peer.up) return;
        this.#needs.crashPoint?.('before-send');
        if (!this.#needs.links.send(peer.member, message)) return;
        this.#needs.crashPoint?.('after-send');
        this.#metrics.messages.inc({ direction: 'sent' });
        peer.cursor = number;
        peer.owed = 0;
      }
    }
  }

  /** What follows on the cursor, from memory where it is there. */
  async #next(peer: SessionPeer): Promise<readonly NumberedMessage[]> {
    const { member, cursor, sent } = peer;
    const { fresh } = peer;
    peer.fresh = [];
    const first = fresh[0]?.number ?? 0;
    if (first > 0 && first <= cursor + 1 && (fresh.at(-1)?.number ?? 0) > cursor) {
      return fresh.slice(cursor + 1 - first);
    }
    const batch = await readOutbox(this.#needs.database, member, {
      ...{ after: cursor, last: sent, limit: BATCH },
    });
    const missing = batch.findIndex(({ number }, index) => number !== cursor + 1 + index);
    if (missing < 0) return batch;
    // Left by a process that died over it: nobody else will commit anything under these numbers.
    const until = batch[missing]?.number ?? 0;
    for (let number = cursor + 1 + missing; number < until; number += 1) peer.gaps.add(number);
    void this.#fill(peer);
    return batch.slice(0, missing);
  }

  #tick(): void {
    const now = this.#needs.nowMs();
    for (const peer of this.#peers.values()) {
      if (peer.gaps.size > 0) void this.#fill(peer);
      if (!peer.up) continue;
      const silent = now - peer.progressAtMs >= this.#resendAfterMs;
      if (!peer.heard) {
        if (now - peer.helloAtMs >= this.#resendAfterMs) this.#hello(peer);
      } else if (peer.cursor > peer.acknowledged && silent) {
        peer.cursor = peer.acknowledged;
        peer.progressAtMs = now;
      }
      if (peer.owed > 0) this.#sendUnstored(peer, { kind: 'acknowledge' });
      if (peer.heard && peer.cursor < peer.sent) void this.#pump(peer);
      if (peer.acknowledged > peer.pruned && now - peer.prunedAtMs >= PRUNE_EVERY_MS) {
        void this.#prune(peer, now);
      }
    }
  }

  async #prune(peer: SessionPeer, now: number): Promise<void> {
    const { member, acknowledged, sent } = peer;
    peer.prunedAtMs = now;
    try {
      await pruneOutbox(this.#needs.database, member, acknowledged, sent);
      peer.pruned = acknowledged;
    } catch (error) {
      this.#needs.logger.warn({ err: error, member }, 'order outbox not pruned');
    }
  }
}
