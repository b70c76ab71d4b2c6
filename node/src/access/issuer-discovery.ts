import { CodedError } from '@stoa/schema';
import { z } from 'zod';
import { fetchJson, isTrustworthyUrl } from './fetch-json.ts';

const metadata = z.object({ issuer: z.string(), jwks_uri: z.url() });

/**
 * Where an issuer says that its documents are: RFC 8414 section 3.1 puts the well-known part between
 * host and path, OpenID Connect Discovery 1.0 section 4 behind the path.
 */
function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ];
}

/**
 * Finds the key set of an issuer by its metadata.
 *
 * @throws CodedError ISSUER_UNDISCOVERED where neither document can be had, or says another issuer
 */
export async function discoverKeySet(issuer: string): Promise<string> {
  const reasons: string[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      const found = metadata.parse(await fetchJson(url));
      // RFC 8414 section 3.3: otherwise one issuer could speak for another.
      if (found.issuer !== issuer) throw new Error(`it is the metadata of ${found.issuer}`);
      if (!isTrustworthyUrl(found.jwks_uri)) throw new Error('its jwks_uri is not https');
      return found.jwks_uri;
    } catch (error) {
      reasons.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new CodedError(
    'ISSUER_UNDISCOVERED',
    `The metadata of ${issuer} cannot be had (${reasons.join('; ')}).`,
  );
}
