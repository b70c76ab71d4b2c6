import { type WatchedFile, watchFile } from '@stoa/node/market-api';
import type { Logger } from '@stoa/node/observer';
import { isMemberId, type VenueId } from '@stoa/schema';

/** Where each venue's node answers GraphQL, as it is known now. */
export interface NodeAddresses {
  get(venue: VenueId): string | undefined;
}

const MAX_FILE_BYTES = 1_024 * 1_024;

/** Reads `venue=URL` items: the addresses, or what is wrong with each item that is none. */
export function readNodeAddresses(
  items: readonly string[],
): ReadonlyMap<VenueId, string> | { readonly mistakes: readonly string[] } {
  const found = new Map<VenueId, string>();
  const mistakes: string[] = [];
  for (const item of items) {
    const [, venue = '', url = ''] = /^([^=]*)=(.*)$/.exec(item) ?? [];
    if (!isMemberId(venue) || !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      mistakes.push(`"${item}" is not venue=URL, such as alpha=http://127.0.0.1:4001/graphql`);
    } else if (found.has(venue)) mistakes.push(`${venue} stands there twice`);
    else found.set(venue, url);
  }
  return mistakes.length > 0 ? { mistakes } : found;
}

/**
 * The addresses that a file names, one `venue=URL` a line, `#` before a remark. It is watched: nodes join,
 * move and leave while the gateway runs, and what the file last said well holds.
 *
 * @throws CodedError FILE_UNREADABLE when it cannot be read the first time
 */
export async function watchNodeAddresses(
  path: string,
  needs: { readonly logger: Logger; readonly pollMs?: number },
): Promise<NodeAddresses & { close(): void }> {
  const { logger, pollMs } = needs;
  const file: WatchedFile<ReadonlyMap<VenueId, string>> = await watchFile(
    {
      path,
      maxBytes: MAX_FILE_BYTES,
      ...(pollMs === undefined ? {} : { pollMs }),
      parse(text) {
        const lines = text.split('\n').map((line) => line.replace(/#.*$/, '').trim());
        const read = readNodeAddresses(lines.filter((line) => line !== ''));
        if ('mistakes' in read) throw new Error(read.mistakes.join('; '));
        return read;
      },
    },
    { logger },
  );
  return { get: (venue) => file.current().get(venue), close: () => file.close() };
}
