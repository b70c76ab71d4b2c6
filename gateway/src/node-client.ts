import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

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
  const deadline = AbortSignal.timeout(question.timeoutMs);
  const signal = question.signal ? AbortSignal.any([question.signal, deadline]) : deadline;
  return new Promise((resolve) => {
    let isConnected = false;
    const request = (isTls ? httpsRequest : httpRequest)(question.url, {
      method: 'POST',
      signal,
      agent: question.repeatable && pooled ? pooled : false,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(question.body),
        accept: 'application/json',
        ...question.headers,
      },
    });
    const fail = (reason: string, wasStale = false) => {
      request.destroy();
      resolve({ answer: { answered: false, reason, mayHaveBeenHeard: isConnected }, wasStale });
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
      if (deadline.aborted) fail(`no answer within ${question.timeoutMs} ms`);
      else if (signal.aborted) fail('the caller went away');
      else fail(error.code ?? error.message, request.reusedSocket && error.code === 'ECONNRESET');
    });
    request.on('response', (response) => {
      readAnswer(response).then(
        (result) => resolve({ answer: { answered: true, result }, wasStale: false }),
        (error: Error) =>
          fail(deadline.aborted ? `no answer within ${question.timeoutMs} ms` : error.message),
      );
    });
    request.end(question.body);
  });
}

/** Reads a whole answer, up to a bound. @throws Error where it is none */
export async function readAnswer(response: IncomingMessage): Promise<NodeResult> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`an answer beyond ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  const result = parseAnswer(Buffer.concat(chunks).toString('utf8'));
  if (!result) throw new Error(`HTTP ${response.statusCode} without a GraphQL answer`);
  return result;
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
