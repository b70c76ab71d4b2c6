import { TOKEN_ALGORITHMS, type TokenOptions } from '../access/token-verifier.ts';
import type { HttpDocument } from './http-server.ts';

/** Where the metadata of a protected resource stand: RFC 9728 section 3.1, for the resource /graphql. */
export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource/graphql';
const SHORT_PATH = '/.well-known/oauth-protected-resource';

/** The URL under which callers reach a server's GraphQL endpoint. */
export function resourceUrl({ publicUrls = [] }: TokenOptions, url: string): string {
  return publicUrls[0] ?? `${url}/graphql`;
}

/** URLs that a proof may name where none is configured: as the server knows itself on this machine. */
export function ownUrls(url: string): string[] {
  const { port } = new URL(url);
  return [`${url}/graphql`, `http://localhost:${port}/graphql`, `http://127.0.0.1:${port}/graphql`];
}

/** What a client has to know to get a token for this server (RFC 9728 section 2). */
export function resourceMetadata(
  path: string,
  options: TokenOptions,
  url: string,
): HttpDocument | undefined {
  if (path !== RESOURCE_METADATA_PATH && path !== SHORT_PATH) return undefined;
  const body = {
    resource: resourceUrl(options, url),
    authorization_servers: [options.issuer],
    scopes_supported: [
      'orders:read',
      'orders:write',
      'issuer:read',
      'settlement:operate',
      'records:read',
    ],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: options.algorithms ?? TOKEN_ALGORITHMS,
    resource_name: 'Stoa',
  };
  return { type: 'application/json', body: `${JSON.stringify(body)}\n` };
}
