import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import tls from 'node:tls';
import type { SessionRunner } from './session-runner.ts';
import { nextStartMs, type SessionSchedule, windowAt } from './session-schedule.ts';
import type { SessionNotice } from './session-settings.ts';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** The schedule is looked at again at least so often: clocks are set, machines sleep. */
const LOOK_AGAIN_MS = 60_000;

export interface FixHost {
  readonly host: string;
  readonly port: number;
}

/** TLS towards the peer, whose certificate is always checked. Names of PEM files' contents. */
export interface FixTls {
  /** Certificates that may sign the peer's; default: those the platform trusts. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the peer's certificate must carry; default: the host's. */
  readonly serverName?: string;
}

export interface FixInitiatorOptions {
  /** Tried in turn: the first, and the others when it does not answer. */
  readonly hosts: readonly [FixHost, ...FixHost[]];
  readonly tls?: FixTls;
  /** Undefined: always on. */
  readonly schedule?: SessionSchedule;
  readonly firstRetryMs?: number;
  readonly lastRetryMs?: number;
}

export interface FixInitiatorNeeds {
  readonly runner: SessionRunner;
  /** When the runner's numbers last began, Unix milliseconds. */
  readonly begunAtMs: () => number;
  readonly nowMs: () => number;
  readonly onConnecting: () => void;
  readonly onConnected: () => void;
  readonly onNotice: (notice: SessionNotice) => void;
}

/** Keeps a session connected: within its hours, over hosts that fail, ever less often. */
export class FixInitiator {
  readonly #options: FixInitiatorOptions;
  readonly #needs: FixInitiatorNeeds;
  readonly #ended = new AbortController();
  #host = 0;
  #retryMs: number;
  #running: Promise<void> = Promise.resolve();

  constructor(options: FixInitiatorOptions, needs: FixInitiatorNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#retryMs = options.firstRetryMs ?? FIRST_RETRY_MS;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** To be told when the session is up: the next failure begins with short waits again. */
  established(): void {
    this.#retryMs = this.#options.firstRetryMs ?? FIRST_RETRY_MS;
  }

  /** Connects no more; a connection that stands is logged out. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#needs.runner.logout();
    await this.#running;
  }

  /** Connects no more, and cuts what stands. */
  abort(): void {
    this.#ended.abort();
    this.#needs.runner.cut();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const endMs = await this.#sessionEnd();
      if (endMs === undefined) continue;
      const socket = await this.#connect();
      if (signal.aborted) {
        socket?.destroy();
        return;
      }
      if (socket !== undefined) await this.#hold(socket, endMs);
      if (signal.aborted) return;
      this.#host = (this.#host + 1) % this.#options.hosts.length;
      await this.#pause(this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, this.#options.lastRetryMs ?? LAST_RETRY_MS);
    }
  }

  /** When the session that is on ends; undefined where none is, after a wait for it. */
  async #sessionEnd(): Promise<number | undefined> {
    const { schedule } = this.#options;
    const { nowMs, begunAtMs, runner } = this.#needs;
    if (schedule === undefined) return Number.POSITIVE_INFINITY;
    const atMs = nowMs();
    const window = windowAt(schedule, atMs);
    if (window === undefined) {
      const untilMs = (nextStartMs(schedule, atMs) ?? Number.POSITIVE_INFINITY) - atMs;
      await this.#pause(Math.min(untilMs, LOOK_AGAIN_MS));
      return undefined;
    }
    // Both sides begin at 1 with each scheduled session.
    if (begunAtMs() < window.startMs) runner.reset();
    return window.endMs;
  }

  async #connect(): Promise<net.Socket | undefined> {
    const { hosts, tls: secure } = this.#options;
    const { host, port } = hosts[this.#host] ?? hosts[0];
    this.#needs.onConnecting();
    const socket =
      secure === undefined
        ? net.connect({ host, port })
        : tls.connect({
            ...{ host, port, minVersion: 'TLSv1.2', rejectUnauthorized: true },
            ...(secure.ca !== undefined && { ca: secure.ca }),
            ...(secure.cert !== undefined && { cert: secure.cert }),
            ...(secure.key !== undefined && { key: secure.key }),
            ...(net.isIP(host) === 0 && { servername: host }),
            ...(secure.serverName !== undefined && { servername: secure.serverName }),
          });
    const event = secure === undefined ? 'connect' : 'secureConnect';
    return new Promise((resolve) => {
      const fail = (text: string): void => {
        this.#needs.onNotice({ code: 'CONNECTION', text: `${host}:${port}: ${text}` });
        socket.destroy();
        resolve(undefined);
      };
      const timer = setTimeout(() => fail('no answer'), CONNECT_TIMEOUT_MS);
      const onError = (error: Error): void => {
        clearTimeout(timer);
        fail(error.message);
      };
      socket.once('error', onError);
      socket.once(event, () => {
        clearTimeout(timer);
        socket.off('error', onError);
        resolve(socket);
      });
    });
  }

  /** Resolves when the connection is gone: by itself, or because the session's hours end. */
  async #hold(socket: net.Socket, endMs: number): Promise<void> {
    const { runner, nowMs, onConnected } = this.#needs;
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    onConnected();
    runner.attach(socket);
    const looking = setInterval(
      () => nowMs() >= endMs && void runner.logout('The session ends'),
      Math.min(1_000, LOOK_AGAIN_MS),
    );
    await gone;
    clearInterval(looking);
  }

  async #pause(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#ended.signal, ref: false }).catch(() => undefined);
  }
}
