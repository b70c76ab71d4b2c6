import type { VenueRequest } from '@stoa/adapters';
import type { VenueId } from '@stoa/schema';
import type { StoredOrder } from './order-rows.ts';

/** A leg that should be answered soon, and how it is known where. */
export interface LegWatch {
  readonly orderId: string;
  readonly venue: VenueId;
}

/**
 * What a transaction makes necessary and only its commit makes true. Nothing here is lost by a
 * crash after the commit: the restart finds all of it in the store again.
 */
export interface AfterCommit {
  /** For this venue's own book, in this order. */
  readonly requests: VenueRequest[];
  /** Legs that came to this venue's book before. */
  readonly repeated: string[];
  /** Orders whose executions may settle as a group now. */
  readonly groups: Set<string>;
  /** Legs by id: watched from now on, or (undefined) no more. */
  readonly watches: Map<string, LegWatch | undefined>;
  /** Orders by id, as they stand now. */
  readonly changed: Map<string, StoredOrder>;
  /** Who is told of something else. */
  readonly tell: (() => void)[];
}

/** Nothing to do yet. */
export function afterCommit(): AfterCommit {
  return {
    ...{ requests: [], repeated: [], tell: [] },
    ...{ groups: new Set(), watches: new Map(), changed: new Map() },
  };
}
