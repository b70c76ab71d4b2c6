import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { sendPrivateStream } from './private-stream.ts';
import type { StreamReader } from './stream-reader.ts';

describe("one viewer's own stream", () => {
  it('holds nothing for the times at which its reader did not keep up', async () => {
    const { signal } = new AbortController();
    let most = 0;
    const reader: StreamReader = {
      onReady: () => undefined,
      write() {
        most = Math.max(most, getEventListeners(signal, 'abort').length);
        setImmediate(() => reader.onReady());
        return false;
      },
      end: () => undefined,
    };
    async function* source() {
      for (let sequence = 0; sequence < 50; sequence += 1) yield { data: { sequence } };
    }
    await sendPrivateStream(source(), reader, { signal, idOf: () => undefined });
    expect(most).toBeLessThan(4);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends for a reader who does not come back', async () => {
    const stopping = new AbortController();
    let isOpen = true;
    async function* source() {
      try {
        for (;;) yield { data: {} };
      } finally {
        isOpen = false;
      }
    }
    const reader: StreamReader = {
      onReady: () => undefined,
      write() {
        setImmediate(() => stopping.abort());
        return false;
      },
      end: () => undefined,
    };
    const { signal } = stopping;
    await sendPrivateStream(source(), reader, { signal, idOf: () => undefined });
    expect(isOpen).toBe(false);
  });
});
