import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError } from '@stoa/schema';
import type { Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';

/** Where to listen. Port 0 takes a free one. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
}

/** What stands behind the paths of a process's one HTTP port. */
export interface HttpServerNeeds {
  /** Serves /graphql. */
  readonly graphql: {
    request(request: IncomingMessage, response: ServerResponse): unknown;
    /** Takes over the connection of a WebSocket handshake. */
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  };
  readonly metrics: Registry;
  /** What this process still waits for, one sentence each; empty when it is ready. */
  readonly readiness: () => readonly string[] | Promise<readonly string[]>;
  readonly logger: Logger;
}

/** A listening server. */
export interface HttpServer {
  /** `http://host:port`, without a path. */
  readonly url: string;
  /** Ends within a second: what is still open then is cut. */
  stop(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 10_000;
/** Time for answers that are being written when the server stops. */
const STOP_GRACE_MS = 500;

/**
 * Serves /graphql, /livez, /readyz and /metrics on one port.
 *
 * @throws CodedError HTTP_LISTEN_FAILED when the address cannot be had
 */
export async function startHttpServer(
  options: ListenOptions,
  needs: HttpServerNeeds,
): Promise<HttpServer> {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    route(request, response, needs).catch((error: unknown) => {
      needs.logger.error({ err: error }, 'request failed');
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (pathOf(request) === '/graphql') needs.graphql.upgrade(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new CodedError('HTTP_LISTEN_FAILED', `Cannot listen on ${options.host}:${options.port}.`, {
          cause,
        }),
      ),
    );
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;

  return {
    url: `http://${host}:${port}`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS);
      await closed;
      clearTimeout(cut);
    },
  };
}

async function route(request: IncomingMessage, response: ServerResponse, needs: HttpServerNeeds) {
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  const path = pathOf(request);
  if (path === '/graphql') {
    response.setHeader('cache-control', 'no-store');
    await needs.graphql.request(request, response);
  } else if (path === '/livez') {
    send(response, 200, 'text/plain', 'ok\n');
  } else if (path === '/readyz') {
    const waitsFor = await needs.readiness();
    const body = JSON.stringify({ ready: waitsFor.length === 0, waitsFor });
    send(response, waitsFor.length === 0 ? 200 : 503, 'application/json', `${body}\n`);
  } else if (path === '/metrics') {
    send(response, 200, needs.metrics.contentType, await needs.metrics.metrics());
  } else {
    send(response, 404, 'text/plain', 'There is /graphql, /livez, /readyz and /metrics.\n');
  }
}

function pathOf({ url = '/' }: IncomingMessage): string | undefined {
  return url.split('?')[0];
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}
