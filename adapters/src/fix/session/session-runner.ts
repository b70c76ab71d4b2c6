import type { Socket } from 'node:net';
import { CodedError } from '@stoa/schema';
import { FrameSplitter } from '../wire/frame-splitter.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { FixSession } from './fix-session.ts';
import type {
  Delivery,
  OutgoingMessage,
  SessionLimits,
  SessionNotice,
  SessionSettings,
} from './session-settings.ts';
import type { SessionStore } from './session-store.ts';

const TICK_MS = 200;
const LINGER_MS = 1_000;
const WAITING_TICKS = 4;

export interface SessionRunnerNeeds {
  readonly store: SessionStore;
  readonly nowMs: () => number;
  /** A message in its place. It is acknowledged later, with {@link SessionRunner.acknowledge}. */
  readonly onMessage: (delivery: Delivery) => void;
  /** The peer asked for a message that is too old to be sent again. */
  readonly onWithheld?: (seq: number) => void;
  readonly onEstablished: () => void;
  /** The connection is gone; told only of one that was. */
  readonly onDown: () => void;
  readonly onNotice: (notice: SessionNotice) => void;
}

/** What {@link SessionRunner.acknowledge} wants back: a message's number, and which numbering. */
export interface Acknowledgeable {
  readonly seq: number;
  readonly numbering: number;
}

/**
 * A session on a socket: bytes in, bytes out, its store before both. It lives over many connections,
 * one at a time.
 */
export class SessionRunner {
  readonly #needs: SessionRunnerNeeds;
  readonly #limits: SessionLimits;
  readonly #session: FixSession;
  readonly #splitter: FrameSplitter;
  #socket: Socket | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #waiting: Buffer[] = [];
  #ending = false;
  #closed = false;
  #paused = false;
  #waitingTicks = 0;
  /** Numbers of messages that were delivered and not yet acknowledged, in order. */
  #unacknowledged: number[] = [];
  #numbering = 0;
  readonly #pings = new Map<string, () => void>();
  #pinged = 0;

