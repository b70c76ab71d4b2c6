import { CodedError } from '@stoa/schema';
import type { Page, PageRequest } from '../orders/blotter/keyset-page.ts';
import { apiError } from './api-error.ts';
import { boundedCount } from './sdl-value.ts';

/** Arguments of a Relay connection, as they come. */
export interface PageArguments {
  readonly first?: number | null;
  readonly after?: string | null;
  readonly last?: number | null;
  readonly before?: string | null;
}

const MAX_PAGE = 100;
const DEFAULT_PAGE = 20;

/** Reads the arguments of a connection. */
export function readPageArguments({ first, after, last, before }: PageArguments): PageRequest {
  if (first != null && last != null) {
    throw apiError('BAD_USER_INPUT', 'Give either `first` or `last`, and not both.');
  }
  const backward = last != null;
  const limit = backward
    ? boundedCount('last', last, MAX_PAGE)
    : boundedCount('first', first ?? DEFAULT_PAGE, MAX_PAGE);
  return {
    limit,
    backward,
    ...(after == null ? {} : { after }),
    ...(before == null ? {} : { before }),
  };
}

type PageInfoParent = Readonly<Record<'hasNextPage' | 'hasPreviousPage', () => Promise<boolean>>>;

/** Resolvers of the SDL's PageInfo, whatever executes: not all of them call functions of a parent. */
export const pageResolvers = {
  PageInfo: {
    hasNextPage: (info: PageInfoParent) => info.hasNextPage(),
    hasPreviousPage: (info: PageInfoParent) => info.hasPreviousPage(),
  },
};

/** A page as a Relay connection; what lies around it is looked up only where it is selected. */
export async function connectionOf<Row, Node>(
  reading: Promise<Page<Row>>,
  node: (row: Row) => Node,
) {
  const page = await reading.catch((error: unknown) => {
    if (!(error instanceof CodedError) || error.code !== 'CURSOR_INVALID') throw error;
    throw apiError('CURSOR_INVALID', 'The cursor is none of this list: take one that it gave.');
  });
  return {
    edges: page.edges.map((edge) => ({ cursor: edge.cursor, node: node(edge.node) })),
    pageInfo: {
      startCursor: page.edges[0]?.cursor ?? null,
      endCursor: page.edges.at(-1)?.cursor ?? null,
      hasNextPage: () => page.hasNext(),
      hasPreviousPage: () => page.hasPrevious(),
    },
  };
}
