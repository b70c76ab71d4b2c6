import type { VenueId } from '@stoa/schema';
import type { FrameGap } from '../market/gap-log.ts';
import type { ListedRefusal, RefusalFilter } from '../orders/refusal-list.ts';
import type { SessionStanding } from '../orders/sessions/session-peer.ts';
import { type ApiContext, requireOperator } from './api-context.ts';
import type { ApiOperator } from './api-services.ts';
import { listPage } from './list-page.ts';
import { connectionOf, type PageArguments, readPageArguments } from './page-arguments.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';

/** What the operator's part of the API is served from. */
export interface OperatorNeeds {
  readonly venue: VenueId;
  readonly operator: ApiOperator;
}

interface RefusalFilterInput {
  readonly code?: string | null;
  readonly member?: string | null;
}

/** Resolvers of what a venue's operator sees of its node at work. */
export function createOperatorResolvers({ venue, operator }: OperatorNeeds) {
  return {
    Query: {
      frameGaps(_root: unknown, args: PageArguments, context: ApiContext) {
        requireOperator(context, venue);
        const gaps = operator.gaps().toSorted((a, b) => (gapKey(a) < gapKey(b) ? -1 : 1));
        return connectionOf(listPage(gaps, gapKey, readPageArguments(args)), gapOutput);
      },
      orderSessions(_root: unknown, args: PageArguments, context: ApiContext) {
        requireOperator(context, venue);
        const keyOf = ({ member }: SessionStanding) => member;
        const sessions = operator.sessions().toSorted((a, b) => (a.member < b.member ? -1 : 1));
        return connectionOf(listPage(sessions, keyOf, readPageArguments(args)), sessionOutput);
      },
      orderRefusals(
        _root: unknown,
        args: PageArguments & { readonly filter?: RefusalFilterInput | null },
        context: ApiContext,
      ) {
        requireOperator(context, venue);
        const page = readPageArguments(args);
        return connectionOf(
          operator.refusals.page(page, readRefusalFilter(args.filter)),
          refusalOutput,
        );
      },
    },
  };
}

/** In the order of these keys the newest comes first. */
function gapKey({ sinceMs, venue, epoch, from }: FrameGap): string {
  const age = String(Number.MAX_SAFE_INTEGER - sinceMs).padStart(16, '0');
  return `${age} ${venue} ${epoch} ${from}`;
}

function gapOutput({ sinceMs, endedMs, cut, ...gap }: FrameGap) {
  const came = gap.lost > 0 ? 'LOST' : 'FILLED';
  const ended = cut ? 'CUT' : came;
  return {
    ...{ ...gap, state: endedMs === undefined ? 'OPEN' : ended },
    since: sdlDateTime(sinceMs),
    endedAt: endedMs === undefined ? null : sdlDateTime(endedMs),
  };
}

function sessionOutput({ state, heardAtMs, ...session }: SessionStanding) {
  return {
    ...{ ...session, state: sdlEnum(state) },
    outbox: session.sent - session.acknowledged,
    lastHeardAt: heardAtMs === undefined ? null : sdlDateTime(heardAtMs),
  };
}

function refusalOutput({ atMs, action, ...refusal }: ListedRefusal) {
  return { ...refusal, at: sdlDateTime(atMs), action: sdlEnum(action) };
}

function readRefusalFilter(input: RefusalFilterInput | null | undefined): RefusalFilter {
  const { code, member } = input ?? {};
  return { ...(code == null ? {} : { code }), ...(member == null ? {} : { member }) };
}
