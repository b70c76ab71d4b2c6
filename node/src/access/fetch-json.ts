/** What an issuer's server may answer with at most, and how long it may take. */
const MAX_ANSWER_BYTES = 256 * 1_024;
const TIMEOUT_MS = 3_000;

/**
 * Fetches one JSON document of an issuer of tokens. It follows no redirect: where keys come from is what
 * the operator configured, and nothing that a server answers moves it.
 *
 * @throws Error where there is none: another status, too long, too late, no JSON
 */
export async function fetchJson(
  url: string,
  request: Pick<RequestInit, 'method' | 'headers' | 'body'> = {},
): Promise<unknown> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    ...request,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES)
      throw new Error(`${url} answers with more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (!response.ok) throw new Error(`${url} answers with status ${response.status}`);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

/**
 * Whether keys may be fetched from a URL: over TLS (RFC 8414 section 6.1), or from this very machine.
 */
export function isTrustworthyUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url) return false;
  if (url.protocol === 'https:') return true;
  return url.protocol === 'http:' && /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname);
}
