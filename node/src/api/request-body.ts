import type { IncomingMessage } from 'node:http';

/** Reads a request's whole body; undefined for one beyond the bound, of which no more is read. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      chunks.push(chunk);
      // A chunked body states no length: it is counted as it comes.
      if (bytes <= maxBytes) return;
      request.off('data', onData).pause();
      resolve(undefined);
    };
    // By its events: an iterator over a stream costs more than most bodies.
    request.on('data', onData);
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => {
      if (!request.complete) reject(new Error('the request was cut off'));
    });
  });
}
