import { type DirectorySource, formatDecimal, isMemberId, type VenueId } from '@stoa/schema';
import { GraphQLError } from 'graphql';
import type { OrderFeedEvent, OrderFeedItem } from '../orders/blotter/order-feed.ts';
import type { OrderEvent } from '../orders/life/order-types.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import { apiError } from './api-error.ts';
import type { ApiFeed } from './api-services.ts';
import { venueOf } from './market-output.ts';
import type { MemberStreams } from './member-streams.ts';
import type { OrderOutput } from './order-output.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';

/** What the stream of order events is served from. */
export interface OrderEventNeeds {
  readonly venue: VenueId;
  readonly feed: ApiFeed;
  readonly memberStreams: MemberStreams;
  readonly output: OrderOutput;
  readonly directory: DirectorySource;
}

/** Kinds of events as the SDL calls them: `leg-executed` is LEG_EXECUTED. */
const KINDS: Readonly<Record<OrderEvent['kind'] | 'placed', true>> = {
  ...{ placed: true, routed: true, held: true, released: true, ended: true },
  ...{ 'leg-accepted': true, 'leg-rejected': true, 'leg-executed': true, 'leg-done': true },
  ...{ 'leg-status': true, 'leg-silent': true, 'cancel-requested': true },
  ...{ 'leg-cancel-rejected': true, 'replace-requested': true, 'leg-replaced': true },
  ...{ 'leg-replace-rejected': true, 'trade-busted': true, 'trade-corrected': true },
};

/** Resolvers of the SDL's order events part: one member's own, to that member. */
export function createOrderEventResolvers(needs: OrderEventNeeds) {
  const { venue, feed, memberStreams } = needs;
  return {
    Subscription: {
      orderEvents: {
        async subscribe(
          _root: unknown,
          { after }: { readonly after?: number | null },
          context: ApiContext,
        ) {
          const { member } = requireCaller(context, venue, 'orders:read');
          const latest = await feed.latest(member);
          const from = startOf(after, context) ?? latest;
          if (from < 0) throw apiError('BAD_USER_INPUT', '`after` must be 0 or more.');
          if (from > latest) {
            const message = `There is no event ${from} yet: the latest has number ${latest}.`;
            throw apiError('SEQUENCE_UNKNOWN', message, { extensions: { latest } });
          }
          return memberStreams.open(context, member, (signal) => feed.follow(member, from, signal));
        },
        resolve(item: OrderFeedItem | GraphQLError, _arguments: unknown, context: ApiContext) {
          context.stream?.ids.push('sequence' in item ? String(item.sequence) : undefined);
          if (item instanceof GraphQLError) throw item;
          return { sequence: item.sequence, event: item.event ?? null };
        },
      },
    },
    OrderEvent: orderEventFields(needs),
  };
}

/** The number after which a reader wants to go on, as its operation or its transport says. */
function startOf(after: number | null | undefined, { stream }: ApiContext): number | undefined {
  if (stream?.after === undefined) return after ?? undefined;
  const seen = /^\d{1,16}$/.test(stream.after) ? Number(stream.after) : Number.NaN;
  if (!Number.isSafeInteger(seen)) {
    throw apiError('BAD_USER_INPUT', 'The id of the last event must be its number.');
  }
  // Who was cut off repeats its first operation: what it saw since then is the later one.
  return Math.max(after ?? 0, seen);
}

function orderEventFields({ directory, output }: OrderEventNeeds) {
  /** The order says what the event's amounts are written in. */
  const amount = (
    event: OrderFeedEvent,
    value: unknown,
    decimals: 'priceDecimals' | 'quantityDecimals',
  ) => {
    if (typeof value !== 'number') return null;
    return output
      .orderOf(event.orderId)
      .then(({ instrumentTerms }) => formatDecimal(value, instrumentTerms[decimals]));
  };
  return {
    kind: ({ kind }: OrderFeedEvent) => (Object.hasOwn(KINDS, kind) ? sdlEnum(kind) : 'OTHER'),
    at: ({ atMs }: OrderFeedEvent) => sdlDateTime(atMs),
    status: ({ status }: OrderFeedEvent) => sdlEnum(status),
    filled: (event: OrderFeedEvent) => amount(event, event.filled, 'quantityDecimals'),
    order: ({ orderId }: OrderFeedEvent) => output.orderOf(orderId),
    legId: ({ data }: OrderFeedEvent) => textIn(data.legId),
    legIds: ({ data }: OrderFeedEvent) => idsIn(data.legs),
    async venue({ data, orderId }: OrderFeedEvent) {
      const named = textIn(data.venue);
      if (named !== null) return isMemberId(named) ? venueOf(directory.current(), named) : null;
      // Most events name their leg and not where it is.
      const legId = textIn(data.legId);
      if (legId === null) return null;
      const legs = await output.legsOf(await output.orderOf(orderId));
      return legs.find(({ id }) => id === legId)?.venue ?? null;
    },
    executionId: ({ data }: OrderFeedEvent) => textIn(data.executionId),
    price: (event: OrderFeedEvent) =>
      amount(event, event.data.price ?? event.data.limitPrice, 'priceDecimals'),
    quantity: (event: OrderFeedEvent) => amount(event, event.data.quantity, 'quantityDecimals'),
    reason({ data }: OrderFeedEvent) {
      const { rejection } = data;
      const told = typeof rejection === 'object' && rejection !== null ? rejection : {};
      return textIn(data.reason) ?? ('message' in told ? textIn(told.message) : null);
    },
  };
}

function textIn(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function idsIn(value: unknown): string[] {
  const listed: readonly unknown[] = Array.isArray(value) ? value : [];
  return listed.flatMap((each) =>
    typeof each === 'object' && each !== null && 'id' in each ? (textIn(each.id) ?? []) : [],
  );
}
