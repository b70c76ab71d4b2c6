import type { AuthorizedFetch } from './authorized-fetch.ts';
import { type ApiError, apiErrorsOf, isObject } from './client-error.ts';
import type { TypedDocumentString } from './generated/api.ts';

/** One operation over HTTP, and how long its answer is waited for. */
export interface OperationRequest<Data, Variables> {
  readonly document: TypedDocumentString<Data, Variables>;
  readonly variables: Variables;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came of sending an operation, once. */
export type SendOutcome<Data> =
  /** The API has answered. */
  | { readonly kind: 'answer'; readonly data: Data | null; readonly errors: readonly ApiError[] }
  /** Nothing came that the API could have said: whether it heard the operation is not known. */
  | { readonly kind: 'none'; readonly reason: string; readonly cause?: unknown };

/** An answer is read up to here: a document of evidence is the largest, at about a mebibyte. */
const MAX_ANSWER_BYTES = 32 * 1_024 * 1_024;

/** Sends an operation once and reads its answer. Never throws. */
export async function sendOperation<Data, Variables>(
  request: OperationRequest<Data, Variables>,
  needs: { readonly url: string; readonly fetch: AuthorizedFetch },
): Promise<SendOutcome<Data>> {
  const { document, variables, timeoutMs, signal } = request;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const response = await needs.fetch(needs.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
      },
      body: JSON.stringify({ query: document.toString(), variables }),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    return answerOf<Data>(await readText(response), response.status);
  } catch (cause) {
    if (signal?.aborted) return { kind: 'none', reason: 'It was given up.', cause };
    const reason = deadline.aborted
      ? `No answer within ${timeoutMs} ms.`
      : `No answer: ${cause instanceof Error ? cause.message : String(cause)}`;
    return { kind: 'none', reason, cause };
  }
}

async function readText({ body }: Response): Promise<string> {
  if (!body) return '';
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > MAX_ANSWER_BYTES) {
      await reader.cancel();
      throw new RangeError(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

function answerOf<Data>(text: string, status: number): SendOutcome<Data> {
  const json = jsonOf(text);
  if (isObject(json) && ('data' in json || 'errors' in json)) {
    return {
      kind: 'answer',
      data: (json['data'] ?? null) as Data | null,
      errors: apiErrorsOf(json['errors']),
    };
  }
  // A proxy's page, or nothing: it says nothing of what became of the operation behind it.
  return { kind: 'none', reason: `HTTP ${status}, and no answer of the API.` };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
