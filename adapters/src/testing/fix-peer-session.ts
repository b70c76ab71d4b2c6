import type { Socket } from 'node:net';
import { FixSession } from '../fix/session/fix-session.ts';
import { repeatOf } from '../fix/session/message-header.ts';
import {
  type Delivery,
  SESSION_LIMITS,
  type SessionSettings,
} from '../fix/session/session-settings.ts';
import { FixFields } from '../fix/wire/fix-fields.ts';
import { FrameSplitter } from '../fix/wire/frame-splitter.ts';
import { MessageWriter } from '../fix/wire/message-writer.ts';

export interface FixPeerNeeds {
  readonly nowMs: () => number;
  readonly onMessage: (delivery: Delivery) => void;
}

/** What becomes of a message on its way to the wire: undefined is lost, `cut` ends the connection. */
export type WireFault = (bytes: Buffer) => Buffer | undefined | 'cut';

/**
 * The other side of a session, in memory, whose messages a test can lose, break or say twice. Its
 * session layer is the project's own: an independent one stands in the QuickFIX tests.
 */
export class FixPeerSession {
  readonly settings: SessionSettings;
  /** Applied to the next application message. */
  nextFault: WireFault | undefined;
  readonly #needs: FixPeerNeeds;
  readonly #kept = new Map<number, Buffer>();
  #session: FixSession;
  #socket: Socket | undefined;
  #settled: (() => void) | undefined;

  constructor(settings: SessionSettings, needs: FixPeerNeeds) {
    this.settings = settings;
    this.#needs = needs;
    this.#session = this.#newSession({ nextOut: 1, nextIn: 1 });
  }

  get isUp(): boolean {
    return this.#session.phase === 'up';
  }

  get session(): FixSession {
    return this.#session;
  }

  attach(socket: Socket, firstBytes: Buffer): void {
    const splitter = new FrameSplitter(1_048_576, {
      onFrame: (bytes, start, end) =>
        this.#socket === socket && this.#session.receive(bytes, start, end, this.#needs.nowMs()),
      onGarbled: () => undefined,
    });
    this.#socket?.destroy();
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => splitter.push(chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#session.disconnected(this.#needs.nowMs());
    });
    this.#session.connected(this.#needs.nowMs());
    splitter.push(firstBytes);
  }

  send(msgType: string, body: (writer: MessageWriter) => void): void {
    this.#session.send(msgType, this.#needs.nowMs(), body);
  }

  /** Bytes on the wire, past the session. */
  write(bytes: Buffer): void {
    this.#socket?.write(bytes);
  }

  /** Every application message again that the test picks, under its number, as a possible duplicate. */
  repeat(picks: (message: Buffer) => boolean): void {
    const fields = new FixFields();
    const writer = new MessageWriter();
    for (const message of this.#kept.values()) {
      if (!picks(message)) continue;
      fields.scan(message, 0, message.length);
      this.write(repeatOf(fields, writer, this.settings, this.#needs.nowMs()));
    }
  }

  /** Resolves when the other side has taken in everything that was said to it. */
  async settle(): Promise<void> {
    if (!this.isUp) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#settled = resolve;
    this.#session.ping(this.#needs.nowMs(), 'settle');
    await promise;
  }

  drop(): void {
    this.#socket?.destroy();
  }

  /** The process ends and starts again: numbers and messages are as they were. */
  restart(): void {
    this.drop();
    const { nextOut, nextIn } = this.#session;
    this.#session = this.#newSession({ nextOut, nextIn });
  }

  #newSession(numbers: { nextOut: number; nextIn: number }): FixSession {
    return new FixSession(this.settings, SESSION_LIMITS, numbers, {
      sent: { message: (seq) => this.#kept.get(seq) },
      output: {
        send: ({ seq, bytes, kept, online }) => {
          if (kept) this.#kept.set(seq, bytes);
          if (online) this.#put(bytes, kept);
        },
        repeat: (bytes) => this.write(bytes),
        deliver: (delivery) => this.#needs.onMessage(delivery),
        ...{ withheld: () => undefined, advanced: () => undefined },
        reset: () => this.#kept.clear(),
        established: () => undefined,
        pong: () => this.#settled?.(),
        end: () => this.#socket?.end(),
        notice: () => undefined,
      },
    });
  }

  #put(bytes: Buffer, kept: boolean): void {
    const fault = kept ? this.nextFault : undefined;
    if (fault === undefined) {
      this.write(bytes);
      return;
    }
    this.nextFault = undefined;
    const broken = fault(bytes);
    if (broken === 'cut') {
      this.write(bytes.subarray(0, bytes.length >> 1));
      this.#socket?.end();
    } else if (broken !== undefined) this.write(broken);
  }
}
