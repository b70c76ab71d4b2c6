import {
  type DirectorySource,
  formatDecimal,
  type Instrument,
  type InstrumentId,
  type Level,
  type VenueId,
} from '@stoa/schema';
import type { Contradiction, ListingStanding } from '../market/listing-standing.ts';
import type { ListingEvent } from '../market/listing-store.ts';
import type { ListingUpdate, ListingWatch } from '../market/listing-watch.ts';
import type { MarketView } from '../market/market-view.ts';
import { readPage } from '../orders/blotter/keyset-page.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import { apiError } from './api-error.ts';
import { venueOf } from './market-output.ts';
import { connectionOf, type PageArguments, readPageArguments } from './page-arguments.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';
import type { SubscriptionStreams } from './subscription-streams.ts';

/** What the issuers' part of the API is served from. */
export interface IssuerNeeds {
  readonly venue: VenueId;
  readonly directory: DirectorySource;
  readonly market: MarketView;
  readonly listings: ListingWatch;
  readonly streams: SubscriptionStreams;
}

const SENTENCES: Readonly<Record<Contradiction, string>> = {
  'trading-while-token-paused':
    'The venue shows firm quotes, and transfers of the token are paused: trades could not settle.',
  'trading-while-not-listed':
    'The venue shows quotes, and the registry says that it may not trade the token.',
  'listed-at-venue-not-standing':
    'The registry lists the token, and the venue is suspended or has ceased.',
  'halted-while-listed': 'The registry lists the token, and the venue has halted it.',
  'silent-while-listed': 'The registry lists the token, and nothing is heard from the venue.',
};

/** Resolvers of the SDL's issuer part: an issuer sees its own tokens, and no other. */
export function createIssuerResolvers(needs: IssuerNeeds) {
  return {
    Query: issuerQueries(needs),
    Subscription: { listingAlerts: listingAlerts(needs) },
  };
}

function issuerQueries(needs: IssuerNeeds) {
  const { venue, directory, listings } = needs;
  return {
    listingMatrix(
      _root: unknown,
      { instrument }: { readonly instrument?: InstrumentId | null },
      context: ApiContext,
    ) {
      const { member } = requireCaller(context, venue, 'issuer:read');
      if (instrument != null) requireIssuer(needs, member, instrument);
      return listings
        .standings(member)
        .filter(({ listing }) => instrument == null || listing.instrument === instrument)
        .map((standing) => rowOutput(needs, standing));
    },
    async listingHistory(
      _root: unknown,
      args: PageArguments & { readonly instrument: InstrumentId; readonly venue?: VenueId | null },
      context: ApiContext,
    ) {
      const { member } = requireCaller(context, venue, 'issuer:read');
      requireIssuer(needs, member, args.instrument);
      const of = {
        instrument: args.instrument,
        ...(args.venue == null ? {} : { venue: args.venue }),
      };
      const page = readPage<ListingEvent, number>(readPageArguments(args), {
        cursorOf: ({ sequence }) => String(sequence),
        keyOf: (cursor) => (/^\d{1,15}$/.test(cursor) ? Number(cursor) : undefined),
        read: (range, oldestFirst, most) =>
          listings.store.read({ ...of, ...range }, oldestFirst, most),
      });
      return connectionOf(page, (event) => eventOutput(directory, event));
    },
  };
}

function listingAlerts({ venue, directory, listings, streams }: IssuerNeeds) {
  return {
    async subscribe(
      _root: unknown,
      { after }: { readonly after?: number | null },
      context: ApiContext,
    ) {
      const { member } = requireCaller(context, venue, 'issuer:read');
      const latest = await listings.store.latest(member);
      const from = after ?? latest;
      if (from < 0 || from > latest) {
        const message = `\`after\` must be from 0 to ${latest}, the number of the latest event.`;
        throw apiError('SEQUENCE_UNKNOWN', message, { extensions: { latest } });
      }
      return streams.open((signal) => listings.follow(member, from, signal));
    },
    resolve: ({ sequence, event }: ListingUpdate) => ({
      sequence,
      event: event ? eventOutput(directory, event) : null,
    }),
  };
}

/** Of an unknown instrument nobody is the issuer: the same words for both. */
function requireIssuer({ directory }: IssuerNeeds, member: string, id: InstrumentId): void {
  if (directory.current().instruments.get(id)?.issuer === member) return;
  throw apiError('FORBIDDEN', `${member} is not the issuer of ${id}.`);
}

function rowOutput(needs: IssuerNeeds, standing: ListingStanding) {
  const { listing, instrument, shown, isTokenPaused, contradictions } = standing;
  const { directory, listings, market } = needs;
  const sinceMs = listings.sinceMs(listing.instrument, listing.venue);
  const [bid] = shown?.bids ?? [];
  const [offer] = shown?.offers ?? [];
  const price = (value: number) => formatDecimal(value, instrument.priceDecimals);
  const today = market
    .statistics(instrument.id)
    .venues.find(({ venue }) => venue === listing.venue);
  return {
    instrument,
    venue: venueOf(directory.current(), listing.venue),
    status: sdlEnum(listing.status),
    since: sinceMs === undefined ? null : sdlDateTime(sinceMs),
    exemption: sdlEnum(listing.exemption),
    evidenceHash: listing.evidenceHash,
    quotes: sdlEnum(shown?.state ?? 'silent'),
    halted: shown?.halted ?? false,
    haltReason: shown?.haltReason ?? null,
    bid: quoteOutput(instrument, bid),
    offer: quoteOutput(instrument, offer),
    spread: bid && offer ? price(offer.price - bid.price) : null,
    lastPrice: today?.last === undefined ? null : price(today.last),
    volume: formatDecimal(today?.volume ?? 0n, instrument.quantityDecimals),
    trades: today?.trades ?? 0,
    tokenPaused: isTokenPaused ?? null,
    contradictions: contradictions.map((code) => ({
      code: sdlEnum(code),
      message: SENTENCES[code],
    })),
  };
}

function quoteOutput(instrument: Instrument, level: Level | undefined) {
  if (!level) return null;
  return {
    price: formatDecimal(level.price, instrument.priceDecimals),
    quantity: formatDecimal(level.quantity, instrument.quantityDecimals),
  };
}

function eventOutput(directory: DirectorySource, event: ListingEvent) {
  const current = directory.current();
  const named = (text: string | null) =>
    text === null || event.kind === 'halted' ? text : sdlEnum(text);
  return {
    kind: sdlEnum(event.kind),
    at: sdlDateTime(event.atMs),
    // The registry never forgets an instrument.
    instrument: current.instruments.get(event.instrument),
    venue: venueOf(current, event.venue),
    before: named(event.before),
    after: named(event.after),
  };
}
