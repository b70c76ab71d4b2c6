import type { IncomingMessage } from 'node:http';

/** A response, or a connection. */
interface Answering {
  once(event: 'close', listener: () => void): unknown;
  /** Of a response: whether all of it was handed on. Then nobody waits, and nobody has gone. */
  readonly writableFinished?: boolean;
}

/** Why signals abort; one for all. */
const GONE = new DOMException('Whoever asked is gone', 'AbortError');

/**
 * The head of a request as the stages of an engine read it (`method`, `url`, `headers`, `signal`). A
 * whole Request of the Fetch API, body included, would cost more than most operations; this one makes of
 * it what is asked for.
 */
export class RequestHead {
  readonly method: 'GET' | 'POST';
  readonly #request: IncomingMessage;
  readonly #replaced: Readonly<Record<string, string>>;
  readonly #answer: Answering;
  readonly #whole: RequestHead | undefined;
  #headers: HeadHeaders | undefined;
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
    whole?: RequestHead,
  ) {
    this.method = method;
    this.#request = request;
    this.#answer = answer;
    this.#replaced = replaced;
    this.#whole = whole;
  }

  /** The head of one of several operations on this connection, with headers of its own. */
  operation(headers: Readonly<Record<string, string>>): RequestHead {
    const replaced = { ...this.#replaced, ...headers };
    return new RequestHead(this.#request, this.#answer, this.method, replaced, this);
  }

  get url(): string {
    const { host = 'localhost' } = this.#request.headers;
    return new URL(this.#request.url ?? '/', `http://${host}`).href;
  }

  get headers(): HeadHeaders {
    this.#headers ??= new HeadHeaders({ ...this.#request.headers, ...this.#replaced });
    return this.#headers;
  }

  /** Aborts when whoever asked is gone. */
  get signal(): AbortSignal {
    // One listener a connection, however many operations it has.
    if (this.#whole) return this.#whole.signal;
    if (!this.#aborting) {
      const aborting = new AbortController();
      this.#aborting = aborting;
      this.#answer.once('close', () => {
        if (!this.#answer.writableFinished) aborting.abort(GONE);
      });
    }
    return this.#aborting.signal;
  }

  /** For engines, whose types ask for the whole of it. */
  get asRequest(): Request {
    return this as unknown as Request;
  }
}

/** Headers as they are read: by name from what Node has parsed, and all of them as the Fetch API has it. */
class HeadHeaders
  implements Pick<Headers, 'get' | 'has' | 'forEach' | 'entries' | 'keys' | 'values'>
{
  readonly #given: NodeJS.Dict<string | string[]>;
  #all: Headers | undefined;

  constructor(given: NodeJS.Dict<string | string[]>) {
    this.#given = given;
  }

  get(name: string): string | null {
    const value = this.#given[name.toLowerCase()];
    return value === undefined ? null : textOf(value);
  }

  has(name: string): boolean {
    return this.#given[name.toLowerCase()] !== undefined;
  }

  forEach(each: Parameters<Headers['forEach']>[0]): void {
    this.#whole().forEach(each);
  }

  entries() {
    return this.#whole().entries();
  }

  keys() {
    return this.#whole().keys();
  }

  values() {
    return this.#whole().values();
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  #whole(): Headers {
    if (this.#all) return this.#all;
    this.#all = new Headers();
    for (const [name, value] of Object.entries(this.#given)) {
      if (value !== undefined) this.#all.set(name, textOf(value));
    }
    return this.#all;
  }
}

function textOf(value: string | string[]): string {
  return Array.isArray(value) ? value.join(', ') : value;
}
