import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { OperationMessages } from './operation-messages.ts';
import { isRecord, type OperationParams, paramsOf } from './operation-params.ts';
import type { StreamReader } from './stream-reader.ts';

/** Bounds of one connection. */
export interface TransportWsOptions {
  /** Until the client has said `connection_init`. */
  readonly initTimeoutMs: number;
  readonly maxOperations: number;
  /** A connection on which nothing runs for so long is closed. */
  readonly idleMs: number;
}

export const TRANSPORT_WS_OPTIONS: TransportWsOptions = {
  initTimeoutMs: 3_000,
  maxOperations: 50,
  idleMs: 60_000,
};

/** What a connection asks of its server. */
export interface TransportWsNeeds<Session> {
  /** Who connects, by the payload of `connection_init`: a session, or the reason for none. */
  readonly connect: (
    payload: Readonly<Record<string, unknown>>,
  ) => Promise<{ readonly session: Session } | { readonly refused: string }>;
  /** Runs an operation for a reader: what ends it before its time. */
  readonly run: (session: Session, params: OperationParams, reader: StreamReader) => () => void;
  readonly onClose: () => void;
}

type Message = Readonly<Record<string, unknown>>;

/**
 * One WebSocket that speaks graphql-transport-ws. Its close codes are the protocol's, with 4403 where a
 * token is refused.
 */
export class TransportWsConnection<Session> {
  readonly #socket: WebSocket;
  readonly #wire: Socket;
  readonly #needs: TransportWsNeeds<Session>;
  readonly #options: TransportWsOptions;
  readonly #operations = new Map<string, OperationMessages>();
  readonly #initTimer: NodeJS.Timeout;
  #state: 'new' | 'connecting' | { readonly session: Session } = 'new';
  #isAlive = true;
  #idleSinceMs = performance.now();

  /** `wire` is the connection under the socket: it says whether the client keeps up. */
  constructor(
    socket: WebSocket,
    wire: Socket,
    needs: TransportWsNeeds<Session>,
    options: TransportWsOptions = TRANSPORT_WS_OPTIONS,
  ) {
    this.#socket = socket;
    this.#wire = wire;
    this.#needs = needs;
    this.#options = options;
    this.#initTimer = setTimeout(
      () => this.close(4408, 'Connection initialisation timeout'),
      options.initTimeoutMs,
    );
    this.#listen();
  }

  close(code: number, reason: string): void {
    // A close frame holds at most 123 bytes of reason (RFC 6455 5.5).
    this.#socket.close(code, Buffer.from(reason).subarray(0, 120).toString());
  }

  /** Asks the client for a sign of life; ends a connection that gave none since the last time. */
  beat(): void {
    if (!this.#isAlive) {
      this.#socket.terminate();
      return;
    }
    this.#isAlive = false;
    this.#socket.ping();
    if (this.#operations.size > 0) return;
    if (performance.now() - this.#idleSinceMs > this.#options.idleMs) this.close(1000, 'Idle');
  }

  #listen(): void {
    const socket = this.#socket;
    const wire = this.#wire;
    /** Whoever takes no answers is read no more: what is owed to it stays bounded. */
    const pauseWhereOwed = (): void => {
      if (wire.writableNeedDrain) socket.pause();
    };
    socket.on('message', (data: RawData, isBinary) => {
      const message = isBinary ? undefined : parseMessage(data);
      if (message) this.#receive(message);
      else this.close(4400, 'The message is not a JSON object');
      pauseWhereOwed();
    });
    // Each was answered with a pong before it is told here.
    socket.on('ping', pauseWhereOwed);
    wire.on('drain', () => {
      socket.resume();
      for (const operation of this.#operations.values()) operation.onReady();
    });
    socket.on('pong', () => {
      this.#isAlive = true;
    });
    // A protocol error of the client's; the close that follows is all there is to do.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(this.#initTimer);
      for (const operation of this.#operations.values()) operation.complete();
      this.#needs.onClose();
    });
  }

  #receive({ type, id, payload }: Message): void {
    if (payload != null && !isRecord(payload)) this.close(4400, 'A payload must be an object');
    else if (type === 'connection_init') void this.#init(payload ?? {});
    else if (type === 'ping') {
      this.#socket.send(JSON.stringify({ type: 'pong', ...(payload ? { payload } : {}) }));
    } else if (type !== 'pong') this.#receiveOfOperation(type, id, payload);
  }

  #receiveOfOperation(type: unknown, id: unknown, payload: unknown): void {
    if (type !== 'subscribe' && type !== 'complete') {
      this.close(4400, 'The message is of no known type');
    } else if (typeof id !== 'string' || id === '') this.close(4400, 'The message has no id');
    // What is not known may have ended while this was on its way.
    else if (type === 'complete') this.#operations.get(id)?.complete();
    else {
      const params = paramsOf(payload);
      if (params) this.#subscribe(id, params);
      else this.close(4400, 'The payload is not an operation');
    }
  }

  async #init(payload: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#state !== 'new') {
      this.close(4429, 'Too many initialisation requests');
      return;
    }
    this.#state = 'connecting';
    clearTimeout(this.#initTimer);
    const answer = await this.#needs.connect(payload);
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if ('refused' in answer) {
      this.close(4403, answer.refused);
      return;
    }
    this.#state = answer;
    this.#socket.send('{"type":"connection_ack"}');
  }

  #subscribe(id: string, params: OperationParams): void {
    if (typeof this.#state === 'string') {
      this.close(4401, 'Unauthorized');
      return;
    }
    if (this.#operations.has(id)) {
      this.close(4409, `Subscriber for ${id} already exists`);
      return;
    }
    const operation = new OperationMessages(id, this.#socket, this.#wire, () => {
      if (this.#operations.get(id) === operation) this.#operations.delete(id);
      if (this.#operations.size === 0) this.#idleSinceMs = performance.now();
    });
    const { maxOperations } = this.#options;
    if (this.#operations.size >= maxOperations) {
      const message = `A connection runs at most ${maxOperations} operations at a time.`;
      operation.end({ errors: [{ message, extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }] });
      return;
    }
    this.#operations.set(id, operation);
    operation.stop = this.#needs.run(this.#state.session, params, operation);
  }
}

function parseMessage(data: RawData): Message | undefined {
  // Text comes as one Buffer, as the server was not told otherwise.
  if (!Buffer.isBuffer(data)) return undefined;
  try {
    const message: unknown = JSON.parse(data.toString('utf8'));
    return isRecord(message) ? message : undefined;
  } catch {
    return undefined;
  }
}
