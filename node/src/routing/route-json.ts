import { isInstrumentId, isMemberId, type Refusal, refuse, TIMES_IN_FORCE } from '@stoa/schema';
import { z } from 'zod';
import type { RouteInput } from './route.ts';
import { MAX_RATE_PPM } from './venue-cost.ts';

/** More than any network has, and than any venue publishes. */
const MAX_VENUES = 128;
const MAX_LEVELS = 100;

const venueId = z.string().refine(isMemberId, 'not a member id');
const integer = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const positive = integer.min(1);
const text = z.string().max(1_024);
const amount = z
  .string()
  .regex(/^(0|[1-9]\d{0,59})$/, 'must be a whole number of notional units')
  .transform((digits) => BigInt(digits));

const levels = z.array(z.strictObject({ price: positive, quantity: positive })).max(MAX_LEVELS);

const venueBook = z
  .strictObject({
    venue: venueId,
    state: z.enum(['live', 'degraded', 'stale', 'silent']),
    sinceMs: integer,
    halted: z.boolean(),
    haltReason: text.optional(),
    firm: z.boolean(),
    validUntilMs: integer,
    bids: levels.refine((bids) => isSorted(bids, -1), 'bids must fall'),
    offers: levels.refine((offers) => isSorted(offers, 1), 'offers must rise'),
  })
  .transform((book) => ({ ...book, haltReason: book.haltReason }));

const routeOrder = z
  .strictObject({
    side: z.enum(['buy', 'sell']),
    timeInForce: z.enum(TIMES_IN_FORCE),
    quantity: positive,
    limitPrice: positive.optional(),
    minQuantity: positive.exactOptional(),
    allOrNone: z.boolean().exactOptional(),
    settleable: z.strictObject({ quantity: integer, code: text }).exactOptional(),
    strategy: z.enum(['best', 'home-first', 'directed']).exactOptional(),
    directedTo: venueId.exactOptional(),
  })
  .transform((order) => ({ ...order, limitPrice: order.limitPrice }));

const routeVenue = z.strictObject({
  cost: z
    .strictObject({
      takerPpm: z.number().int().min(-MAX_RATE_PPM).max(MAX_RATE_PPM),
      minimum: amount,
      cap: amount.optional(),
      fixed: amount,
    })
    .transform((cost) => ({ ...cost, cap: cost.cap })),
  minimumLots: positive,
  ownOppositePrice: positive.exactOptional(),
  agreed: integer.exactOptional(),
});

const routeInput = z.strictObject({
  order: routeOrder,
  book: z.strictObject({
    instrument: z.string().refine(isInstrumentId, 'not an instrument id'),
    asOfMs: integer,
    venues: z.array(venueBook).max(MAX_VENUES).refine(areDistinct, 'a venue stands twice'),
  }),
  tickSize: positive,
  lotSize: positive,
  home: venueId,
  nowMs: integer,
  exclusions: z.array(z.tuple([venueId, text])).max(MAX_VENUES),
  venues: z.array(z.tuple([venueId, routeVenue])).max(MAX_VENUES),
});

/**
 * An input as JSON has it: maps as lists of pairs by rising id, bigints as digits; what is undefined is
 * left out of its text. The same input, the same text.
 */
export function routeInputToJson(input: RouteInput): unknown {
  const { order, book, exclusions, venues, ...plain } = input;
  const { instrument, asOfMs } = book;
  const shown = book.venues.map(
    ({ venue, state, sinceMs, halted, haltReason, firm, validUntilMs, bids, offers }) => ({
      ...{ venue, state, sinceMs, halted, haltReason, firm, validUntilMs },
      bids: bids.map(({ price, quantity }) => ({ price, quantity })),
      offers: offers.map(({ price, quantity }) => ({ price, quantity })),
    }),
  );
  const terms = byId(venues).map(([venue, { cost, ...other }]) => {
    const { takerPpm, minimum, cap, fixed } = cost;
    const digits = { minimum: `${minimum}`, cap: cap?.toString(), fixed: `${fixed}` };
    return [venue, { cost: { takerPpm, ...digits }, ...other }];
  });
  const { tickSize, lotSize, home, nowMs } = plain;
  return {
    ...{ order, book: { instrument, asOfMs, venues: shown } },
    ...{ tickSize, lotSize, home, nowMs, exclusions: byId(exclusions), venues: terms },
  };
}

/**
 * Reads what {@link routeInputToJson} wrote, from anybody: the input, or a refusal that names what is
 * wrong with it.
 */
export function routeInputFromJson(json: unknown): RouteInput | Refusal<'ROUTE_INPUT_INVALID'> {
  const parsed = routeInput.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') || 'input';
    const message = `The route input is not valid at ${where}: ${issue?.message ?? 'unknown'}.`;
    return refuse('ROUTE_INPUT_INVALID', message, 'Use the input as the node recorded it.');
  }
  const { exclusions, venues, ...other } = parsed.data;
  return { ...other, exclusions: new Map(exclusions), venues: new Map(venues) };
}

function byId<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].toSorted(([one], [other]) => (one < other ? -1 : 1));
}

function isSorted(shown: readonly { readonly price: number }[], direction: number): boolean {
  return shown.every(({ price }, index) => {
    const before = shown[index - 1];
    return before === undefined || (price - before.price) * direction > 0;
  });
}

function areDistinct(books: readonly { readonly venue: string }[]): boolean {
  return new Set(books.map(({ venue }) => venue)).size === books.length;
}
