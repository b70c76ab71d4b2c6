import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Verification } from '../access/verification.ts';
import { SseResponse } from '../streams/sse-response.ts';
import {
  TRANSPORT_WS_OPTIONS,
  TransportWsConnection,
  type TransportWsOptions,
} from '../streams/transport-ws.ts';
import { answerDirectly, type DirectAnswerNeeds } from './direct-answer.ts';
import { networkOf } from './http-front.ts';
import { afterOf, operationOf, refuseRequest } from './operation-request.ts';
import { CLIENT_ADDRESS_HEADER, factsOf } from './request-facts.ts';
import { RequestHead } from './request-head.ts';
import type { StreamOperations } from './stream-operations.ts';

/** Bounds and times of an endpoint. */
export interface GraphqlEndpointOptions {
  readonly maxBodyBytes: number;
  /** How often every stream is told, or asked, that the other side is there. */
  readonly heartbeatMs: number;
  /** A reader that takes nothing at all for so long is cut off. */
  readonly stallMs: number;
  readonly transportWs: TransportWsOptions;
}

export const GRAPHQL_ENDPOINT_OPTIONS: GraphqlEndpointOptions = {
  maxBodyBytes: 128 * 1_024,
  heartbeatMs: 10_000,
  stallMs: 30_000,
  transportWs: TRANSPORT_WS_OPTIONS,
};

/** What stands behind an endpoint. */
export interface GraphqlEndpointNeeds extends DirectAnswerNeeds {
  /** Serves what is neither a stream nor JSON for JSON: pages, other media types, preflights. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => unknown;
  readonly operations: StreamOperations;
  readonly verify: (authorization: string | null) => Promise<Verification>;
}

/** /graphql over HTTP/1.1 and WebSocket. */
export interface GraphqlEndpoint {
  request(request: IncomingMessage, response: ServerResponse): Promise<void>;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends every stream and connection, each with its reason. */
  close(): void;
}

const SUBPROTOCOL = 'graphql-transport-ws';

/**
 * Creates the endpoint. Streams (Server-Sent Events, WebSocket), JSON for JSON, and the rest: all of
 * them pass the engine's stages before anything is executed.
 */
export function createGraphqlEndpoint(
  options: GraphqlEndpointOptions,
  needs: GraphqlEndpointNeeds,
): GraphqlEndpoint {
  const responses = new Set<SseResponse>();
  const connections = new Set<TransportWsConnection<RequestHead>>();
  const sockets = new WebSocketServer({
    noServer: true,
    // Compressed, a thousand readers would need a thousand encodings of one update.
    perMessageDeflate: false,
    maxPayload: options.maxBodyBytes,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  const heart = setInterval(() => {
    for (const response of responses) response.beat(options.stallMs);
    for (const connection of connections) connection.beat();
    needs.operations.beat();
  }, options.heartbeatMs).unref();

  return {
    async request(request, response) {
      const isStream = request.headers.accept?.includes('text/event-stream') ?? false;
      if (isStream && request.method !== 'OPTIONS') {
        await serveEvents(request, response, { options, needs, responses });
        return;
      }
      const isAnswered = await answerDirectly(request, response, options.maxBodyBytes, needs);
      if (!isAnswered) await needs.answer(request, response);
    },
    upgrade(request, socket, head) {
      sockets.handleUpgrade(request, socket, head, (ws) => {
        if (ws.protocol !== SUBPROTOCOL) ws.close(4406, 'Subprotocol not acceptable');
        else serveSocket(ws, request, { options, needs, connections });
      });
    },
    close() {
      clearInterval(heart);
      needs.operations.endAll();
      for (const connection of connections) connection.close(1012, 'This server is stopping');
      sockets.close();
    },
  };
}

/** One operation a response: GraphQL over SSE, "distinct connections mode". */
async function serveEvents(
  request: IncomingMessage,
  response: ServerResponse,
  serving: {
    readonly options: GraphqlEndpointOptions;
    readonly needs: GraphqlEndpointNeeds;
    readonly responses: Set<SseResponse>;
  },
): Promise<void> {
  const { options, needs, responses } = serving;
  const asked = await operationOf(request, options.maxBodyBytes);
  if ('status' in asked) {
    refuseRequest(response, asked);
    return;
  }
  // On a connection with requests in advance, the answers before this one come first.
  if (!response.socket) await once(response, 'socket');
  if (request.socket.destroyed) return;
  const stream = new SseResponse(request, response);
  responses.add(stream);
  const seen = request.headers['last-event-id'];
  const after = typeof seen === 'string' && seen !== '' ? seen : afterOf(asked.params);
  const head = new RequestHead(request, response, request.method === 'GET' ? 'GET' : 'POST');
  if (asked.body !== undefined) factsOf(head.asRequest).body = asked.body;
  const caller = { request: head, address: addressOf(request), after };
  const stop = needs.operations.run(asked.params, caller, stream);
  response.on('close', () => {
    responses.delete(stream);
    stop();
  });
}

function serveSocket(
  ws: WebSocket,
  request: IncomingMessage,
  serving: {
    readonly options: GraphqlEndpointOptions;
    readonly needs: GraphqlEndpointNeeds;
    readonly connections: Set<TransportWsConnection<RequestHead>>;
  },
): void {
  const { options, needs, connections } = serving;
  const address = addressOf(request);
  const connection = new TransportWsConnection<RequestHead>(
    ws,
    request.socket as Socket,
    {
      async connect(payload) {
        const given = payload['authorization'] ?? payload['Authorization'];
        const authorization = typeof given === 'string' ? given : request.headers.authorization;
        const auth = await needs.verify(authorization ?? null);
        // A token that is bound to a key is good: each operation comes with a proof of its own.
        const isToBeProven = /^DPoP /i.test(authorization ?? '') && isProofMissing(auth);
        if (auth.kind === 'refused' && !isToBeProven) return { refused: auth.reason };
        return {
          session: new RequestHead(request, ws, 'POST', authorization ? { authorization } : {}),
        };
      },
      run: (session, params, reader) => {
        const proof = params.extensions?.['dpop'];
        const head = session.operation(typeof proof === 'string' ? { dpop: proof } : {});
        const caller = { request: head, address, after: afterOf(params) };
        return needs.operations.run(params, caller, reader);
      },
      onClose: () => connections.delete(connection),
    },
    options.transportWs,
  );
  connections.add(connection);
}

function isProofMissing(auth: Verification): boolean {
  return auth.kind === 'refused' && auth.code === 'PROOF_REQUIRED';
}

/** As this server's front has noted it: behind a proxy the socket is the proxy's for everybody. */
function addressOf({ headers, socket }: IncomingMessage): string {
  const noted = headers[CLIENT_ADDRESS_HEADER];
  return networkOf(typeof noted === 'string' ? noted : (socket.remoteAddress ?? ''));
}
