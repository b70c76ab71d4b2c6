import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Rate, RateLimits } from '../orders/terms/rate-limit.ts';
import { CLIENT_ADDRESS_HEADER, REQUEST_ID_HEADER } from './request-facts.ts';

/** What a server does with every request before it looks at what is asked. */
export interface HttpFrontOptions {
  /**
   * How many proxies of ours stand before this server: so many addresses from the right of
   * X-Forwarded-For are theirs, and the next is the client's. 0: the header is anybody's word.
   */
  readonly trustedProxies?: number | undefined;
  /** Requests of one client address; absent: not limited. */
  readonly addressRate?: Rate | undefined;
  /** Sites whose pages may read the answers: origins such as https://desk.example, or `*` for any. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Seconds for which browsers must come over TLS alone (RFC 6797); absent: the header is not sent. */
  readonly hstsSeconds?: number | undefined;
}

/** The front of a server. */
export interface HttpFront {
  /** Names, dresses and counts a request; false where it has been answered already. */
  admit(request: IncomingMessage, response: ServerResponse): boolean;
  /** The same for a WebSocket handshake, which has no answer to dress. */
  admitUpgrade(request: IncomingMessage): boolean;
}

const REQUEST_ID = /^[\w-]{8,64}$/;
/** Nothing of a page of ours may be framed, loaded or run; the page of GraphiQL has a policy of its own. */
const NO_CONTENT_POLICY =
  "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const CORS_REQUEST_HEADERS = 'authorization, content-type, dpop, last-event-id, x-request-id';
const CORS_RESPONSE_HEADERS = 'dpop-nonce, retry-after, www-authenticate, x-request-id';

/** Creates the {@link HttpFront} of a server. */
export function createHttpFront(
  { trustedProxies = 0, addressRate, hstsSeconds, corsOrigins = [] }: HttpFrontOptions,
  nowMs: () => number = Date.now,
): HttpFront {
  const rates = new RateLimits();
  const origins = new Set(corsOrigins);

  /** Milliseconds to wait; 0 for one that may go on. */
  function note(request: IncomingMessage): number {
    const address = clientAddress(request, trustedProxies);
    // Both are overwritten, so that no client can be another in our logs and limits.
    request.headers[CLIENT_ADDRESS_HEADER] = address;
    const given = request.headers[REQUEST_ID_HEADER];
    const isGood = typeof given === 'string' && REQUEST_ID.test(given);
    request.headers[REQUEST_ID_HEADER] = isGood ? given : randomUUID();
    return addressRate ? rates.take(networkOf(address), addressRate, nowMs()) : 0;
  }

  return {
    admit(request, response) {
      const waitMs = note(request);
      response.setHeader(REQUEST_ID_HEADER, String(request.headers[REQUEST_ID_HEADER]));
      response.setHeader('x-content-type-options', 'nosniff');
      response.setHeader('x-frame-options', 'DENY');
      response.setHeader('referrer-policy', 'no-referrer');
      response.setHeader('content-security-policy', NO_CONTENT_POLICY);
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      if (hstsSeconds !== undefined) {
        response.setHeader(
          'strict-transport-security',
          `max-age=${hstsSeconds}; includeSubDomains`,
        );
      }
      if (waitMs > 0) {
        refuseRate(response, waitMs);
        return false;
      }
      allowOrigin(request, response, origins);
      if (request.method !== 'OPTIONS') return true;
      response.writeHead(204).end();
      return false;
    },
    admitUpgrade: (request) => note(request) === 0,
  };
}

/**
 * Tokens travel in headers and never in cookies, so a foreign page can do nothing in its visitor's name;
 * the list says which pages may talk to this server from a browser at all.
 */
function allowOrigin(
  { headers }: IncomingMessage,
  response: ServerResponse,
  origins: ReadonlySet<string>,
): void {
  if (origins.size === 0) return;
  response.setHeader('vary', 'origin');
  const { origin } = headers;
  if (origin === undefined || !(origins.has('*') || origins.has(origin))) return;
  response.setHeader('access-control-allow-origin', origins.has('*') ? '*' : origin);
  response.setHeader('access-control-allow-methods', 'GET, POST');
  response.setHeader('access-control-allow-headers', CORS_REQUEST_HEADERS);
  response.setHeader('access-control-expose-headers', CORS_RESPONSE_HEADERS);
  response.setHeader('access-control-max-age', '600');
}

function refuseRate(response: ServerResponse, waitMs: number): void {
  const message = `Too many requests from your address. Wait ${waitMs} ms.`;
  const extensions = { code: 'RATE_LIMITED', retryAfterMs: waitMs };
  response.writeHead(429, {
    'content-type': 'application/json; charset=utf-8',
    'retry-after': String(Math.ceil(waitMs / 1_000)),
    // The body is not read: whoever floods must not make us read along.
    connection: 'close',
  });
  response.end(JSON.stringify({ errors: [{ message, extensions }] }));
}

function clientAddress(request: IncomingMessage, trustedProxies: number): string {
  const direct = request.socket.remoteAddress ?? '';
  if (trustedProxies === 0) return direct;
  const forwarded = String(request.headers['x-forwarded-for'] ?? '').split(',');
  const chain = [...forwarded.map((each) => each.trim()), direct].filter((each) => each !== '');
  return chain.at(-1 - trustedProxies) ?? chain[0] ?? direct;
}

/** A client of IPv6 has a /64 to itself, and with it 2^64 addresses: it counts as one. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  if (tail !== undefined) {
    const rest = tail.split(':').filter((group) => group !== '');
    const zeros = Math.max(0, 8 - groups.length - rest.length);
    groups.push(...Array.from({ length: zeros }, () => '0'), ...rest);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
