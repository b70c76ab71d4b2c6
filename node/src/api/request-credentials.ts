import { type DocumentNode, type ExecutionResult, Kind } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { TokenVerifier } from '../access/token-verifier.ts';
import type { Verification } from '../access/verification.ts';
import { type ApiErrorCode } from './api-error.ts';
import { factsOf } from './request-facts.ts';

/** A gateway's statement of whom it forwards (see `access/forwarded-proof.ts`). */
const FORWARDED_HEADER = 'stoa-forwarded';

/** Credentials of requests: how they are checked, and how a client is told what is missing. */
export interface RequestCredentials {
  /** Never rejects. */
  verify(request: Request): Promise<Verification>;
  /** Headers that go with an answer: what its errors say of the credentials, in the words of the RFCs. */
  readonly challenges: (
    request: Request,
    result: ExecutionResult,
  ) => readonly (readonly [name: string, value: string])[];
  /** Notes what an operation does before its caller is checked, and adds challenges to answers. */
  readonly plugin: Plugin;
}

/** Creates the {@link RequestCredentials} of a server. */
export function createRequestCredentials(
  verifier: TokenVerifier,
  options: {
    /** Where the metadata of this protected resource are (RFC 9728). */
    readonly metadataUrl: () => string;
    readonly proofAlgorithms: readonly string[];
  },
): RequestCredentials {
  const challenges: RequestCredentials['challenges'] = (request, result) => {
    const headers: [string, string][] = [];
    const nonce = verifier.nonce();
    const challenge = result.errors && challengeOf(codesOf(result));
    // RFC 9449 section 8.2: a client that proves is told the next nonce before it needs it.
    if (nonce !== undefined && (challenge || request.headers.has('dpop'))) {
      headers.push(['dpop-nonce', nonce]);
    }
    if (!challenge) return headers;
    const metadata = `resource_metadata="${options.metadataUrl()}"`;
    const algs = `algs="${options.proofAlgorithms.join(' ')}"`;
    const { bearer, dpop } = challenge;
    headers.push(['www-authenticate', `Bearer ${[metadata, ...bearer].join(', ')}`]);
    headers.push(['www-authenticate', `DPoP ${[metadata, algs, ...dpop].join(', ')}`]);
    return headers;
  };
  const plugin: Plugin = {
    onParse({ context }) {
      return ({ result }) => {
        const { request } = context as { request?: Request };
        if (request && isDocument(result)) factsOf(request).acts = acts(result);
      };
    },
    onResultProcess({ request, result }) {
      if (Symbol.asyncIterator in result || Array.isArray(result)) return;
      factsOf(request).headers = challenges(request, result);
    },
    onResponse({ request, response }) {
      for (const [name, value] of factsOf(request).headers ?? []) {
        response.headers.append(name, value);
      }
    },
  };
  return {
    ...{ plugin, challenges },
    verify(request) {
      const { headers, method } = request;
      const { body, acts: does = true } = factsOf(request);
      return verifier.verify(headers.get('authorization'), {
        ...{ method, body, acts: does },
        proof: headers.get('dpop'),
        forwarded: headers.get(FORWARDED_HEADER),
      });
    },
  };
}

function isDocument(result: unknown): result is DocumentNode {
  return typeof result === 'object' && result !== null && 'definitions' in result;
}

/** Any operation of it: which one is asked for is not known yet, and it makes no difference. */
function acts({ definitions }: DocumentNode): boolean {
  return definitions.some(
    (one) => one.kind === Kind.OPERATION_DEFINITION && one.operation !== 'query',
  );
}

function codesOf({ errors = [] }: ExecutionResult): string[] {
  return errors.flatMap(({ extensions }) =>
    typeof extensions?.['code'] === 'string' ? [extensions['code']] : [],
  );
}

interface Challenge {
  readonly bearer: readonly string[];
  readonly dpop: readonly string[];
}

/** RFC 6750 section 3.1 and RFC 9449 section 7.1: what was wrong with the credentials, in their words. */
const CHALLENGES: Partial<Record<ApiErrorCode, Challenge>> = {
  UNAUTHENTICATED: both('invalid_token'),
  TOKEN_REVOKED: both('invalid_token'),
  MEMBER_NOT_STANDING: both('invalid_token'),
  FORBIDDEN: both('insufficient_scope'),
  PROOF_REQUIRED: { bearer: [], dpop: ['error="invalid_dpop_proof"'] },
  PROOF_INVALID: { bearer: [], dpop: ['error="invalid_dpop_proof"'] },
  PROOF_NONCE: { bearer: [], dpop: ['error="use_dpop_nonce"'] },
};

function both(error: string): Challenge {
  return { bearer: [`error="${error}"`], dpop: [`error="${error}"`] };
}

function challengeOf(codes: readonly string[]): Challenge | undefined {
  for (const code of codes) {
    const challenge = CHALLENGES[code as ApiErrorCode];
    if (challenge) return challenge;
  }
  return undefined;
}
