import { describe, expect, it } from 'vitest';
import { afterText, placeResult, type StreamPosition } from './stream-position.ts';

const event = (sequence: number) => ({ data: { orderEvents: { sequence, event: null } } });
const book = (id: string, sequence: number) => ({
  data: { book: { version: 1 } },
  extensions: { stream: { id, sequence } },
});

function come(...results: { data: unknown }[]) {
  let position: StreamPosition | undefined;
  return results.map((result) => {
    const placed = placeResult(position, result);
    if (placed.kind === 'seen') return 'seen';
    position = placed.position;
    return placed.missed;
  });
}

describe('the place of a result in its stream', () => {
  it('is its number on a numbered stream, and what was given before is not given again', () => {
    expect(come(event(0), event(1), event(1), event(3), event(2), event(4))).toEqual([
      ...[0, 0, 'seen', 0, 'seen', 0],
    ]);
    expect(afterText({ kind: 'numbered', sequence: 7 })).toBe('7');
  });

  it('is the stream and its number on a shared one, with what was passed over', () => {
    expect(come(book('a', 1), book('a', 2), book('a', 2), book('a', 6))).toEqual([0, 0, 'seen', 3]);
    expect(afterText({ kind: 'shared', stream: 'a', sequence: 6 })).toBe('a.6');
  });

  it('begins anew with another shared stream, of which nobody knows what was missed', () => {
    expect(come(book('a', 9), book('b', 1), book('b', 2))).toEqual([0, null, 0]);
  });

  it('is nowhere on a stream that has no numbers', () => {
    const request = { data: { quoteRequestChanges: { id: 'alpha-1' } } };
    expect(come(request, request)).toEqual([0, 0]);
  });
});
