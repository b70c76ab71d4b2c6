import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { OperationParams } from '../streams/operation-params.ts';
import { operationOf, refuseRequest } from './operation-request.ts';
import type { RequestCredentials } from './request-credentials.ts';
import { factsOf } from './request-facts.ts';
import { RequestHead } from './request-head.ts';
import type { OperationEngine } from './stream-operations.ts';

/** An answer that was found without the engine: as JSON, or as what is to be written so. */
export type KnownAnswer = { readonly text: string } | { readonly result: ExecutionResult };

/** What can be answered without the engine, because it passed it before. */
export interface KnownAnswers {
  /** Undefined, and nothing done, for what only the engine can answer. Never rejects. */
  answer(params: OperationParams, request: Request): Promise<KnownAnswer | undefined>;
}

/** What answers are given with. */
export interface DirectAnswerNeeds {
  readonly engine: () => OperationEngine;
  /** Asked before the engine is. */
  readonly known?: KnownAnswers | undefined;
  readonly maskError: (error: unknown) => GraphQLError;
  /** Headers that tell a client which credentials are missing, by the codes of its errors. */
  readonly challenges?: RequestCredentials['challenges'];
}

const MEDIA_TYPES = ['application/graphql-response+json', 'application/json'] as const;
type MediaType = (typeof MEDIA_TYPES)[number];
const CONTENT_TYPES: Readonly<Record<MediaType, string>> = {
  'application/graphql-response+json': 'application/graphql-response+json; charset=utf-8',
  'application/json': 'application/json; charset=utf-8',
};

/**
 * Answers an operation that came as JSON by POST and wants JSON back, which is what programs do: all
 * stages of the engine are passed, and only its Request and Response of the Fetch API are left out,
 * which cost more than most operations. False, and nothing done, for any other request.
 */
export async function answerDirectly(
  request: IncomingMessage,
  response: ServerResponse,
  maxBodyBytes: number,
  needs: DirectAnswerNeeds,
): Promise<boolean> {
  if (request.method !== 'POST') return false;
  const mediaType = acceptedType(request.headers.accept);
  if (!mediaType) return false;
  const asked = await operationOf(request, maxBodyBytes);
  if ('status' in asked) {
    refuseRequest(response, asked);
    return true;
  }
  const head = new RequestHead(request, response, 'POST').asRequest;
  factsOf(head).body = asked.body;
  const known = await needs.known?.answer(asked.params, head);
  const isWritten = known !== undefined && 'text' in known;
  const result = isWritten
    ? NO_ERRORS
    : (known?.result ?? (await executed(asked.params, head, { request, response }, needs)));
  if (response.writableEnded || response.destroyed) return true;
  for (const [name, value] of needs.challenges?.(head, result) ?? []) {
    response.appendHeader(name, value);
  }
  const body = isWritten ? known.text : jsonOf(result);
  const bytes = Buffer.byteLength(body);
  response.writeHead(statusOf(result, mediaType), {
    'content-type': CONTENT_TYPES[mediaType],
    'content-length': bytes,
    ...retryAfter(result),
  });
  // Where every character is a byte, the encodings are the same, and this one is only copied.
  response.end(body, bytes === body.length ? 'latin1' : 'utf8');
  return true;
}

const NO_ERRORS: ExecutionResult = {};

/** What the engine makes of an operation; never rejects. */
async function executed(
  params: OperationParams,
  head: Request,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  { engine, maskError }: DirectAnswerNeeds,
): Promise<ExecutionResult> {
  try {
    const given = await engine().getResultForParams(
      { params, request: head },
      { request: head, req: request, res: response },
    );
    if (given === undefined || Symbol.asyncIterator in given) {
      throw new Error('the engine gave no single result');
    }
    return given;
  } catch (error) {
    return { errors: [maskError(error)] };
  }
}

/** The first of ours in an Accept header; JSON where anything will do (GraphQL over HTTP, 6.3). */
function acceptedType(accept: string | undefined): MediaType | undefined {
  if (accept === undefined) return 'application/json';
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.trim().toLowerCase().split(/ *; */);
    if (parameters.some((one) => /^q=0(\.0*)?$/.test(one))) continue;
    if (parameters.some((one) => one.startsWith('charset=') && one !== 'charset=utf-8')) continue;
    if (type === '*/*' || type === 'application/*') return 'application/json';
    const known = MEDIA_TYPES.find((one) => one === type);
    if (known) return known;
  }
  return undefined;
}

interface HttpExtension {
  readonly status?: number;
  /** The status is what GraphQL over HTTP asks for, and only where its own media type is used. */
  readonly spec?: boolean;
}

/** The status that errors before execution ask for; 200 for whatever has been executed. */
function statusOf({ errors = [] }: ExecutionResult, mediaType: MediaType): number {
  const asked = errors.flatMap(({ extensions }) => {
    const http = extensions['http'] as HttpExtension | undefined;
    if (http?.spec && mediaType === 'application/json') return [];
    return http?.status ?? [];
  });
  return Math.max(0, ...asked) || 200;
}

/** RFC 9110 section 10.2.3, where an error says how long to wait. */
function retryAfter({ errors = [] }: ExecutionResult): { readonly 'retry-after'?: string } {
  const waits = errors.flatMap(({ extensions: { retryAfterMs } }) =>
    typeof retryAfterMs === 'number' ? [Math.ceil(retryAfterMs / 1_000)] : [],
  );
  return waits.length === 0 ? {} : { 'retry-after': String(Math.max(...waits)) };
}

function jsonOf(result: ExecutionResult): string {
  return JSON.stringify(result.errors ? withoutHttp(result) : result);
}

function withoutHttp({ errors, ...rest }: ExecutionResult): object {
  return {
    ...rest,
    errors: errors?.map((error) => {
      const { extensions = {}, ...told } = error.toJSON();
      const { http: _http, ...kept } = extensions;
      return { ...told, extensions: kept };
    }),
  };
}
