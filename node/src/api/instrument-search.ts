import {
  type Directory,
  type Instrument,
  identifiersOf,
  type Listing,
  readIdentifier,
  type TypedIdentifier,
} from '@stoa/schema';
import { apiError } from './api-error.ts';
import { sdlEnum } from './sdl-value.ts';

/** The SDL's InstrumentFilter. */
export interface InstrumentFilterInput {
  readonly text?: string | null;
  readonly symbol?: string | null;
  readonly identifier?: string | null;
  readonly issuer?: string | null;
  readonly venue?: string | null;
  readonly listingStatus?: string | null;
}

const MAX_TEXT = 128;
const MAX_WORDS = 8;

/** Key of an instrument in the list of them: by symbol, then by id. */
export function instrumentKey({ symbol, id }: Instrument): string {
  return `${symbol}\n${id}`;
}

/**
 * The instruments that a filter lets through, in the order of their keys.
 *
 * @throws BAD_USER_INPUT for an identifier that cannot be one, and for texts beyond bounds
 */
export function searchInstruments(
  directory: Directory,
  filter: InstrumentFilterInput | null | undefined,
): Instrument[] {
  const { text, symbol, identifier, issuer, venue, listingStatus } = filter ?? {};
  for (const given of [text, symbol, identifier]) {
    if (given != null && given.length > MAX_TEXT) {
      throw apiError(
        'BAD_USER_INPUT',
        `A text of the filter has more than ${MAX_TEXT} characters.`,
      );
    }
  }
  const words = (text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length > MAX_WORDS) {
    throw apiError('BAD_USER_INPUT', `\`text\` has more than ${MAX_WORDS} words.`);
  }
  const sought = identifier == null ? undefined : soughtIdentifier(identifier.trim());
  const listed = listedInstruments(directory.listings, venue, listingStatus);
  const beginning = symbol?.toLowerCase();
  const found = [...directory.instruments.values()].filter(
    (instrument) =>
      (sought === undefined || isCalled(instrument, sought)) &&
      (beginning === undefined || instrument.symbol.toLowerCase().startsWith(beginning)) &&
      (issuer == null || instrument.issuer === issuer) &&
      (listed === undefined || listed.has(instrument.id)) &&
      words.every((word) => wordsOf(instrument).includes(word)),
  );
  const keyed = found.map((instrument) => ({ key: instrumentKey(instrument), instrument }));
  return keyed
    .sort(({ key: one }, { key: other }) => (one < other ? -1 : 1))
    .map(({ instrument }) => instrument);
}

function soughtIdentifier(text: string): TypedIdentifier & { readonly value: string } {
  const typed = readIdentifier(text);
  if (typed === undefined) {
    const schemes = 'an instrument id, a token contract, an ISIN, CUSIP, FIGI, DTI or LEI';
    throw apiError('BAD_USER_INPUT', `\`identifier\` is none of these: ${schemes}.`);
  }
  if ('value' in typed) return typed;
  const name = typed.scheme.toUpperCase();
  throw apiError(
    'BAD_USER_INPUT',
    `\`identifier\` is made as a ${name}, and its check digit is wrong: compare it with its source.`,
    { extensions: { scheme: name } },
  );
}

function isCalled(
  instrument: Instrument,
  { scheme, value }: TypedIdentifier & { readonly value: string },
): boolean {
  switch (scheme) {
    case 'instrument':
      return instrument.id === value;
    case 'token':
      return instrument.token.toLowerCase() === value;
    case 'isin':
    case 'cusip':
      return identifiersOf(instrument)[scheme] === value;
    default:
      // The registry has no field for it, so nothing there is called so.
      return false;
  }
}

function listedInstruments(
  listings: readonly Listing[],
  venue: string | null | undefined,
  status: string | null | undefined,
): ReadonlySet<string> | undefined {
  if (venue == null && status == null) return undefined;
  return new Set(
    listings
      .filter((listing) => venue == null || listing.venue === venue)
      .filter((listing) => status == null || sdlEnum(listing.status) === status)
      .map(({ instrument }) => instrument),
  );
}

function wordsOf(instrument: Instrument): string {
  const { symbol, name, issuer, isin } = instrument;
  // A CUSIP is a part of its ISIN's text.
  return `${symbol} ${name} ${issuer} ${isin}`.toLowerCase();
}
