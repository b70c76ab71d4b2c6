import { z } from 'zod';
import { isTrustworthyUrl } from './fetch-json.ts';
import { CLAIM_NAMES, type ClaimNames } from './token-claims.ts';
import { TOKEN_ALGORITHMS, type TokenOptions } from './token-verifier.ts';

const words = (fallback: readonly string[]) =>
  z
    .string()
    .transform((text) => text.split(',').flatMap((word) => word.trim() || []))
    .default([...fallback]);

/** Signatures that only the holder of a private key can make (RFC 7518, RFC 8037). */
const ASYMMETRIC = /^(EdDSA|ES(256|384|512)|PS(256|384|512)|RS(256|384|512))$/;

const algorithms = words(TOKEN_ALGORITHMS).refine(
  (names) => names.length > 0 && names.every((name) => ASYMMETRIC.test(name)),
  'must be asymmetric algorithms such as EdDSA,ES256',
);

/** `member=…,home=…,scope=…,role=…`: those that are not named keep their own names. */
const claimNames = words([]).transform((items, context): ClaimNames => {
  const names: Record<string, string> = { ...CLAIM_NAMES };
  for (const item of items) {
    const [, claim = '', name = ''] = /^(member|home|scope|role)=(.{1,256})$/.exec(item) ?? [];
    if (claim === '') {
      const message = `"${item}" is not member, home, scope or role, = and a claim's name`;
      context.addIssue({ code: 'custom', message });
    } else names[claim] = name;
  }
  return { ...CLAIM_NAMES, ...names };
});

const jwks = z
  .string()
  .min(1)
  .refine(
    (place) => !/^https?:/.test(place) || isTrustworthyUrl(place),
    'must be a file, or https:// (http:// only on this machine)',
  );

const publicUrls = words([]).refine(
  (urls) => urls.every((url) => /^https?:$/.test(URL.parse(url)?.protocol ?? '')),
  'must be URLs such as https://stoa.example/graphql',
);

/** What a process's environment says about access tokens; a node's and a gateway's alike. */
export const tokenEnvironment = {
  STOA_JWKS: jwks.optional(),
  STOA_TOKEN_ISSUER: z.string().min(1),
  STOA_TOKEN_AUDIENCE: z.string().min(1).default('stoa'),
  STOA_TOKEN_ALGORITHMS: algorithms,
  STOA_TOKEN_TYPE: z.enum(['at+jwt', 'JWT']).default('at+jwt'),
  STOA_TOKEN_CLAIMS: claimNames,
  STOA_TOKEN_INTROSPECTION_FILE: z.string().min(1).optional(),
  STOA_TOKEN_DENYLIST_FILE: z.string().min(1).optional(),
  STOA_PROOF_EXEMPT_CLIENTS: words([]),
  STOA_PROOF_NONCE: z.enum(['on', 'off']).default('off'),
  STOA_PUBLIC_URLS: publicUrls,
};

const parsed = z.object(tokenEnvironment);

/** The mistake of an environment in which no keys could be found; undefined where they can. */
export function keysMistake(env: z.output<typeof parsed>): string | undefined {
  if (env.STOA_JWKS !== undefined || isTrustworthyUrl(env.STOA_TOKEN_ISSUER)) return undefined;
  return 'is needed where STOA_TOKEN_ISSUER is not an https:// URL whose metadata names the keys';
}

/** {@link TokenOptions} of an environment. */
export function tokenOptions(env: z.output<typeof parsed>): TokenOptions {
  return {
    jwks: env.STOA_JWKS,
    issuer: env.STOA_TOKEN_ISSUER,
    audience: env.STOA_TOKEN_AUDIENCE,
    algorithms: env.STOA_TOKEN_ALGORITHMS,
    type: env.STOA_TOKEN_TYPE,
    claims: env.STOA_TOKEN_CLAIMS,
    introspectionFile: env.STOA_TOKEN_INTROSPECTION_FILE,
    denylistFile: env.STOA_TOKEN_DENYLIST_FILE,
    proofExemptClients: env.STOA_PROOF_EXEMPT_CLIENTS,
    proofNonce: env.STOA_PROOF_NONCE === 'on',
    publicUrls: env.STOA_PUBLIC_URLS,
  };
}
