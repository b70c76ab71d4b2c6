import { describe, expect, it } from 'vitest';
import { httpChunk, UpdateBatch } from './update-batch.ts';

describe('a chunk of updates', () => {
  it('says its length in bytes, in hexadecimal', () => {
    expect(httpChunk(':\n\n').toString()).toBe('3\r\n:\n\n\r\n');
    expect(httpChunk('é – €'.repeat(100)).toString()).toBe(
      `${(1_000).toString(16)}\r\n${'é – €'.repeat(100)}\r\n`,
    );
  });

  it('holds no memory but its own, however long a reader takes', () => {
    const updates = [{ id: 'a.1', payload: JSON.stringify({ data: 'x'.repeat(1_000) }) }];
    const chunk = new UpdateBatch(updates).sseChunk;
    expect(chunk.buffer.byteLength).toBe(chunk.byteLength);
  });
});
