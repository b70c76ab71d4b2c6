import { createHash } from 'node:crypto';
import { CodedError } from '@stoa/schema';

/** Nothing of ours is nested deeper; hostile text can be. */
const MAX_DEPTH = 32;

/**
 * The one way in which a value is written as JSON: names sorted by UTF-16 code units, no white space,
 * strings and numbers as `JSON.stringify` writes them. For values without fractions this is RFC 8785.
 * What JSON leaves out (undefined) is left out.
 *
 * @throws CodedError `NOT_CANONICAL` for what JSON cannot hold exactly: a number that is no safe integer, a
 * function, a bigint, or nesting beyond 32
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

/** SHA-256, in hex: what evidence and revisions are named by. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function write(value: unknown, depth: number): string {
  if (depth > MAX_DEPTH) throw notCanonical('nested too deep');
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value);
  }
  if (typeof value === 'number') {
    // Beyond 2^53 two readers of one text may see two numbers.
    if (!Number.isSafeInteger(value)) throw notCanonical('a number that is no safe integer');
    return String(value === 0 ? 0 : value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  if (typeof value !== 'object') throw notCanonical(`a ${typeof value}`);
  const parts: string[] = [];
  // Sorted by UTF-16 code units, as names are compared where nothing else is asked for.
  for (const name of Object.keys(value).sort()) {
    const item = (value as Readonly<Record<string, unknown>>)[name];
    if (item !== undefined) parts.push(`${JSON.stringify(name)}:${write(item, depth + 1)}`);
  }
  return `{${parts.join(',')}}`;
}

function notCanonical(what: string): CodedError {
  return new CodedError('NOT_CANONICAL', `Canonical JSON cannot hold ${what}.`);
}
