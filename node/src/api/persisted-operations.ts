import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type WatchedFile, watchFile } from '../access/watched-file.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Operations that are known by the hash of their text. */
export interface PersistedOperations {
  /** @param id `sha256:` and 64 hexadecimal digits, or the digits alone */
  text(id: string): string | undefined;
  close(): void;
}

const MAX_FILE_BYTES = 16 * 1_024 * 1_024;
const PREFIX = 'sha256:';

const shape = z.record(z.string(), z.string().min(1));

/**
 * Reads a file of operations, `{ "sha256:…": "query …" }`, and reads it anew when it changes.
 *
 * @throws CodedError FILE_UNREADABLE, also where a text does not have the hash it stands under
 */
export async function openPersistedOperations(
  path: string,
  needs: { readonly logger: Logger },
): Promise<PersistedOperations> {
  const file: WatchedFile<ReadonlyMap<string, string>> = await watchFile(
    { path, maxBytes: MAX_FILE_BYTES, parse: (text) => readOperations(JSON.parse(text)) },
    needs,
  );
  return {
    text: (id) => file.current().get(digits(id)),
    close: () => file.close(),
  };
}

function readOperations(json: unknown): ReadonlyMap<string, string> {
  const operations = new Map<string, string>();
  for (const [id, text] of Object.entries(shape.parse(json))) {
    const hash = createHash('sha256').update(text).digest('hex');
    if (digits(id) !== hash) throw new Error(`the operation under ${id} has the hash ${hash}`);
    operations.set(hash, text);
  }
  return operations;
}

function digits(id: string): string {
  return (id.startsWith(PREFIX) ? id.slice(PREFIX.length) : id).toLowerCase();
}
