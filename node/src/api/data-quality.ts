import { type Directory, type Instrument, identifiersOf } from '@stoa/schema';
import { sdlEnum } from './sdl-value.ts';

/** The SDL's DataQualityIssue. */
export interface DataQualityOutput {
  readonly code: string;
  readonly field: 'isin' | 'symbol';
  readonly value: string;
  readonly message: string;
}

const SHOWN_CHARACTERS = 64;

const SENTENCES = {
  'isin-malformed': 'What is registered as its ISIN is not made as an ISIN is.',
  'isin-check-digit': 'The check digit of the registered ISIN is wrong, so it names no security.',
  'cusip-check-digit': 'The CUSIP within the registered ISIN has a wrong check digit.',
};

/** How often each ISIN and symbol stands in a directory; directories are replaced, never changed. */
const counted = new WeakMap<Directory, ReadonlyMap<string, number>>();

function countsOf(directory: Directory): ReadonlyMap<string, number> {
  const known = counted.get(directory);
  if (known) return known;
  const counts = new Map<string, number>();
  for (const { isin, symbol } of directory.instruments.values()) {
    for (const key of [`isin ${isin}`, `symbol ${symbol}`]) {
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  counted.set(directory, counts);
  return counts;
}

/** What is wrong with an instrument's entry in the registry: shown, because nobody can take it back. */
export function dataQualityOf(directory: Directory, instrument: Instrument): DataQualityOutput[] {
  const { isin, symbol } = instrument;
  const issues: DataQualityOutput[] = [];
  const { issue } = identifiersOf(instrument);
  const note = (code: string, field: 'isin' | 'symbol', value: string, message: string) =>
    issues.push({ code: sdlEnum(code), field, value: value.slice(0, SHOWN_CHARACTERS), message });
  if (issue) note(issue, 'isin', isin, SENTENCES[issue]);
  const counts = countsOf(directory);
  if (isin !== '' && (counts.get(`isin ${isin}`) ?? 0) > 1) {
    note('isin-shared', 'isin', isin, 'Another token has the same ISIN: they settle apart.');
  }
  if ((counts.get(`symbol ${symbol}`) ?? 0) > 1) {
    note('symbol-shared', 'symbol', symbol, 'Another instrument has the same symbol.');
  }
  return issues;
}
