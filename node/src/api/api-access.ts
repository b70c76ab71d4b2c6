import type { DirectorySource, MemberId } from '@stoa/schema';
import {
  createTokenVerifier,
  TOKEN_ALGORITHMS,
  type TokenOptions,
  type TokenVerifier,
} from '../access/token-verifier.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type ApiGuardOptions, type ApiGuards, createApiGuards } from './api-guards.ts';
import type { HttpDocument } from './http-server.ts';
import { createRequestCredentials, type RequestCredentials } from './request-credentials.ts';
import {
  ownUrls,
  RESOURCE_METADATA_PATH,
  resourceMetadata,
  resourceUrl,
} from './resource-metadata.ts';

/** All that stands between a request and the execution of its operation. */
export interface ApiAccess {
  readonly verifier: TokenVerifier;
  readonly credentials: RequestCredentials;
  readonly guards: ApiGuards;
  /** Documents that say where tokens for this server come from. */
  documents(path: string): HttpDocument | undefined;
  /** Told of the server's own address once it listens. */
  listening(url: string): void;
  close(): void;
}

/**
 * Opens what nodes and gateways have alike: the check of tokens and proofs, and the guards.
 *
 * @throws CodedError JWKS_UNREADABLE, FILE_UNREADABLE
 */
export async function openApiAccess(
  options: { readonly tokens: TokenOptions; readonly guards?: ApiGuardOptions | undefined },
  needs: {
    readonly directory: DirectorySource;
    readonly logger: Logger;
    /** The member whose node this is; absent for a gateway. */
    readonly self?: MemberId;
  },
): Promise<ApiAccess> {
  const { tokens, guards: guardOptions = {} } = options;
  let url = 'http://localhost';
  const verifier = await createTokenVerifier(tokens, { ...needs, ownUrls: () => ownUrls(url) });
  const credentials = createRequestCredentials(verifier, {
    metadataUrl: () => new URL(RESOURCE_METADATA_PATH, resourceUrl(tokens, url)).href,
    proofAlgorithms: tokens.algorithms ?? TOKEN_ALGORITHMS,
  });
  const guards = await createApiGuards(guardOptions, needs);
  return {
    ...{ verifier, credentials, guards },
    documents: (path) => resourceMetadata(path, tokens, url),
    listening(own) {
      url = own;
    },
    close() {
      verifier.close();
      guards.close();
    },
  };
}