  constructor(settings: SessionSettings, limits: SessionLimits, needs: SessionRunnerNeeds) {
    this.#needs = needs;
    this.#limits = limits;
    const { store } = needs;
    this.#session = new FixSession(settings, limits, store, {
      sent: store,
      output: {
        send: (message) => this.#send(message),
        repeat: (bytes) => this.#write(bytes),
        deliver: (delivery) => {
          this.#unacknowledged.push(delivery.seq);
          needs.onMessage(delivery);
        },
        withheld: (seq) => needs.onWithheld?.(seq),
        advanced: () => this.#settle(),
        reset: (nextOut, nextIn) => {
          this.#unacknowledged = [];
          this.#numbering += 1;
          this.#guard(() => store.reset(nextOut, nextIn));
        },
        established: () => needs.onEstablished(),
        pong: (id) => this.#pings.get(id)?.(),
        end: () => this.#endConnection(),
        notice: (notice) => needs.onNotice(notice),
      },
    });
    this.#splitter = new FrameSplitter(limits.maxMessageBytes, {
      onFrame: (bytes, start, end) => this.#session.receive(bytes, start, end, needs.nowMs()),
      onGarbled: (reason) => {
        needs.onNotice({ code: 'GARBLED', text: reason });
        // A number went with it, maybe the last for long: an answer shows what is missing.
        if (this.isUp) this.#session.ping(needs.nowMs(), 'garbled');
      },
    });
  }

  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  get isUp(): boolean {
    return this.#session.phase === 'up';
  }

  /** The number that the next message will have. */
  get nextSeq(): number {
    return this.#session.nextOut;
  }

  get numbering(): number {
    return this.#numbering;
  }

  /** Takes a connection over, with the bytes that were read from it already. */
  attach(socket: Socket, firstBytes?: Buffer): void {
    if (this.#closed || this.#socket !== undefined) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    this.#ending = false;
    this.#waiting = [];
    this.#splitter.clear();
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('drain', () => this.#repeatMore());
    socket.on('error', (error) => this.#notice('CONNECTION', error.message));
    socket.once('close', () => this.#gone(socket));
    socket.once('end', () => socket.end());
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#session.connected(this.#needs.nowMs());
    if (firstBytes !== undefined) this.#data(firstBytes);
    if (this.#paused) socket.pause();
  }

  /** See {@link FixSession.send}; answers the number. */
  send(msgType: string, body: (writer: MessageWriter) => void, note?: Buffer): number {
    return this.#session.send(msgType, this.#needs.nowMs(), body, note);
  }

  /**
   * Resolves when everything that the peer had to say until now was delivered; false where the
   * connection was lost before.
   */
  async ping(): Promise<boolean> {
    const socket = this.#socket;
    if (socket === undefined || !this.isUp) return false;
    this.#pinged += 1;
    const id = `ping-${this.#pinged}`;
    const answered = new Promise<boolean>((resolve) => {
      this.#pings.set(id, () => resolve(true));
      socket.once('close', () => resolve(false));
    });
    this.#session.ping(this.#needs.nowMs(), id);
    const reached = await answered;
    this.#pings.delete(id);
    return reached;
  }

  /** Resolves when all that was sent is persisted as was asked for. */
  synced(): Promise<void> | undefined {
    return this.#needs.store.synced();
  }

  /** The application has this message's effects durable; `note` is persisted with that. */
  acknowledge({ seq, numbering }: Acknowledgeable, note?: Buffer): void {
    if (this.#closed) return;
    if (numbering !== this.#numbering) {
      if (note !== undefined) this.#guard(() => this.#needs.store.note(note));
      return;
    }
    const index = this.#unacknowledged.indexOf(seq);
    if (index >= 0) this.#unacknowledged.splice(index, 1);
    this.#settle(note);
  }

  /** Numbers begin anew, by agreement and while no connection stands. */
  reset(): void {
    this.#session.reset();
  }

  /** Stops reading until {@link resume}: the peer's own buffers fill, and it waits. */
  pause(): void {
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket?.resume();
  }

  /** Logs out and resolves when the connection is gone. */
  async logout(text?: string): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    this.resume();
    this.#session.logout(this.#needs.nowMs(), text);
    await gone;
  }

  /** Cuts the connection without a word, and writes nothing more: as the end of the process would. */
  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
    if (this.#ticker !== undefined) clearInterval(this.#ticker);
    this.#needs.store.close();
  }

  /** Cuts the connection; the session goes on with the next one. */
  cut(): void {
    this.#socket?.destroy();
  }

  #tick(): void {
    const nowMs = this.#needs.nowMs();
    this.#waitingTicks = this.#splitter.isWaiting ? this.#waitingTicks + 1 : 0;
    // Half a message and then nothing: its length may lie. The next message shows whether it does.
    if (this.#waitingTicks === WAITING_TICKS && this.isUp) this.#session.ping(nowMs, 'waiting');
    this.#session.tick(nowMs);
  }

  #data(chunk: Buffer): void {
    if (this.#ending || this.#closed) return;
    this.#waitingTicks = 0;
    const socket = this.#socket;
    socket?.cork();
    try {
      this.#splitter.push(chunk);
    } finally {
      socket?.uncork();
    }
    this.#repeatMore();
  }

  #repeatMore(): void {
    const socket = this.#socket;
    if (!this.#session.isResending || socket === undefined || socket.writableNeedDrain) return;
    setImmediate(() => {
      if (this.#socket !== socket || this.#closed) return;
      this.#session.continueResend(this.#needs.nowMs());
      this.#repeatMore();
    });
  }

  #send({ seq, bytes, kept, note, online }: OutgoingMessage): void {
    if (this.#closed) throw new CodedError('FIX_SESSION_CLOSED', 'The session is closed.');
    this.#guard(() => this.#needs.store.sent(seq, kept ? bytes : undefined, note));
    if (online) this.#write(bytes);
  }

  /** Sends once everything that was persisted before is as durable as was asked for. */
  #write(bytes: Buffer): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    const synced = this.#needs.store.synced();
    if (synced === undefined && this.#waiting.length === 0) {
      this.#put(socket, bytes);
      return;
    }
    this.#waiting.push(bytes);
    if (this.#waiting.length > 1 || synced === undefined) return;
    void this.#writeWaiting(socket);
  }

  async #writeWaiting(socket: Socket): Promise<void> {
    while (this.#socket === socket && this.#waiting.length > 0) {
      const count = this.#waiting.length;
      try {
        await this.#needs.store.synced();
      } catch (cause) {
        this.#storeFailed(cause);
        return;
      }
      if (this.#socket !== socket) return;
      this.#put(socket, Buffer.concat(this.#waiting.splice(0, count)));
      if (this.#ending && this.#waiting.length === 0) this.#finish(socket);
    }
  }

  #put(socket: Socket, bytes: Buffer): void {
    if (socket.destroyed) return;
    socket.write(bytes);
    if (socket.writableLength > this.#limits.maxUnreadBytes) {
      this.#notice('PEER_NOT_READING', `${socket.writableLength} bytes wait for the peer`);
      socket.destroy();
    }
  }

  /** Numbers below the first that is not acknowledged need not come again. */
  #settle(note?: Buffer): void {
    const nextIn = this.#unacknowledged[0] ?? this.#session.nextIn;
    if (!this.#closed) this.#guard(() => this.#needs.store.received(nextIn, note));
  }

  #endConnection(): void {
    this.#ending = true;
    const socket = this.#socket;
    if (socket !== undefined && this.#waiting.length === 0) this.#finish(socket);
  }

  #finish(socket: Socket): void {
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }

  #gone(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    clearInterval(this.#ticker);
    this.#session.disconnected(this.#needs.nowMs());
    if (!this.#closed) this.#needs.onDown();
  }

  /** Without its store a session must say nothing more: its numbers would be used twice. */
  #guard(write: () => void): void {
    try {
      write();
    } catch (cause) {
      this.#storeFailed(cause);
      throw new CodedError('FIX_STORE_FAILED', 'The session store cannot be written.', { cause });
    }
  }

  #storeFailed(cause: unknown): void {
    this.#notice('STORE_FAILED', cause instanceof Error ? cause.message : String(cause));
    this.#closed = true;
    this.#socket?.destroy();
  }

  #notice(code: SessionNotice['code'], text: string): void {
    this.#needs.onNotice({ code, text });
  }
}
