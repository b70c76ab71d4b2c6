import { parse } from 'graphql';
import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { apiError } from './api-error.ts';
import { OPERATION_LIMITS, type OperationLimits, operationLimitsRule } from './operation-limits.ts';

/** Bounds of one request. */
export interface RequestLimits extends OperationLimits {
  readonly maxBodyBytes: number;
  readonly maxTokens: number;
}

/** What any honest operation of this API fits into. */
export const REQUEST_LIMITS: RequestLimits = {
  ...OPERATION_LIMITS,
  maxBodyBytes: 128 * 1_024,
  maxTokens: 3_000,
};

/**
 * The guards of a request, in the order in which it meets them: body size and type, tokens while
 * parsing, size of the operation while validating. Each is cheaper than what it protects.
 */
export function requestGuards(limits: RequestLimits = REQUEST_LIMITS): Plugin {
  const rule = operationLimitsRule(limits);
  return {
    onRequestParse({ request, setRequestParser }) {
      if (request.method !== 'POST') return;
      setRequestParser((posted) => parsePost(posted, limits.maxBodyBytes));
    },
    onParse({ setParseFn }) {
      setParseFn((source: string, options?: object) =>
        parse(source, { ...options, maxTokens: limits.maxTokens }),
      );
    },
    onValidate({ addValidationRule }) {
      addValidationRule(rule);
    },
  };
}

async function parsePost(request: Request, maxBodyBytes: number): Promise<GraphQLParams> {
  // A form that another site's page submits is never JSON: this is the whole CSRF defence, because
  // tokens travel in a header that such a page cannot set.
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw apiError('BAD_REQUEST', 'Send the operation as application/json.', { status: 415 });
  }
  let body: unknown;
  try {
    body = JSON.parse(await readBounded(request, maxBodyBytes));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw apiError('BAD_REQUEST', 'The body is not JSON.', { status: 400 });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw apiError('BAD_REQUEST', 'The body must be one operation in a JSON object.', {
      status: 400,
    });
  }
  return body;
}

async function readBounded(request: Request, maxBodyBytes: number): Promise<string> {
  const tooLarge = () =>
    apiError('BODY_TOO_LARGE', `The body is larger than ${maxBodyBytes} bytes.`, { status: 413 });
  if (Number(request.headers.get('content-length') ?? 0) > maxBodyBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // A chunked body states no length: it is counted as it comes.
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
