import { describe, expect, it } from 'vitest';
import { MessageSplitter } from './framed-stream.ts';

function message(text: string): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([prefix, Buffer.from(text)]);
}

function split(chunks: readonly Uint8Array[], maxMessageBytes = 100): string[] | 'refused' {
  const messages: string[] = [];
  const splitter = new MessageSplitter(maxMessageBytes, (one) => messages.push(one.toString()));
  return chunks.every((chunk) => splitter.push(chunk)) ? messages : 'refused';
}

describe('a stream of messages', () => {
  const bytes = Buffer.concat([
    message('one'),
    message(''),
    message('three'),
    message('ab'.repeat(40)),
  ]);
  const texts = ['one', '', 'three', 'ab'.repeat(40)];

  it('is cut into the same messages however it is cut into chunks', () => {
    for (let size = 1; size <= bytes.length; size += 1) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expect(split(chunks)).toEqual(texts);
    }
  });

  it('gives nothing of a message that is not whole', () => {
    expect(split([bytes.subarray(0, bytes.length - 1)])).toEqual(texts.slice(0, 3));
  });

  it('is refused at the length, before a byte of a message that is too long', () => {
    expect(split([message('x'.repeat(101)).subarray(0, 4)])).toBe('refused');
    expect(split([message('x'.repeat(100))])).toEqual(['x'.repeat(100)]);
  });
});
