import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A longer line is handed on in pieces, so that output without line ends cannot fill memory. */
const maxLineCharacters = 65_536;

/** Call `onLine` with each line of a stream, without its end; the last needs none. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.replace(/\r$/, ''));
    while (rest.length >= maxLineCharacters) {
      onLine(rest.slice(0, maxLineCharacters));
      rest = rest.slice(maxLineCharacters);
    }
  });
  stream.once('end', () => {
    const last = rest + decoder.end();
    rest = '';
    if (last !== '') onLine(last);
  });
}
