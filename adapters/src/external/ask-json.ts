import { type ExactJson, parseExactJson } from './exact-json.ts';

/** One request over HTTP. */
export interface JsonRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly signal?: AbortSignal;
}

/** What came back; `json` is undefined where the body is none. */
export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: ExactJson | undefined;
}

/**
 * Asks once, over a kept connection, within a time and a size. It throws where no whole answer came;
 * {@link wasNeverSent} then tells whether the request can have been received at all.
 */
export async function askJson(url: string, request: JsonRequest): Promise<JsonAnswer> {
  const { method, headers, body, timeoutMs, maxBodyBytes } = request;
  const inTime = AbortSignal.timeout(timeoutMs);
  const signal = request.signal ? AbortSignal.any([request.signal, inTime]) : inTime;
  const sent = body === undefined ? {} : { body };
  const typed = body === undefined ? headers : { 'content-type': 'application/json', ...headers };
  const response = await fetch(url, { method, headers: typed, signal, redirect: 'error', ...sent });
  const text = await boundedText(response, maxBodyBytes);
  return { status: response.status, headers: response.headers, json: jsonOrUndefined(text) };
}

const NEVER_SENT: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether no connection came about, so that nothing was said. */
export function wasNeverSent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' && NEVER_SENT.has(code);
}

function jsonOrUndefined(text: string): ExactJson | undefined {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}

async function boundedText(response: Response, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    // Leaving the loop ends the download.
    if (bytes > maxBytes) throw new Error(`the answer is over ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
