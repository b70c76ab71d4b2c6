import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { StreamEnd, StreamReader } from './stream-reader.ts';
import type { UpdateBatch } from './update-batch.ts';

/** One operation of a graphql-transport-ws connection: its results as `next`, its end as the protocol has it. */
export class OperationMessages implements StreamReader {
  onReady: () => void = () => undefined;
  /** Ends what runs for it. */
  stop: () => void = () => undefined;
  readonly #id: string;
  readonly #socket: WebSocket;
  readonly #wire: Socket;
  readonly #onEnd: () => void;
  #isEnded = false;

  constructor(id: string, socket: WebSocket, wire: Socket, onEnd: () => void) {
    this.#id = JSON.stringify(id);
    this.#socket = socket;
    this.#wire = wire;
    this.#onEnd = onEnd;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  write({ updates }: UpdateBatch): boolean {
    if (this.#isEnded) return true;
    this.#wire.cork();
    for (const { payload } of updates) {
      this.#socket.send(`{"id":${this.#id},"type":"next","payload":${payload}}`);
    }
    this.#wire.uncork();
    return !this.#wire.writableNeedDrain;
  }

  end({ errors }: StreamEnd): void {
    if (this.#isEnded) return;
    const told = errors
      ? `"type":"error","payload":${JSON.stringify(errors)}`
      : '"type":"complete"';
    if (this.#socket.readyState === this.#socket.OPEN) {
      this.#socket.send(`{"id":${this.#id},${told}}`);
    }
    this.#finish();
  }

  /** The client wants no more of it, or is gone. */
  complete(): void {
    if (this.#isEnded) return;
    this.#finish();
    this.stop();
  }

  #finish(): void {
    this.#isEnded = true;
    this.#onEnd();
  }
}
