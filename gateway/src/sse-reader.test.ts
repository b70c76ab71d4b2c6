import { describe, expect, it } from 'vitest';
import { readServerSentEvents, type ServerSentEvent } from './sse-reader.ts';

async function* inChunks(text: string, size: number): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string, size: number, most = 1_000): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of readServerSentEvents(inChunks(text, size), most)) events.push(event);
  return events;
}

const STREAM =
  ':\n\nevent: next\r\ndata: {"a":"é"}\r\n\r\n:ping\n\ndata: one\ndata:two\n\nevent: complete\rdata:\r\r\n\ndata: cut';

describe('the reader of server-sent events', () => {
  it.each([1, 2, 3, 7, 1_000])('reads the same from chunks of %i bytes', async (size) => {
    expect(await read(STREAM, size)).toEqual([
      { event: 'next', data: '{"a":"é"}' },
      { event: 'message', data: 'one\ntwo' },
      { event: 'complete', data: '' },
    ]);
  });

  it('bounds an event, whether it is one line or many', async () => {
    await expect(read(`data: ${'x'.repeat(200)}`, 10, 100)).rejects.toThrow('100 characters');
    await expect(read('data: 12345\n'.repeat(20), 10, 100)).rejects.toThrow('100 characters');
    expect(await read('data: 12345\n\n'.repeat(20), 10, 100)).toHaveLength(20);
  });
});
