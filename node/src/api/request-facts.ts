/** What the stages of a request tell each other beside what the request itself says. */
export interface RequestFacts {
  /** The body as it came, where it was read as text. */
  body?: string | undefined;
  /** Whether the document has an operation that acts: a mutation, or a stream that keeps orders alive. */
  acts?: boolean;
  /** Headers that go with its answer. */
  headers?: readonly (readonly [name: string, value: string])[];
}

/** Header in which this server's own front notes the client's address; a client's own is overwritten. */
export const CLIENT_ADDRESS_HEADER = 'stoa-client-address';
/** Names a request in logs, in the audit log, and at every node that it leads to. */
export const REQUEST_ID_HEADER = 'x-request-id';

// By request, and gone with it: the engine knows no better place that all of its stages see.
const facts = new WeakMap<Request, RequestFacts>();

/** The facts of a request, to be read and added to. */
export function factsOf(request: Request): RequestFacts {
  const known = facts.get(request) ?? {};
  facts.set(request, known);
  return known;
}
