import type { RefusalFieldsFragment } from './generated/api.ts';

/** An answer that may be a refusal: a union of the API, told apart by `__typename`. */
type Refusable = { readonly __typename: string };

/** The refusals among the kinds of an answer. */
export type RefusalOf<Answer extends Refusable> = Extract<Answer, RefusalFieldsFragment>;

/** What is left of an answer that is no refusal. */
export type AcceptedOf<Answer extends Refusable> = Exclude<Answer, RefusalFieldsFragment>;

/**
 * Tells a refusal from what was asked for. It also knows kinds of refusal that are newer than this client:
 * all of them have `code`, `message` and `action`. Switch by `__typename` for the kinds of docs/api.md, and
 * by `code` where that is too coarse.
 */
export function isRefusal<Answer extends Refusable>(answer: Answer): answer is RefusalOf<Answer> {
  return 'code' in answer && 'message' in answer && 'action' in answer;
}
