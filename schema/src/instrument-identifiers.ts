import { isCusip, isDti, isFigi, isIsin, isLei } from './identifiers.ts';
import { isInstrumentId } from './ids.ts';
import type { Instrument } from './instrument.ts';

/** What can be wrong with an instrument's own entry. */
export type IdentifierIssue = 'isin-malformed' | 'isin-check-digit' | 'cusip-check-digit';

/** Identifiers of an instrument that hold, and what is wrong with those that do not. */
export interface InstrumentIdentifiers {
  readonly isin?: string;
  readonly cusip?: string;
  readonly issue?: IdentifierIssue;
}

/** Numbering agencies whose ISINs hold a CUSIP: the United States, Canada. */
const CUSIP_COUNTRIES = new Set(['US', 'CA']);

/**
 * The identifiers in an instrument's entry. The registry keeps any text as an ISIN, so that a wrong one
 * can stand there for good: it is never given out as one.
 */
export function identifiersOf({ isin }: Pick<Instrument, 'isin'>): InstrumentIdentifiers {
  if (isin === '') return {};
  if (!isIsin(isin)) {
    const isForm = /^[A-Z]{2}[A-Z0-9]{9}[0-9]$/.test(isin);
    return { issue: isForm ? 'isin-check-digit' : 'isin-malformed' };
  }
  if (!CUSIP_COUNTRIES.has(isin.slice(0, 2))) return { isin };
  const cusip = isin.slice(2, 11);
  return isCusip(cusip) ? { isin, cusip } : { isin, issue: 'cusip-check-digit' };
}

/** An identifier that somebody typed, in its canonical case. */
export type TypedIdentifier =
  | { readonly scheme: 'instrument' | 'token' | 'isin' | 'cusip'; readonly value: string }
  /** Well made, and of a scheme that the registry has no field for. */
  | { readonly scheme: 'figi' | 'dti' | 'lei'; readonly value: string }
  /** Made as one of a scheme, and its check digit is wrong. */
  | { readonly scheme: 'isin' | 'cusip' | 'figi' | 'lei'; readonly wrong: true };

/** Tells what an identifier is by its form and check digit; undefined for text that is none. */
export function readIdentifier(text: string): TypedIdentifier | undefined {
  const lower = text.toLowerCase();
  if (isInstrumentId(lower)) return { scheme: 'instrument', value: lower };
  if (/^0x[0-9a-f]{40}$/.test(lower)) return { scheme: 'token', value: lower };
  const value = text.toUpperCase();
  if (isIsin(value)) return { scheme: 'isin', value };
  if (isFigi(value)) return { scheme: 'figi', value };
  if (isCusip(value)) return { scheme: 'cusip', value };
  if (isLei(value)) return { scheme: 'lei', value };
  if (isDti(value)) return { scheme: 'dti', value };
  if (/^BBG[A-Z0-9]{9}$/.test(value)) return { scheme: 'figi', wrong: true };
  if (/^[A-Z]{2}[A-Z0-9]{9}[0-9]$/.test(value)) return { scheme: 'isin', wrong: true };
  if (/^[A-Z0-9*@#]{8}[0-9]$/.test(value)) return { scheme: 'cusip', wrong: true };
  if (/^[A-Z0-9]{18}[0-9]{2}$/.test(value)) return { scheme: 'lei', wrong: true };
  return undefined;
}
