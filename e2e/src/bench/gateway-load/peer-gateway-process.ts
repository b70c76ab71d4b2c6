import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadPeer } from '../bench-peers.ts';
import { serveCommands } from '../process-commands.ts';

/** A gateway of somebody else over the same nodes. */
export type PeerGateway = 'apollo' | 'hive';

/** What we use of @apollo/gateway and @apollo/server. */
interface ApolloGatewayModule {
  readonly ApolloGateway: new (options: object) => object;
  readonly RemoteGraphQLDataSource: new (options: object) => object;
}
interface ApolloServerModule {
  readonly ApolloServer: new (options: object) => object;
}
interface ApolloStandaloneModule {
  readonly startStandaloneServer: (server: object, options: object) => Promise<{ url: string }>;
}

interface HiveModule {
  readonly createGatewayRuntime: (options: object) => HiveRuntime;
}
type HiveRuntime = ((request: IncomingMessage, response: ServerResponse) => unknown) & {
  getSchema(): Promise<unknown>;
};

interface WithAuthorization {
  readonly request: { readonly http?: { headers: { set(name: string, value: string): void } } };
  readonly context: { readonly authorization?: string };
}

async function startApollo(supergraphSdl: string): Promise<string> {
  const gateway = loadPeer('@apollo/gateway') as ApolloGatewayModule;
  const { ApolloServer } = loadPeer('@apollo/server') as ApolloServerModule;
  const standalone = loadPeer('@apollo/server/standalone');
  const { startStandaloneServer } = standalone as ApolloStandaloneModule;
  const server = new ApolloServer({
    gateway: new gateway.ApolloGateway({
      supergraphSdl,
      // Its own transport, told to pass the caller's token on, which ours does as well.
      buildService: ({ url }: { url: string }) =>
        new gateway.RemoteGraphQLDataSource({
          url,
          willSendRequest({ request, context }: WithAuthorization) {
            if (context.authorization)
              request.http?.headers.set('authorization', context.authorization);
          },
        }),
    }),
  });
  const { url } = await startStandaloneServer(server, {
    listen: { port: 0, host: '127.0.0.1' },
    context: async ({ req }: { req: { headers: { authorization?: string } } }) => ({
      authorization: req.headers.authorization,
    }),
  });
  return url;
}

async function startHive(supergraph: string): Promise<string> {
  const hive = loadPeer('@graphql-hive/gateway-runtime') as HiveModule;
  const runtime = hive.createGatewayRuntime({
    supergraph,
    // The one setting that is not the default: without it private queries would be refused.
    propagateHeaders: {
      fromClientToSubgraphs: ({ request }: { request: Request }) => {
        const authorization = request.headers.get('authorization');
        return authorization === null ? {} : { authorization };
      },
    },
    logging: false,
  });
  await runtime.getSchema();
  const server = createServer((request, response) => void runtime(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
}

const commands = {
  start: ({ peer, supergraph }: { peer: PeerGateway; supergraph: string }): Promise<string> =>
    peer === 'apollo' ? startApollo(supergraph) : startHive(supergraph),
};

export type PeerGatewayCommands = typeof commands;

serveCommands(commands);
