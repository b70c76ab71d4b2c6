import type { IncomingMessage } from 'node:http';

/** A response, or a connection. */
interface Answering {
  once(event: 'close', listener: () => void): unknown;
}

/**
 * The head of a request as the stages of an engine read it (`method`, `url`, `headers`, `signal`). A
 * whole Request of the Fetch API, body included, would cost more than most operations; this one makes of
 * it what is asked for.
 */
export class RequestHead {
  readonly method: string;
  readonly #request: IncomingMessage;
  readonly #replaced: Readonly<Record<string, string>>;
  readonly #answer: Answering;
  #headers: Headers | undefined;
  #aborting: AbortController | undefined;

  /**
   * `answer` is what closes when nobody waits any more; what replaces a header, as a token given later
   * does, comes in `replaced`.
   */
  constructor(
    request: IncomingMessage,
    answer: Answering,
    method: 'GET' | 'POST',
    replaced: Readonly<Record<string, string>> = {},
  ) {
    this.method = method;
    this.#request = request;
    this.#answer = answer;
    this.#replaced = replaced;
  }

  get url(): string {
    const { host = 'localhost' } = this.#request.headers;
    return new URL(this.#request.url ?? '/', `http://${host}`).href;
  }

  get headers(): Headers {
    this.#headers ??= headersOf({ ...this.#request.headers, ...this.#replaced });
    return this.#headers;
  }

  /** Aborts when whoever asked is gone. */
  get signal(): AbortSignal {
    if (!this.#aborting) {
      const aborting = new AbortController();
      this.#aborting = aborting;
      this.#answer.once('close', () => aborting.abort());
    }
    return this.#aborting.signal;
  }

  /** For engines, whose types ask for the whole of it. */
  get asRequest(): Request {
    return this as unknown as Request;
  }
}

function headersOf(given: NodeJS.Dict<string | string[]>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return headers;
}
