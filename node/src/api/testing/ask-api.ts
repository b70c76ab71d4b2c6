/** A GraphQL answer as a client sees it. */
export interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly {
    message: string;
    path?: readonly (string | number)[];
    extensions?: Record<string, unknown>;
  }[];
}

/** Asks a node's API over HTTP. */
export async function askApi(
  url: string,
  query: string,
  given: { readonly token?: string; readonly variables?: object } = {},
): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(given.token === undefined ? {} : { authorization: `Bearer ${given.token}` }),
    },
    body: JSON.stringify({ query, variables: given.variables }),
  });
  return (await response.json()) as Answer;
}
