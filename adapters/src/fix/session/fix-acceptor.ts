import net from 'node:net';
import tls from 'node:tls';
import { FixFields } from '../wire/fix-fields.ts';
import { FrameSplitter } from '../wire/frame-splitter.ts';
import type { SessionRunner } from './session-runner.ts';
import type { SessionNotice } from './session-settings.ts';

export interface FixAcceptorOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** PEM contents. With `ca`, peers must show a certificate that it signed. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  readonly maxConnections: number;
  readonly logonTimeoutMs: number;
  /** A Logon may be so long; nothing longer is read from somebody unknown. */
  readonly maxLogonBytes: number;
}

export interface FixAcceptorNeeds {
  /**
   * Whose session a Logon opens; a sentence for the operator where nobody's: the caller is told
   * nothing. Asked only of messages whose frame is sound and whose type is A.
   */
  readonly admit: (logon: FixFields, socket: net.Socket) => Promise<SessionRunner | string>;
  readonly onNotice: (notice: SessionNotice) => void;
}

/** Takes connections, and gives each to the session that its first message, a Logon, names. */
export class FixAcceptor {
  readonly #options: FixAcceptorOptions;
  readonly #needs: FixAcceptorNeeds;
  readonly #server: net.Server;
  readonly #unknown = new Set<net.Socket>();

  constructor(options: FixAcceptorOptions, needs: FixAcceptorNeeds) {
    this.#options = options;
    this.#needs = needs;
    const { tls: secure } = options;
    this.#server =
      secure === undefined
        ? net.createServer((socket) => this.#greet(socket))
        : tls.createServer(
            {
              ...{ cert: secure.cert, key: secure.key, minVersion: 'TLSv1.2' },
              ...(secure.ca !== undefined && {
                ...{ ca: secure.ca, requestCert: true, rejectUnauthorized: true },
              }),
            },
            (socket) => this.#greet(socket),
          );
    this.#server.maxConnections = options.maxConnections;
    this.#server.on('tlsClientError', (error) => this.#notice('CONNECTION', error.message));
  }

  /** Resolves with the port once connections are taken. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => resolve());
    });
    this.#server.on('error', (error) => this.#notice('CONNECTION', error.message));
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Takes no more connections; those that are sessions' own end with their sessions. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#unknown) socket.destroy();
    await closed;
  }

  #greet(socket: net.Socket): void {
    const { logonTimeoutMs, maxLogonBytes } = this.#options;
    this.#unknown.add(socket);
    const timer = setTimeout(() => drop('no Logon came'), logonTimeoutMs);
    const seen: Buffer[] = [];
    let bytes = 0;
    let asked = false;
    const drop = (text: string): void => {
      this.#notice('LOGON_REFUSED', `${socket.remoteAddress ?? '?'}: ${text}`);
      socket.destroy();
    };
    const splitter = new FrameSplitter(maxLogonBytes, {
      onFrame: (frame, start, end) => {
        if (asked) return;
        asked = true;
        const logon = new FixFields(256);
        logon.scan(Buffer.from(frame.subarray(start, end)), 0, end - start);
        void this.#admit(logon, socket, () => {
          clearTimeout(timer);
          socket.off('data', onData);
          return Buffer.concat(seen);
        }).then((refusal) => refusal !== undefined && drop(refusal));
      },
      onGarbled: (reason) => drop(reason),
    });
    const onData = (chunk: Buffer): void => {
      seen.push(chunk);
      bytes += chunk.length;
      if (bytes > maxLogonBytes) drop('more bytes than a Logon has');
      else if (!asked) splitter.push(chunk);
    };
    socket.on('data', onData);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#unknown.delete(socket);
    });
  }

  async #admit(
    logon: FixFields,
    socket: net.Socket,
    take: () => Buffer,
  ): Promise<string | undefined> {
    if (logon.textAt(2) !== 'A') return 'the first message is no Logon';
    const found = await this.#needs.admit(logon, socket);
    if (typeof found === 'string') return found;
    if (socket.destroyed) return 'it left before it was admitted';
    if (found.isConnected) return 'its session has a connection already';
    this.#unknown.delete(socket);
    found.attach(socket, take());
    return undefined;
  }

  #notice(code: SessionNotice['code'], text: string): void {
    this.#needs.onNotice({ code, text });
  }
}
