import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError } from '@stoa/schema';
import type { Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import { createHttpFront, type HttpFrontOptions } from './http-front.ts';

/** Where to listen. Port 0 takes a free one. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
}

/** How a process is served over HTTP. */
export interface HttpServerOptions extends ListenOptions {
  readonly front?: HttpFrontOptions | undefined;
  /**
   * Where /metrics is served, and /readyz with its reasons. Absent: beside the API where that listens on
   * this machine alone; elsewhere not at all, because counts tell strangers of members' business.
   */
  readonly operations?: ListenOptions | undefined;
}

/** A document under a path of its own, such as `/.well-known/…`. */
export interface HttpDocument {
  readonly type: string;
  readonly body: string;
}

/** What stands behind the paths of a process's HTTP port. */
export interface HttpServerNeeds {
  /** Serves /graphql. */
  readonly graphql: {
    request(request: IncomingMessage, response: ServerResponse): unknown;
    /** Takes over the connection of a WebSocket handshake. */
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  };
  /** Takes a browser's request for /graphql; false for what is none. */
  readonly page?: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly documents?: (path: string) => HttpDocument | undefined;
  readonly metrics: Registry;
  /** What this process still waits for, one sentence each; empty when it is ready. */
  readonly readiness: () => readonly string[] | Promise<readonly string[]>;
  readonly logger: Logger;
}

/** A listening server. */
export interface HttpServer {
  /** `http://host:port`, without a path. */
  readonly url: string;
  /** Of the port for operations, where there is one. */
  readonly operationsUrl?: string;
  /** Ends within a second: what is still open then is cut. */
  stop(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often the two are looked at: with Node's half a minute a slow head would have all of that. */
const CHECK_INTERVAL_MS = 2_000;
const MAX_CONNECTIONS = 10_000;
/** Time for answers that are being written when the server stops. */
const STOP_GRACE_MS = 500;

/**
 * Serves /graphql, /livez, /readyz and /metrics; the last on a port of its own where one is given.
 *
 * @throws CodedError HTTP_LISTEN_FAILED when an address cannot be had
 */
export async function startHttpServer(
  options: HttpServerOptions,
  needs: HttpServerNeeds,
): Promise<HttpServer> {
  const front = createHttpFront(options.front ?? {});
  const hasOperations = options.operations === undefined && isLoopback(options.host);
  const api = createListener(needs.logger, (request, response) =>
    front.admit(request, response) ? route(request, response, needs, hasOperations) : undefined,
  );
  api.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const isOurs = pathOf(request) === '/graphql';
    if (isOurs && front.admitUpgrade(request)) needs.graphql.upgrade(request, socket, head);
    else
      socket.end(
        `HTTP/1.1 ${isOurs ? '429 Too Many Requests' : '404 Not Found'}\r\nconnection: close\r\n\r\n`,
      );
  });
  const url = await listen(api, options);
  if (options.operations === undefined) return { url, stop: () => stopListener(api) };
  const operations = createListener(needs.logger, (request, response) =>
    routeOperations(request, response, needs),
  );
  try {
    const operationsUrl = await listen(operations, options.operations);
    return {
      ...{ url, operationsUrl },
      async stop() {
        await Promise.all([stopListener(api), stopListener(operations)]);
      },
    };
  } catch (error) {
    await stopListener(api);
    throw error;
  }
}

function createListener(
  logger: Logger,
  serve: (request: IncomingMessage, response: ServerResponse) => Promise<void> | undefined,
): Server {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response)?.catch((error: unknown) => {
      logger.error({ err: error }, 'request failed');
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  return server;
}

async function listen(server: Server, { host, port }: ListenOptions): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new CodedError('HTTP_LISTEN_FAILED', `Cannot listen on ${host}:${port}.`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  const taken = (server.address() as AddressInfo).port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${taken}`;
}

async function stopListener(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS);
  await closed;
  clearTimeout(cut);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  needs: HttpServerNeeds,
  hasOperations: boolean,
): Promise<void> {
  const path = pathOf(request);
  const document = needs.documents?.(path);
  if (path === '/graphql') {
    response.setHeader('cache-control', 'no-store');
    if (!needs.page?.(request, response)) await needs.graphql.request(request, response);
  } else if (path === '/livez') {
    send(response, 200, 'text/plain', 'ok\n');
  } else if (document) {
    send(response, 200, document.type, document.body);
  } else if (hasOperations) {
    await routeOperations(request, response, needs);
  } else if (path === '/readyz') {
    await tellReadiness(response, needs, false);
  } else {
    send(response, 404, 'text/plain', 'There is /graphql, /livez and /readyz.\n');
  }
}

/** A load balancer has to know whether this process does its work; why not is its operator's to read. */
async function tellReadiness(
  response: ServerResponse,
  needs: HttpServerNeeds,
  withReasons: boolean,
): Promise<void> {
  const waitsFor = await needs.readiness();
  const ready = waitsFor.length === 0;
  const body = JSON.stringify(withReasons ? { ready, waitsFor } : { ready });
  send(response, ready ? 200 : 503, 'application/json', `${body}\n`);
}

async function routeOperations(
  request: IncomingMessage,
  response: ServerResponse,
  needs: HttpServerNeeds,
): Promise<void> {
  const path = pathOf(request);
  if (path === '/readyz') {
    await tellReadiness(response, needs, true);
  } else if (path === '/livez') {
    send(response, 200, 'text/plain', 'ok\n');
  } else if (path === '/metrics') {
    send(response, 200, needs.metrics.contentType, await needs.metrics.metrics());
  } else {
    send(response, 404, 'text/plain', 'There is /graphql, /livez, /readyz and /metrics.\n');
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?')[0] ?? '/';
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}
