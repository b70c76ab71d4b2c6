import { readFile } from 'node:fs/promises';
import { CodedError } from '@stoa/schema';
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { fetchJson, isTrustworthyUrl } from './fetch-json.ts';

/** Asks the issuer what a token says that nobody but the issuer can read (RFC 7662). */
export interface TokenIntrospection {
  /**
   * What the token says; undefined for one that is not active.
   *
   * @param digest names the token: what could be replayed is not kept
   * @throws CodedError INTROSPECTION_BUSY, INTROSPECTION_FAILED
   */
  ask(token: string, digest: string): Promise<JWTPayload | undefined>;
}

/** How long an answer counts: so long at most does a revoked token go on being taken. */
export const INTROSPECTED_FOR_MS = 30_000;
/** Nobody's token becomes one by being sent again. */
const REFUSED_FOR_MS = 5_000;
const MAX_REFUSED = 10_000;
const MAX_ASKED_AT_ONCE = 32;

const settings = z.strictObject({
  url: z.string().refine(isTrustworthyUrl, 'must be https:// (http:// only on this machine)'),
  clientId: z.string().min(1).max(256),
  clientSecret: z.string().min(1).max(1_024),
});

const answer = z.looseObject({ active: z.boolean() });

/**
 * Opens introspection by a JSON file `{ "url", "clientId", "clientSecret" }`.
 *
 * @throws CodedError INTROSPECTION_INVALID where the file cannot be read, or is none
 */
export async function openTokenIntrospection(
  path: string,
  now: () => number,
): Promise<TokenIntrospection> {
  const { url, clientId, clientSecret } = await readSettings(path);
  // RFC 6749 section 2.3.1: both are form-encoded before they are put together.
  const pair = `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
  const headers = {
    authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  };
  const asking = new Map<string, Promise<JWTPayload | undefined>>();
  /** Unix milliseconds by digest; they end in the order in which they stand. */
  const refusedUntilMs = new Map<string, number>();

  async function fetchAnswer(token: string): Promise<z.output<typeof answer>> {
    const body = new URLSearchParams({ token, token_type_hint: 'access_token' }).toString();
    try {
      return answer.parse(await fetchJson(url, { method: 'POST', headers, body }));
    } catch (cause) {
      const message = 'The issuer does not say what a token is.';
      throw new CodedError('INTROSPECTION_FAILED', message, { cause });
    }
  }

  async function askIssuer(token: string, digest: string): Promise<JWTPayload | undefined> {
    const { active, ...said } = await fetchAnswer(token);
    if (active) return said;
    const isFull = refusedUntilMs.size >= MAX_REFUSED;
    const oldest = isFull ? refusedUntilMs.keys().next().value : undefined;
    if (oldest !== undefined) refusedUntilMs.delete(oldest);
    refusedUntilMs.set(digest, now() + REFUSED_FOR_MS);
    return undefined;
  }

  return {
    async ask(token, digest) {
      if ((refusedUntilMs.get(digest) ?? 0) > now()) return undefined;
      refusedUntilMs.delete(digest);
      const known = asking.get(digest);
      if (known) return known;
      if (asking.size >= MAX_ASKED_AT_ONCE) {
        throw new CodedError(
          'INTROSPECTION_BUSY',
          'The issuer is being asked about enough tokens.',
        );
      }
      const asked = askIssuer(token, digest).finally(() => asking.delete(digest));
      asking.set(digest, asked);
      return asked;
    },
  };
}

async function readSettings(path: string): Promise<z.output<typeof settings>> {
  try {
    return settings.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    // Not the cause's message: it could quote the secret.
    const message = `${path} must be JSON with url, clientId and clientSecret of RFC 7662.`;
    throw new CodedError('INTROSPECTION_INVALID', message, { cause });
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ text }).toString().slice('text='.length);
}
