import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { operationOf, refuseRequest } from './operation-request.ts';
import type { RequestCredentials } from './request-credentials.ts';
import { factsOf } from './request-facts.ts';
import { RequestHead } from './request-head.ts';
import type { OperationEngine } from './stream-operations.ts';

/** What answers are given with. */
export interface DirectAnswerNeeds {
  readonly engine: () => OperationEngine;
  readonly maskError: (error: unknown) => GraphQLError;
  /** Headers that tell a client which credentials are missing, by the codes of its errors. */
  readonly challenges?: RequestCredentials['challenges'];
}

const MEDIA_TYPES = ['application/graphql-response+json', 'application/json'] as const;
type MediaType = (typeof MEDIA_TYPES)[number];

/**
 * Answers an operation that came as JSON by POST and wants JSON back, which is what programs do: all
 * stages of the engine are passed, and only its Request and Response of the Fetch API are left out,
 * which cost more than most operations. False, and nothing done, for any other request.
 */
export async function answerDirectly(
  request: IncomingMessage,
  response: ServerResponse,
  maxBodyBytes: number,
  { engine, maskError, challenges }: DirectAnswerNeeds,
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
  let result: ExecutionResult;
  try {
    const given = await engine().getResultForParams(
      { params: asked.params, request: head },
      { request: head, req: request, res: response },
    );
    if (given === undefined || Symbol.asyncIterator in given) {
      throw new Error('the engine gave no single result');
    }
    result = given;
  } catch (error) {
    result = { errors: [maskError(error)] };
  }
  if (response.writableEnded || response.destroyed) return true;
  for (const [name, value] of challenges?.(head, result) ?? []) response.appendHeader(name, value);
  const body = result.errors ? JSON.stringify(withoutHttp(result)) : JSON.stringify(result);
  const bytes = Buffer.byteLength(body);
  response.writeHead(statusOf(result, mediaType), {
    'content-type': `${mediaType}; charset=utf-8`,
    'content-length': bytes,
    ...retryAfter(result),
  });
  // Where every character is a byte, the encodings are the same, and this one is only copied.
  response.end(body, bytes === body.length ? 'latin1' : 'utf8');
  return true;
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
