import type { IncomingMessage, ServerResponse } from 'node:http';
import { type OperationParams, paramsOf } from '../streams/operation-params.ts';
import type { ApiErrorCode } from './api-error.ts';
import { readBody } from './request-body.ts';

/** Why a request is no operation, as HTTP has it. */
export interface HttpRefusal {
  readonly status: number;
  readonly code: ApiErrorCode;
  readonly message: string;
}

/** The operation of a request, by POST or GET (GraphQL over HTTP). */
export async function operationOf(
  request: IncomingMessage,
  maxBodyBytes: number,
): Promise<{ readonly params: OperationParams; readonly body?: string | undefined } | HttpRefusal> {
  try {
    const given =
      request.method === 'GET'
        ? { json: searchParams(request), body: undefined }
        : await postedJson(request, maxBodyBytes);
    if ('status' in given) return given;
    const params = paramsOf(given.json);
    return params
      ? { params, body: given.body }
      : bad(400, 'BAD_REQUEST', 'The body must be one operation.');
  } catch {
    return bad(400, 'BAD_REQUEST', 'The operation is not JSON.');
  }
}

/** Where a reader wants to go on, where its transport has no header for it. */
export function afterOf({ extensions }: OperationParams): string | undefined {
  const after = extensions?.['after'];
  return typeof after === 'string' && after !== '' ? after : undefined;
}

/** Tells a refusal as HTTP has it. */
export function refuseRequest(
  response: ServerResponse,
  { status, code, message }: HttpRefusal,
): void {
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    // What was not read of the body would be taken for the next request.
    connection: 'close',
  });
  response.end(body);
}

/** @throws SyntaxError for a body that is not JSON */
async function postedJson(
  request: IncomingMessage,
  maxBodyBytes: number,
): Promise<{ readonly json: unknown; readonly body: string } | HttpRefusal> {
  if (request.method !== 'POST') {
    return bad(405, 'BAD_REQUEST', 'An operation is sent by POST or GET.');
  }
  // A form that another site's page submits is never JSON.
  if (!/^application\/json *(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return bad(415, 'BAD_REQUEST', 'Send the operation as application/json.');
  }
  const body = await readBody(request, maxBodyBytes);
  if (body === undefined) {
    return bad(413, 'BODY_TOO_LARGE', `The body is larger than ${maxBodyBytes} bytes.`);
  }
  const text = body.toString('utf8');
  return { json: JSON.parse(text), body: text };
}

/** @throws SyntaxError for variables or extensions that are not JSON */
function searchParams({ url = '/' }: IncomingMessage): object {
  const { searchParams: given } = new URL(url, 'http://localhost');
  const json = (name: string): unknown => {
    const text = given.get(name);
    return text === null || text === '' ? undefined : JSON.parse(text);
  };
  return {
    query: given.get('query') ?? undefined,
    operationName: given.get('operationName') ?? undefined,
    variables: json('variables'),
    extensions: json('extensions'),
  };
}

function bad(status: number, code: ApiErrorCode, message: string): HttpRefusal {
  return { status, code, message };
}
