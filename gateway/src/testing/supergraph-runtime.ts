import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { unifiedGraphHandler } from '@graphql-hive/router-runtime';
import { composeServices } from '@theguild/federation-composition';
import { type DocumentNode, type GraphQLSchema, graphql, parse, print } from 'graphql';

/** A subgraph of a supergraph: asked with an operation's text, as over HTTP. */
export interface Subgraph {
  readonly name: string;
  /** What its `_service { sdl }` says. */
  readonly sdl: string;
  ask(request: { readonly query: string; readonly variables?: object }): Promise<unknown>;
}

/** A subgraph in this process, known by nothing but what it says of itself. */
export async function localSubgraph(name: string, schema: GraphQLSchema): Promise<Subgraph> {
  const said = await graphql({ schema, source: '{ _service { sdl } }' });
  const sdl = (said.data as { _service: { sdl: string } } | null)?._service.sdl;
  if (sdl === undefined) throw new Error(`${name} has no _service: ${String(said.errors?.[0])}`);
  return {
    name,
    sdl,
    async ask({ query, variables }) {
      const variableValues = (variables ?? {}) as Record<string, unknown>;
      const answer = await graphql({ schema, source: query, variableValues });
      // As it would come over the wire.
      return JSON.parse(JSON.stringify(answer)) as unknown;
    },
  };
}

/** Several subgraphs as one API: composed, planned and executed as a broker would. */
export interface SupergraphRuntime {
  readonly supergraphSdl: string;
  readonly publicSdl: string;
  /** The names of the subgraphs that were asked, in order. */
  readonly asked: string[];
  ask(
    query: string,
    variables?: object,
  ): Promise<{ data?: unknown; errors?: { message: string }[] }>;
  stop(): Promise<void>;
}

/** Composes subgraphs, and executes their supergraph with the Hive runtime. */
export function runSupergraph(subgraphs: readonly Subgraph[]): SupergraphRuntime {
  const composed = composeServices(
    subgraphs.map(({ name, sdl }) => ({ name, typeDefs: parse(sdl) })),
  );
  if (composed.supergraphSdl === undefined) {
    throw new Error(composed.errors.map(({ message }) => message).join('\n'));
  }
  const asked: string[] = [];
  const runtime = createGatewayRuntime({
    supergraph: composed.supergraphSdl,
    unifiedGraphHandler,
    transports: () => ({
      getSubgraphExecutor: ({ subgraphName }) => {
        const subgraph = subgraphs.find(({ name }) => name === subgraphName);
        const executor = (request: { document: DocumentNode; variables?: object }) => {
          asked.push(subgraphName);
          const { document, variables } = request;
          return subgraph?.ask({ query: print(document), ...(variables ? { variables } : {}) });
        };
        return executor as never;
      },
    }),
    maskedErrors: false,
    logging: false,
  });
  return {
    ...{ supergraphSdl: composed.supergraphSdl, publicSdl: composed.publicSdl, asked },
    async ask(query, variables) {
      const response = await runtime.fetch('http://broker/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as never;
    },
    stop: () => Promise.resolve(runtime.dispose()),
  };
}
