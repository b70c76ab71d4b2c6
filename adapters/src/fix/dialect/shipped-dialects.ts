import fs from 'node:fs';
import { type Refusal, refuse } from '@stoa/schema';
import { type Dialect, dialectShape } from './dialect.ts';

/** Dialects that come with the project: plain FIX of three versions, and one venue's. */
export const SHIPPED_DIALECTS = ['fix42', 'fix44', 'fix50sp2', 'tzero'] as const;

const MAX_FILE_BYTES = 262_144;

/** Reads a dialect: one that is shipped by its name, another by the path of its JSON file. */
export function readDialect(nameOrPath: string): Dialect | Refusal<'FIX_DIALECT_INVALID'> {
  const shipped = SHIPPED_DIALECTS.find((one) => one === nameOrPath);
  const path =
    shipped === undefined ? nameOrPath : new URL(`./shipped/${shipped}.json`, import.meta.url);
  try {
    if (fs.statSync(path).size > MAX_FILE_BYTES) return invalid(`${nameOrPath} is too large`);
    const parsed = dialectShape.safeParse(JSON.parse(fs.readFileSync(path, 'utf8')));
    if (parsed.success) return parsed.data;
    const mistakes = parsed.error.issues.map((one) => `${one.path.join('.')}: ${one.message}`);
    return invalid(`${nameOrPath}: ${mistakes.join('; ')}`);
  } catch (error) {
    return invalid(`${nameOrPath}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function invalid(message: string): Refusal<'FIX_DIALECT_INVALID'> {
  return refuse(
    'FIX_DIALECT_INVALID',
    `The FIX dialect cannot be used: ${message}.`,
    `Name one of ${SHIPPED_DIALECTS.join(', ')}, or a file in the form that docs/fix.md shows.`,
  );
}
