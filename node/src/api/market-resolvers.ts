import {
  type DirectorySource,
  formatDecimal,
  type Instrument,
  type InstrumentId,
  identifiersOf,
  type Listing,
  MAX_LEVELS,
  type Member,
  type MemberId,
  type VenueId,
} from '@stoa/schema';
import { MAX_PROOFS } from '../market/judgement-record.ts';
import type { ConsolidatedBook, MarketView } from '../market/market-view.ts';
import { apiError } from './api-error.ts';
import { dataQualityOf } from './data-quality.ts';
import {
  type InstrumentFilterInput,
  instrumentKey,
  searchInstruments,
} from './instrument-search.ts';
import { listPage } from './list-page.ts';
import { type ListingFilterInput, listingKey, searchListings } from './listing-search.ts';
import {
  bookOutput,
  equivocationOutput,
  tradeOutput,
  type VenueParent,
  venueOf,
} from './market-output.ts';
import { statisticsOutput } from './market-statistics-output.ts';
import { connectionOf, type PageArguments, readPageArguments } from './page-arguments.ts';
import { boundedCount, sdlDateTime, sdlEnum } from './sdl-value.ts';
import { keyText } from './subgraph-schema.ts';
import type { SubscriptionStreams } from './subscription-streams.ts';

/** What the market's part of the API is served from: verified gossip and the registries. */
export interface MarketNeeds {
  readonly market: MarketView;
  readonly directory: DirectorySource;
  readonly streams: SubscriptionStreams;
}

interface BookArguments {
  readonly instrument: InstrumentId;
  readonly depth: number | null;
}

/**
 * Resolvers of the SDL's market and listings parts. They hold no caller and no secret: what they
 * answer is public, and a node and a gateway answer alike.
 */
export function createMarketResolvers(needs: MarketNeeds) {
  return {
    Query: { ...marketQueries(needs), ...listingQueries(needs) },
    Subscription: { book: bookSubscription(needs) },
    Instrument: instrumentResolvers(needs),
    Venue: venueResolvers(needs),
    // A function on the parent would be called by one way of execution and not by another.
    ConsolidatedBook: { digest: (book: { digest(): string }) => book.digest() },
    Member: memberResolvers(needs),
    Listing: {
      instrument: (listing: Listing) =>
        needs.directory.current().instruments.get(listing.instrument),
      venue: (listing: Listing) => venueOf(needs.directory.current(), listing.venue),
      status: (listing: Listing) => sdlEnum(listing.status),
      exemption: (listing: Listing) => sdlEnum(listing.exemption),
    },
  };
}

