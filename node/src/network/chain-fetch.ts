import { Agent, type IncomingMessage, request } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { CodedError } from '@stoa/schema';

/** No answer of a chain's RPC that a node asks for is larger. */
const MAX_ANSWER_BYTES = 10_485_760;

/** What viem's transport needs of the Fetch API's. */
type ChainFetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * Asks a chain's RPC over kept connections. A node asks several times a second whether there is a new
 * block, beside all else it does: the Fetch API's requests, responses and streams cost it some
 * times as much as Node's own client.
 */
export function createChainFetch(): ChainFetch {
  const agents = { http: new Agent({ keepAlive: true }), https: new TlsAgent({ keepAlive: true }) };
  return async (url, init) => {
    const asked = { url: new URL(url instanceof Request ? url.url : url), init: init ?? {} };
    try {
      return await post(asked, agents);
    } catch (error) {
      // The server ended a kept connection just as it was used. What is asked may be asked twice:
      // questions, and transactions as they were signed.
      if (!(error instanceof CodedError) || error.code !== 'CHAIN_CONNECTION_ENDED') throw error;
      return post(asked, agents);
    }
  };
}

interface Asked {
  readonly url: URL;
  readonly init: RequestInit;
}

function post(
  { url, init }: Asked,
  agents: { readonly http: Agent; readonly https: TlsAgent },
): Promise<Response> {
  const isTls = url.protocol === 'https:';
  const options = {
    method: init.method ?? 'POST',
    headers: init.headers as Record<string, string>,
    ...(init.signal && { signal: init.signal }),
  };
  return new Promise((resolve, reject) => {
    const taken = (response: IncomingMessage): void => {
      textOf(response).then((text) => resolve(answerOf(response, text)), reject);
    };
    const sent = isTls
      ? tlsRequest(url, { ...options, agent: agents.https }, taken)
      : request(url, { ...options, agent: agents.http }, taken);
    sent.on('error', (cause: NodeJS.ErrnoException) => {
      const isStale = sent.reusedSocket && cause.code === 'ECONNRESET';
      reject(isStale ? new CodedError('CHAIN_CONNECTION_ENDED', cause.message, { cause }) : cause);
    });
    sent.end(init.body as string);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_ANSWER_BYTES) {
      response.destroy();
      throw new CodedError(
        'CHAIN_ANSWER_TOO_LARGE',
        `The answer has over ${MAX_ANSWER_BYTES} bytes.`,
      );
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function answerOf(response: IncomingMessage, text: string): Response {
  const { statusCode: status = 0, statusMessage: statusText = '' } = response;
  const headers = {
    get: (name: string) => response.headers[name.toLowerCase()]?.toString() ?? null,
  };
  const ok = status >= 200 && status < 300;
  return { ok, status, statusText, headers, body: null, text: async () => text } as Response;
}
