import type { MemberId } from '@stoa/schema';
import type { GraphQLError } from 'graphql';
import type { TokenVerifier } from '../access/token-verifier.ts';
import type { RefusedCredentials, VerifiedCaller } from '../access/verification.ts';
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
  /** Tells when what a caller has shown counts no longer. */
  readonly watch: TokenVerifier['watch'];
}

/** Creates the {@link MemberStreams} of a server. */
export function createMemberStreams(maxPerMember: number, needs: MemberStreamNeeds): MemberStreams {
  const { streams, orders, watch } = needs;
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
      const stream = streams.open(
        (signal) => (auth.kind === 'caller' ? whileGood(auth, watch, source, signal) : nothing()),
        () => close(member),
      );
      open.set(member, now + 1);
      orders.streamOpened(member);
      return stream;
    },
  };
}

/** Whoever may no longer ask must not go on listening: told why, and ended, without waiting for news. */
async function* whileGood<T>(
  caller: VerifiedCaller,
  watch: TokenVerifier['watch'],
  source: (signal: AbortSignal) => AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T | GraphQLError> {
  const lost = new AbortController();
  let refusal: RefusedCredentials | undefined;
  const unwatch = watch(caller, (why) => {
    refusal = why;
    lost.abort();
  });
  try {
    for await (const item of source(AbortSignal.any([signal, lost.signal]))) {
      if (refusal) break;
      yield item;
    }
    if (refusal)
      yield apiError(refusal.code, `${refusal.reason} Open the stream with a new token.`);
  } finally {
    unwatch();
  }
}

/** Nobody who is no caller has a stream. */
async function* nothing(): AsyncGenerator<never> {}
