import type { ApiError } from './client-error.ts';
import type { SendOutcome } from './send-operation.ts';

/** What came of a mutation, which was sent once. */
export type MutationOutcome<Data> =
  /** The API has answered; a refusal is among the answers, as a kind of its union. */
  | { readonly outcome: 'ANSWERED'; readonly data: Data; readonly errors: readonly ApiError[] }
  /** It was turned away before it was executed: nothing was done. */
  | { readonly outcome: 'NOT_DONE'; readonly errors: readonly ApiError[] }
  /** It may have been done or not: ask, before anything is sent that could do it twice. */
  | { readonly outcome: 'UNKNOWN'; readonly reason: string; readonly errors: readonly ApiError[] };

/** Errors that come before anything is executed (docs/security.md). Whatever is not among them is not known. */
const BEFORE_EXECUTION: ReadonlySet<string> = new Set([
  ...['UNAUTHENTICATED', 'AUTH_UNAVAILABLE', 'TOKEN_REVOKED', 'MEMBER_NOT_STANDING', 'FORBIDDEN'],
  ...['PROOF_REQUIRED', 'PROOF_INVALID', 'PROOF_NONCE', 'WRONG_HOME'],
  ...['BAD_USER_INPUT', 'BAD_REQUEST', 'BODY_TOO_LARGE', 'OPERATION_TOO_LARGE'],
  ...['OPERATION_TOO_COSTLY', 'PERSISTED_OPERATION_UNKNOWN', 'PERSISTED_OPERATIONS_ONLY'],
  ...['RATE_LIMITED', 'SERVER_STOPPING', 'NODE_SCHEMA_DIFFERS'],
]);

/**
 * Decides what is known of a mutation by what came of sending it. Fields of a mutation are executed one after
 * the other (GraphQL 6.2.2): where it has several, one that was turned away says nothing of those before it.
 */
export function mutationOutcomeOf<Data>(
  sent: SendOutcome<Data>,
  document: string,
): MutationOutcome<Data> {
  if (sent.kind === 'none') return { outcome: 'UNKNOWN', reason: sent.reason, errors: [] };
  const { data, errors } = sent;
  if (data !== null) return { outcome: 'ANSWERED', data, errors };
  const isOne = hasOneField(document);
  const open = errors.find((error) => !wasNotDone(error) || (error.path.length > 0 && !isOne));
  if (!open && errors.length > 0) return { outcome: 'NOT_DONE', errors };
  return { outcome: 'UNKNOWN', reason: open?.message ?? 'The answer says nothing.', errors };
}

function wasNotDone({ code, extensions }: ApiError): boolean {
  // A gateway that could not reach the home node knows whether the node may have heard it.
  if (code === 'NODE_UNAVAILABLE') return extensions['outcome'] === 'NOT_SENT';
  return BEFORE_EXECUTION.has(code);
}

/**
 * Whether a valid mutation has one field at its root, plain to see: neither several nor in fragments. By its
 * text, since a parser would be half of what a page has to load.
 */
function hasOneField(document: string): boolean {
  let text = document.replace(/"""[^]*?"""|"(?:\\.|[^"\\])*"|#.*/g, '');
  // Twice: variables may have directives with arguments.
  for (const _ of [1, 2]) text = text.replace(/\([^()]*\)/g, '');
  let isInside = false;
  let depth = 0;
  let fields = 0;
  for (const [token] of text.matchAll(/@?\w+|\.{3}|[{}:]/g)) {
    if (token === '{') depth += 1;
    else if (token === '}') depth -= 1;
    else if (depth === 0) isInside = token === 'mutation' || (isInside && token !== 'fragment');
    else if (depth === 1 && isInside) {
      if (token === '...') return false;
      if (token === ':') fields -= 1;
      else if (!token.startsWith('@')) fields += 1;
    }
  }
  return fields === 1;
}
