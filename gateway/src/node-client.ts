import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { urlToHttpOptions } from 'node:url';

/** One question to one node. */
export interface NodeQuestion {
  readonly url: string;
  /** The operation as JSON. */
  readonly body: string;
  /** The caller's credentials, and what goes with them. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /**
   * Whether asking twice is harmless. A question that is not is sent on a connection of its own, so
   * that it cannot meet one that the node is just closing, and is never sent again.
   */
  readonly repeatable: boolean;
}

/** What came of it: the node's answer, or why there is none and whether it may have been heard. */
export type NodeAnswer = { readonly answered: true; readonly result: NodeResult } | NodeFailure;

/** Why there is no answer. */
export interface NodeFailure {
  readonly answered: false;
  readonly reason: string;
  readonly mayHaveBeenHeard: boolean;
  /** The node answered that it does not know what it was asked for, and so did nothing. */
  readonly isMisunderstood?: boolean;
}

/** A GraphQL response over HTTP. */
export interface NodeResult {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly NodeError[];
  /** The answer as it came, where it has data and nothing else: it can be passed on as it is. */
  readonly text?: string;
}

/** An error of a GraphQL response. */
export interface NodeError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Record<string, unknown>;
}

/** Asks nodes over HTTP. */
export interface NodeClient {
  /** Never rejects. */
  ask(question: NodeQuestion): Promise<NodeAnswer>;
  close(): void;
}

const MAX_ANSWER_BYTES = 8 * 1_024 * 1_024;
const MAX_SOCKETS_PER_NODE = 64;

/** Creates a {@link NodeClient} that keeps connections to nodes open. */
export function createNodeClient(): NodeClient {
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS_PER_NODE };
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) };

  async function ask(question: NodeQuestion): Promise<NodeAnswer> {
    const first = await send(question, agents);
    // A kept connection that the node had already closed: nothing is wrong with the node.
    if (first.wasStale && question.repeatable) return (await send(question, undefined)).answer;
    return first.answer;
  }

  return {
    ask,
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

function send(
  question: NodeQuestion,
  agents: { readonly http: HttpAgent; readonly https: HttpsAgent } | undefined,
): Promise<{ readonly answer: NodeAnswer; readonly wasStale: boolean }> {
  const isTls = question.url.startsWith('https:');
  const pooled = isTls ? agents?.https : agents?.http;
  const { signal, timeoutMs } = question;
  return new Promise((resolve) => {
    let isConnected = false;
    // A timer and a listener: a signal of its own for each question would cost as much as the question.
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    const leave = () => fail('the caller went away');
    const settle = (answer: NodeAnswer, wasStale = false) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
      resolve({ answer, wasStale });
    };
    const target = targetOf(question.url);
    const bytes = Buffer.byteLength(question.body);
    const request = (isTls ? httpsRequest : httpRequest)({
      ...target.options,
      method: 'POST',
      agent: question.repeatable && pooled ? pooled : false,
      headers: headersOf(target, question, bytes),
    });
    const fail = (reason: string, wasStale = false) => {
      request.destroy();
      settle({ answered: false, reason, mayHaveBeenHeard: isConnected }, wasStale);
    };
    request.on('socket', (socket) => {
      // A kept connection says nothing any more.
      if (!socket.connecting) isConnected = true;
      else {
        socket.once(isTls ? 'secureConnect' : 'connect', () => {
          isConnected = true;
        });
      }
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      fail(error.code ?? error.message, request.reusedSocket && error.code === 'ECONNRESET');
    });
    request.on('response', (response) => {
      readAnswer(response).then(
        (result) => settle({ answered: true, result }),
        (error: Error) => fail(error.message),
      );
    });
    signal?.addEventListener('abort', leave, { once: true });
    if (signal?.aborted) leave();
    // Where every character is a byte, the encodings are the same, and this one is only copied.
    request.end(question.body, bytes === question.body.length ? 'latin1' : 'utf8');
  });
}

/** Where a node is asked, as Node's client has it. */
interface Target {
  readonly options: RequestOptions;
  /** Headers that go with every question to it. */
  readonly headers: readonly string[];
  /** Of an address that has a name and a password in it. */
  readonly basic: string | undefined;
}

const targets = new Map<string, Target>();
const MAX_TARGETS = 1_000;

/** An address is taken apart once. */
function targetOf(address: string): Target {
  const known = targets.get(address);
  if (known) return known;
  const url = new URL(address);
  // No more than is looked at: Node's client copies all of it several times.
  const { auth, protocol, hostname, port, path } = urlToHttpOptions(url);
  const json = 'application/json';
  const target: Target = {
    options: { protocol, hostname, path, ...(port === undefined ? {} : { port }) },
    headers: ['host', url.host, 'accept', json, 'content-type', json],
    basic: auth ? `Basic ${Buffer.from(auth).toString('base64')}` : undefined,
  };
  if (targets.size >= MAX_TARGETS) targets.clear();
  targets.set(address, target);
  return target;
}

/** Names and values in turn: so Node's client writes them at once, and keeps no record of them. */
function headersOf({ headers, basic }: Target, question: NodeQuestion, bytes: number): string[] {
  const list = [...headers, 'content-length', String(bytes)];
  const { headers: given = {} } = question;
  for (const name in given) list.push(name, given[name] ?? '');
  if (basic !== undefined && given['authorization'] === undefined) {
    list.push('authorization', basic);
  }
  return list;
}

/** Reads a whole answer, up to a bound. @throws Error where it is none */
export async function readAnswer(response: IncomingMessage): Promise<NodeResult> {
  const result = parseAnswer((await readWhole(response)).toString('utf8'));
  if (!result) throw new Error(`HTTP ${response.statusCode} without a GraphQL answer`);
  return result;
}

function readWhole(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > MAX_ANSWER_BYTES) {
        response.destroy(new Error(`an answer beyond ${MAX_ANSWER_BYTES} bytes`));
      }
    });
    response.on('end', () => {
      const [only] = chunks;
      resolve(only && chunks.length === 1 ? only : Buffer.concat(chunks));
    });
    response.on('error', reject);
    response.on('close', () => {
      if (!response.readableEnded) reject(new Error('the answer was cut off'));
    });
  });
}

/** A node's answer, as far as it is one: it is another firm's process. */
export function parseAnswer(text: string): NodeResult | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { data, errors } = parsed as { data?: unknown; errors?: unknown };
  if (data !== undefined && typeof data !== 'object') return undefined;
  if (data === undefined && !Array.isArray(errors)) return undefined;
  const isDataAlone = Object.keys(parsed).length === 1 && data != null;
  if (isDataAlone) return { data: data as Record<string, unknown>, text };
  return {
    data: (data ?? null) as Record<string, unknown> | null,
    ...(Array.isArray(errors) ? { errors: errors.filter(isNodeError) } : {}),
  };
}

function isNodeError(error: unknown): error is NodeError {
  return (
    typeof error === 'object' &&
    error !== null &&
    'message' in error &&
    typeof error.message === 'string'
  );
}
