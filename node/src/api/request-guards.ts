import { type DocumentNode, type GraphQLError, type GraphQLSchema, parse } from 'graphql';
import type { GraphQLParams, Plugin } from 'graphql-yoga';
import type { OperationParams } from '../streams/operation-params.ts';
import { apiError } from './api-error.ts';
import { findOversize, OPERATION_LIMITS, type OperationLimits } from './operation-limits.ts';
import type { PersistedOperations } from './persisted-operations.ts';
import { factsOf } from './request-facts.ts';

/** Bounds of one request. */
export interface RequestLimits extends OperationLimits {
  readonly maxBodyBytes: number;
  readonly maxTokens: number;
  /** Values in the variables, nested ones too. */
  readonly maxVariableValues: number;
  readonly maxVariableDepth: number;
}

/** What any honest operation of this API fits into. */
export const REQUEST_LIMITS: RequestLimits = {
  ...OPERATION_LIMITS,
  maxBodyBytes: 128 * 1_024,
  maxTokens: 3_000,
  maxVariableValues: 10_000,
  maxVariableDepth: 12,
};

/** Which operations are taken. */
export interface PersistedPolicy {
  readonly operations?: PersistedOperations | undefined;
  /** Whether operations that are not persisted are refused. */
  readonly only: boolean;
}

/** The operation to be run, its text found by its hash where it is persisted; or why it is not taken. */
export type TakenOperation =
  | { readonly params: OperationParams }
  | { readonly refusal: GraphQLError };

/** What a request meets before its operation is validated. */
export interface RequestGuards {
  /** Judges what is persisted and how large the variables are. */
  take(params: OperationParams): TakenOperation;
  /** All of them, where an engine runs the operation. */
  readonly plugin: Plugin;
}

/**
 * The guards of a request, in the order in which it meets them: body size and type, what is persisted,
 * size of the variables, tokens while parsing, size of the operation before it is validated. Each is
 * cheaper than what it protects.
 */
export function requestGuards(
  limits: RequestLimits = REQUEST_LIMITS,
  persisted: PersistedPolicy = { only: false },
): RequestGuards {
  const oversizes = new WeakMap<
    DocumentNode,
    { schema: GraphQLSchema; found: string | undefined }
  >();
  /** Documents come again and again, and are judged once. */
  function oversizeOf(schema: GraphQLSchema, document: DocumentNode): string | undefined {
    let known = oversizes.get(document);
    if (known?.schema !== schema) {
      known = { schema, found: findOversize(schema, document, limits) };
      oversizes.set(document, known);
    }
    return known.found;
  }
  function take(params: OperationParams): TakenOperation {
    const taken = takeOperation(params, persisted);
    if ('refusal' in taken) return taken;
    const refusal = variablesRefusal(params.variables ?? {}, limits);
    return refusal ? { refusal } : taken;
  }
  const plugin: Plugin = {
    onRequestParse({ request, setRequestParser }) {
      if (request.method !== 'POST') return;
      setRequestParser((posted) => parsePost(posted, limits.maxBodyBytes));
    },
    onParams({ params, setParams, setResult }) {
      const taken = take(params);
      if ('refusal' in taken) {
        setResult({ errors: [taken.refusal] });
        // The engine goes on to look at the parameters, and would have a word of its own on the answer.
        setParams({ query: '{ __typename }' });
      } else if (taken.params !== params) setParams(taken.params as GraphQLParams);
    },
    onParse({ setParseFn }) {
      setParseFn((source: string, options?: object) =>
        parse(source, { ...options, maxTokens: limits.maxTokens }),
      );
    },
    // Before the rules of GraphQL: some of them take the square of what they are given.
    onValidate({ params: { schema, documentAST }, setResult }) {
      const oversize = oversizeOf(schema, documentAST);
      if (oversize === undefined) return;
      setResult([apiError('OPERATION_TOO_LARGE', `The operation is too large: ${oversize}.`)]);
    },
  };
  return { take, plugin };
}

function takeOperation(
  params: OperationParams,
  { operations, only }: PersistedPolicy,
): TakenOperation {
  const id = persistedId(params);
  const query = id === undefined ? undefined : operations?.text(id);
  if (query !== undefined) {
    const { documentId: _, ...rest } = params as OperationParams & {
      readonly documentId?: unknown;
    };
    return { params: { ...rest, query } };
  }
  if (id !== undefined && params.query === undefined) {
    const message =
      'There is no persisted operation of this hash. Send its text, or have it persisted.';
    return { refusal: apiError('PERSISTED_OPERATION_UNKNOWN', message) };
  }
  if (!only) return { params };
  const message = 'This server runs persisted operations alone: send a documentId that it knows.';
  return { refusal: apiError('PERSISTED_OPERATIONS_ONLY', message, { status: 403 }) };
}

/** `documentId` of GraphQL over HTTP, or Apollo's `extensions.persistedQuery.sha256Hash`. */
function persistedId(params: OperationParams): string | undefined {
  const { documentId } = params as { documentId?: unknown };
  const named = (params.extensions as { persistedQuery?: { sha256Hash?: unknown } } | undefined)
    ?.persistedQuery?.sha256Hash;
  const id = documentId ?? named;
  return typeof id === 'string' ? id : undefined;
}

function variablesRefusal(
  variables: unknown,
  { maxVariableValues, maxVariableDepth }: RequestLimits,
): GraphQLError | undefined {
  let values = 0;
  const isTooLarge = (value: unknown, depth: number): boolean => {
    values += 1;
    if (values > maxVariableValues || depth > maxVariableDepth) return true;
    if (typeof value !== 'object' || value === null) return false;
    return Object.values(value).some((inner) => isTooLarge(inner, depth + 1));
  };
  if (!isTooLarge(variables, 0)) return undefined;
  const message = `The variables hold more than ${maxVariableValues} values, or are nested deeper than ${maxVariableDepth}.`;
  return apiError('OPERATION_TOO_LARGE', message, { status: 400 });
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
    const text = await readBounded(request, maxBodyBytes);
    factsOf(request).body = text;
    body = JSON.parse(text);
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