function sortedById<T extends { readonly id: string }>(items: Iterable<T>): T[] {
  return [...items].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What a list without pages gives at most. */
const MAX_LISTED = 1_000;

function mostListed(first: number | null | undefined): number {
  return first == null ? MAX_LISTED : boundedCount('first', first, MAX_LISTED);
}

function marketQueries({ market, directory }: MarketNeeds) {
  return {
    instruments: (_root: unknown, { first }: { readonly first?: number | null }) =>
      sortedById(directory.current().instruments.values()).slice(0, mostListed(first)),
    async searchInstruments(
      _root: unknown,
      { filter, ...args }: PageArguments & { readonly filter?: InstrumentFilterInput | null },
    ) {
      const found = searchInstruments(directory.current(), filter);
      const page = listPage(found, instrumentKey, readPageArguments(args));
      return {
        ...(await connectionOf(page, (instrument) => instrument)),
        totalCount: found.length,
      };
    },
    instrument(_root: unknown, by: { readonly id?: InstrumentId; readonly symbol?: string }) {
      const { instruments } = directory.current();
      if ((by.id == null) === (by.symbol == null)) {
        throw apiError('BAD_USER_INPUT', 'Give either `id` or `symbol`, and not both.');
      }
      if (by.id != null) return instruments.get(by.id) ?? null;
      const found = [...instruments.values()].filter(({ symbol }) => symbol === by.symbol);
      return found.length === 1 ? found[0] : null;
    },
    venues() {
      const current = directory.current();
      const venues = [...current.members.values()].filter(({ kind }) => kind === 'venue');
      return sortedById(venues).map(({ id }) => venueOf(current, id));
    },
    venue(_root: unknown, { id }: { readonly id: VenueId }) {
      const current = directory.current();
      return current.members.get(id)?.kind === 'venue' ? venueOf(current, id) : null;
    },
    member: (_root: unknown, { id }: { readonly id: MemberId }) =>
      directory.current().members.get(id) ?? null,
    members(_root: unknown, { kind, ...args }: PageArguments & { readonly kind?: string | null }) {
      const members = sortedById(directory.current().members.values()).filter(
        (member) => kind == null || sdlEnum(member.kind) === kind,
      );
      const page = listPage(members, ({ id }) => id, readPageArguments(args));
      return connectionOf(page, (member) => member);
    },
    book(_root: unknown, { instrument: id, depth }: BookArguments) {
      const levels = boundedCount('depth', depth, MAX_LEVELS);
      const current = directory.current();
      const instrument = current.instruments.get(id);
      return instrument ? bookOutput(current, instrument, market.book(id), levels) : null;
    },
    equivocations(
      _root: unknown,
      by: { readonly venue?: VenueId | null; readonly first: number | null },
    ) {
      const first = boundedCount('first', by.first, MAX_PROOFS);
      const proofs = market.proofs().filter(({ venue }) => by.venue == null || venue === by.venue);
      return proofs.toReversed().slice(0, first).map(equivocationOutput);
    },
  };
}

function listingQueries({ directory }: Pick<MarketNeeds, 'directory'>) {
  return {
    listings(
      _root: unknown,
      {
        venue,
        status,
        first,
      }: { readonly venue?: VenueId; readonly status?: string; readonly first?: number | null },
    ) {
      const filter = { venue: venue ?? null, status: status == null ? null : [status] };
      return searchListings(directory.current(), filter).slice(0, mostListed(first));
    },
    async searchListings(
      _root: unknown,
      { filter, ...args }: PageArguments & { readonly filter?: ListingFilterInput | null },
    ) {
      const found = searchListings(directory.current(), filter ?? {});
      const page = listPage(found, listingKey, readPageArguments(args));
      return { ...(await connectionOf(page, (listing) => listing)), totalCount: found.length };
    },
  };
}

function bookSubscription({ market, directory, streams }: MarketNeeds) {
  return {
    subscribe(_root: unknown, { instrument, depth }: BookArguments) {
      boundedCount('depth', depth, MAX_LEVELS);
      if (!directory.current().instruments.has(instrument)) {
        throw apiError('BAD_USER_INPUT', `There is no instrument ${instrument}.`);
      }
      return streams.open((signal) => market.watch(instrument, signal));
    },
    resolve(book: ConsolidatedBook, { depth }: BookArguments) {
      const current = directory.current();
      const instrument = current.instruments.get(book.instrument);
      if (!instrument) {
        throw apiError('BAD_USER_INPUT', `There is no instrument ${book.instrument} any more.`);
      }
      return bookOutput(current, instrument, book, boundedCount('depth', depth, MAX_LEVELS));
    },
  };
}

function instrumentResolvers({ market, directory }: MarketNeeds) {
  return {
    // A copy: the subgraph library writes __typename into what it is given.
    __resolveReference({ id }: { readonly id: unknown }) {
      const { instruments } = directory.current();
      const instrument = instruments.get(keyText(id).toLowerCase());
      return instrument ? { ...instrument } : null;
    },
    isin: (instrument: Instrument) => identifiersOf(instrument).isin ?? null,
    cusip: (instrument: Instrument) => identifiersOf(instrument).cusip ?? null,
    issuedBy: ({ issuer }: Instrument) => directory.current().members.get(issuer) ?? null,
    dataQuality: (instrument: Instrument) => dataQualityOf(directory.current(), instrument),
    tokenStandard: (instrument: Instrument) => instrument.standard,
    currency: (instrument: Instrument) => instrument.cashSymbol,
    tickSize: (instrument: Instrument) =>
      formatDecimal(instrument.tickSize, instrument.priceDecimals),
    lotSize: (instrument: Instrument) =>
      formatDecimal(instrument.lotSize, instrument.quantityDecimals),
    book(instrument: Instrument, { depth }: { readonly depth: number | null }) {
      const levels = boundedCount('depth', depth, MAX_LEVELS);
      return bookOutput(directory.current(), instrument, market.book(instrument.id), levels);
    },
    lastTrade(instrument: Instrument) {
      const trade = market.lastTrade(instrument.id);
      return trade ? tradeOutput(instrument, trade) : null;
    },
    statistics: (instrument: Instrument) =>
      statisticsOutput(directory.current(), instrument, market.statistics(instrument.id)),
    listings: ({ id }: Instrument) => searchListings(directory.current(), { instrument: id }),
  };
}

function venueResolvers({ market, directory }: MarketNeeds) {
  const feedOf = ({ id }: VenueParent) => market.feeds().find(({ venue }) => venue === id);
  return {
    __resolveReference(key: { readonly id: unknown }) {
      const id = keyText(key.id);
      const current = directory.current();
      return current.members.get(id)?.kind === 'venue' ? { ...venueOf(current, id) } : null;
    },
    member: ({ id }: VenueParent) => directory.current().members.get(id) ?? null,
    quotes: (venue: VenueParent) => sdlEnum(feedOf(venue)?.state ?? 'silent'),
    quotesSince(venue: VenueParent) {
      const sinceMs = feedOf(venue)?.sinceMs;
      return sinceMs === undefined ? null : sdlDateTime(sinceMs);
    },
    lastSequence: (venue: VenueParent) => feedOf(venue)?.lastSequence ?? null,
    listings: ({ id }: VenueParent) =>
      searchListings(directory.current(), { venue: id }).slice(0, MAX_LISTED),
  };
}

function memberResolvers({ directory }: MarketNeeds) {
  return {
    // A copy: the subgraph library writes __typename into what it is given.
    __resolveReference({ id }: { readonly id: unknown }) {
      const member = directory.current().members.get(keyText(id));
      return member ? { ...member } : null;
    },
    kind: ({ kind }: Member) => sdlEnum(kind),
    status: ({ status }: Member) => sdlEnum(status),
    venue({ id, kind }: Member) {
      return kind === 'venue' ? venueOf(directory.current(), id) : null;
    },
  };
}
