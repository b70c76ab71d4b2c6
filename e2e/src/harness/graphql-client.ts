/** What a GraphQL server answered. */
export interface GraphqlAnswer<Data> {
  readonly data: Data | null;
  readonly errors: readonly { message: string; extensions?: Record<string, unknown> }[];
}

/** Sends one operation over HTTP and waits for its answer, at most `timeoutMs`. */
export async function askGraphql<Data>(
  url: string,
  request: { query: string; variables?: Record<string, unknown>; token?: string },
  timeoutMs = 10_000,
): Promise<GraphqlAnswer<Data>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json',
      ...(request.token === undefined ? {} : { authorization: `Bearer ${request.token}` }),
    },
    body: JSON.stringify({ query: request.query, variables: request.variables ?? {} }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const answer = (await response.json()) as Partial<GraphqlAnswer<Data>>;
  return { data: answer.data ?? null, errors: answer.errors ?? [] };
}
