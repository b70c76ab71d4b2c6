import type { MemberId } from '@stoa/schema';
import type { GraphQLError } from 'graphql';
import type { ApiContext } from './api-context.ts';
import { apiError } from './api-error.ts';
import type { ApiOrders } from './api-services.ts';
import type { SubscriptionStreams } from './subscription-streams.ts';

/** The private streams of members: a few for each, and each for as long as its token is good. */
export interface MemberStreams {
  /**
   * Opens one more for a member, and tells the order service that it is there, and when it has ended.
   * An error among its items is the last of them, and for the reader.
   *
   * @throws TOO_MANY_SUBSCRIPTIONS
   */
  open<T>(
    context: ApiContext,
    member: MemberId,
    source: (signal: AbortSignal) => AsyncIterable<T>,
  ): AsyncIterableIterator<T | GraphQLError>;
}

/** What the streams are opened with. */
export interface MemberStreamNeeds {
  readonly streams: SubscriptionStreams;
  readonly orders: Pick<ApiOrders, 'streamOpened' | 'streamClosed'>;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

/** Creates the {@link MemberStreams} of a server. */
export function createMemberStreams(maxPerMember: number, needs: MemberStreamNeeds): MemberStreams {
  const { streams, orders, nowMs } = needs;
  const open = new Map<MemberId, number>();

  function close(member: MemberId): void {
    const left = (open.get(member) ?? 0) - 1;
    if (left > 0) open.set(member, left);
    else open.delete(member);
    orders.streamClosed(member);
  }

  return {
    open(context, member, source) {
      const now = open.get(member) ?? 0;
      if (now >= maxPerMember) {
        const message = `A member has at most ${maxPerMember} streams at a time. End one of yours first.`;
        throw apiError('TOO_MANY_SUBSCRIPTIONS', message);
      }
      const { auth } = context;
      const untilMs = auth.kind === 'caller' ? auth.expiresAtMs : 0;
      const stream = streams.open(
        (signal) => whileValid(source(signal), () => nowMs() < untilMs),
        () => close(member),
      );
      open.set(member, now + 1);
      orders.streamOpened(member);
      return stream;
    },
  };
}

/** Nothing is told on an expired token: whoever may no longer ask must not go on listening. */
async function* whileValid<T>(source: AsyncIterable<T>, isValid: () => boolean) {
  for await (const item of source) {
    if (!isValid()) {
      yield apiError('UNAUTHENTICATED', 'The token has expired: open the stream with a new one.');
      return;
    }
    yield item;
  }
}
