import { connect, type Socket } from 'node:net';
import { serveCommands } from '../process-commands.ts';

/** Load from many connections, each with one request at a time. */
export interface LoadPlan {
  readonly url: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Name of the variable that no two requests have alike. */
  readonly distinct: string;
  readonly token?: string;
  readonly connections: number;
  readonly seconds: number;
}

/** What it came to. */
export interface LoadResult {
  readonly requests: number;
  readonly tookMs: number;
  readonly latenciesMs: Float64Array;
  /** The first answer that was none, if any. */
  readonly wrong: string | undefined;
}

let asked = 0;

/** One connection: as little of HTTP as there has to be, so that the load costs little itself. */
class LoadConnection {
  readonly latenciesMs: number[] = [];
  wrong: string | undefined;
  readonly #plan: LoadPlan;
  readonly #head: string;
  readonly #socket: Socket;
  readonly #isDone: () => boolean;
  #buffered = '';
  #sentAtMs = 0;
  #end: () => void = () => undefined;

  constructor(plan: LoadPlan, isDone: () => boolean) {
    this.#plan = plan;
    this.#isDone = isDone;
    const url = new URL(plan.url);
    const token = plan.token ? `authorization: Bearer ${plan.token}\r\n` : '';
    this.#head = `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\naccept: application/json\r\ncontent-type: application/json\r\n${token}content-length: `;
    this.#socket = connect(Number(url.port), url.hostname);
    this.#socket.setNoDelay(true).setEncoding('latin1');
    this.#socket.on('data', (text: string) => this.#take(text));
    this.#socket.on('error', (error) => this.#stop(error.message));
  }

  run(): Promise<void> {
    this.#send();
    return new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  #send(): void {
    asked += 1;
    const { query, variables, distinct } = this.#plan;
    const body = JSON.stringify({ query, variables: { ...variables, [distinct]: `x${asked}` } });
    this.#sentAtMs = performance.now();
    this.#socket.write(`${this.#head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #take(text: string): void {
    this.#buffered += text;
    const headEnd = this.#buffered.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = /content-length: (\d+)/i.exec(this.#buffered.slice(0, headEnd))?.[1];
    const isWhole =
      length === undefined
        ? this.#buffered.endsWith('0\r\n\r\n')
        : this.#buffered.length >= headEnd + 4 + Number(length);
    if (!isWhole) return;
    const answer = this.#buffered;
    this.#buffered = '';
    this.latenciesMs.push(performance.now() - this.#sentAtMs);
    if (!answer.includes('"data":{') || answer.includes('"errors":'))
      this.#stop(answer.slice(0, 2_000));
    else if (this.#isDone()) this.#stop();
    else this.#send();
  }

  #stop(wrong?: string): void {
    this.wrong = wrong;
    this.#socket.destroy();
    this.#end();
  }
}

const commands = {
  async run(plan: LoadPlan): Promise<LoadResult> {
    const begunMs = performance.now();
    const isDone = (): boolean => performance.now() - begunMs > plan.seconds * 1_000;
    const connections = Array.from(
      { length: plan.connections },
      () => new LoadConnection(plan, isDone),
    );
    await Promise.all(connections.map((one) => one.run()));
    const latenciesMs = connections.flatMap((one) => one.latenciesMs);
    return {
      requests: latenciesMs.length,
      tookMs: performance.now() - begunMs,
      latenciesMs: Float64Array.from(latenciesMs),
      wrong: connections.find(({ wrong }) => wrong !== undefined)?.wrong,
    };
  },
};

export type QueryLoadCommands = typeof commands;

serveCommands(commands);
