import type { Listing } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { testInstrument } from '../network/testing/memory-directory.ts';
import { InstrumentBook } from './consolidated-book.ts';
import { bookEntry, TEST_NOW_MS as now } from './testing/frame-maker.ts';

const { id } = testInstrument(1);

function listing(venue: string, status: Listing['status'] = 'listed'): Listing {
  return { instrument: id, venue, status, exemption: 'reg-d-506c', evidenceHash: '0x' };
}

/** A book of three venues, all live: beta shows 100/104, alpha 99/103, gamma nothing. */
function createBook(): InstrumentBook {
  const book = new InstrumentBook(id);
  book.list([listing('gamma'), listing('beta'), listing('alpha')], () => 'live', now);
  book.applyBook('beta', bookEntry(id, [[100, 5]], [[104, 5]]), 1, now);
  book.applyBook(
    'alpha',
    bookEntry(
      id,
      [
        [99, 2],
        [98, 1],
      ],
      [[103, 2]],
    ),
    1,
    now,
  );
  return book;
}

function best(book: InstrumentBook, atMs = now): [number | undefined, number | undefined] {
  const { bids, offers } = book.view(atMs);
  return [bids[0]?.price, offers[0]?.price];
}

describe('the consolidated book', () => {
  it('merges levels by price, best first, each with its venues in order', () => {
    const book = createBook();
    book.applyBook('gamma', bookEntry(id, [[99, 7]], [[103, 1]]), 1, now);
    const { bids, offers, venues } = book.view(now);
    expect(bids.map(({ price }) => price)).toEqual([100, 99, 98]);
    expect(offers[0]).toEqual({
      price: 103,
      quantity: 3,
      venues: [
        { venue: 'alpha', quantity: 2 },
        { venue: 'gamma', quantity: 1 },
      ],
    });
    expect(venues.map(({ venue }) => venue)).toEqual(['alpha', 'beta', 'gamma']);
  });

  it('takes the latest whole depth of a venue, whatever order frames come in', () => {
    const book = createBook();
    expect(book.applyBook('beta', bookEntry(id, [[101, 1]], []), 3, now)).toBe(true);
    expect(book.applyBook('beta', bookEntry(id, [[105, 1]], []), 2, now)).toBe(false);
    expect(best(book)).toEqual([101, 103]);
  });

  it('flags locked and crossed, and hides neither', () => {
    const book = createBook();
    book.applyBook('gamma', bookEntry(id, [[103, 1]], []), 1, now);
    expect(book.view(now)).toMatchObject({ locked: true, crossed: false });
    book.applyBook('gamma', bookEntry(id, [[105, 1]], []), 2, now);
    expect(book.view(now)).toMatchObject({ locked: false, crossed: true });
    expect(best(book)).toEqual([105, 103]);
  });

  it('counts a venue only while its feed is live, and shows it always', () => {
    const book = createBook();
    for (const state of ['degraded', 'stale', 'silent'] as const) {
      book.setState('beta', state, now);
      expect(best(book)).toEqual([99, 103]);
      expect(book.view(now).venues[1]).toMatchObject({
        state,
        bids: [{ price: 100, quantity: 5 }],
      });
    }
    book.setState('beta', 'live', now);
    expect(best(book)).toEqual([100, 103]);
  });

  it('counts no halted venue, by its own word or the registry', () => {
    const book = createBook();
    const halt = {
      kind: 'status',
      instrument: id,
      authority: 'regulator',
      reason: 'news',
    } as const;
    book.applyStatus('beta', { ...halt, state: 'halted' }, 2, now);
    expect(best(book)).toEqual([99, 103]);
    expect(book.view(now).venues[1]).toMatchObject({ halted: true, haltReason: 'news' });
    expect(book.applyStatus('beta', { ...halt, state: 'trading' }, 1, now)).toBe(false);
    book.applyStatus('beta', { ...halt, state: 'trading' }, 3, now);
    expect(best(book)).toEqual([100, 103]);
    book.list([listing('alpha', 'suspended'), listing('beta')], () => 'live', now);
    expect(best(book)).toEqual([100, 104]);
    expect(book.view(now).venues[0]?.haltReason).toBe('The listing is suspended.');
  });

  it('shows indicative quotes in the venue and not in the levels', () => {
    const book = createBook();
    book.applyBook('gamma', bookEntry(id, [[101, 1]], [], { firm: false }), 1, now);
    expect(best(book)).toEqual([100, 103]);
    expect(book.view(now).venues[2]).toMatchObject({ firm: false, bids: [{ price: 101 }] });
  });

  it('lets a quote expire after the last millisecond of its validity, as a change', () => {
    const book = createBook();
    book.applyBook('beta', bookEntry(id, [[100, 5]], [], { validUntilMs: now + 10 }), 2, now);
    const before = book.view(now + 10);
    expect(before.bids[0]?.price).toBe(100);
    expect(book.view(now + 11)).toMatchObject({ version: before.version + 1, asOfMs: now + 11 });
    expect(best(book, now + 11)).toEqual([99, 103]);
    expect(book.expire(now + 12)).toBe(false);
  });

  it('raises its version with every change, and gives the same object until then', () => {
    const book = createBook();
    const view = book.view(now);
    expect(book.view(now)).toBe(view);
    book.setState('beta', 'live', now);
    expect(book.view(now)).toBe(view);
    book.setState('beta', 'stale', now);
    expect(book.view(now).version).toBe(view.version + 1);
  });

  it('withdraws what may be outdated, keeps what is newer, and keeps a halt', () => {
    const book = createBook();
    const halt = { kind: 'status', instrument: id, authority: 'venue', reason: 'x' } as const;
    book.applyStatus('alpha', { ...halt, state: 'halted' }, 1, now);
    book.applyBook('beta', bookEntry(id, [[101, 5]], []), 9, now);
    expect(book.withdraw('alpha', 5, now)).toBe(true);
    expect(book.withdraw('beta', 5, now)).toBe(false);
    expect(best(book)).toEqual([101, undefined]);
    expect(book.view(now).venues[0]).toMatchObject({ halted: true, bids: [] });
  });

  it('forgets a venue that started again, and one that delisted', () => {
    const book = createBook();
    book.applyBook('beta', bookEntry(id, [[100, 5]], []), 900, now);
    book.restart('beta', now);
    expect(best(book)).toEqual([99, 103]);
    expect(book.applyBook('beta', bookEntry(id, [[100, 5]], []), 1, now)).toBe(true);
    book.list([listing('beta')], () => 'live', now);
    expect(book.view(now).venues.map(({ venue }) => venue)).toEqual(['beta']);
    expect(book.applyBook('alpha', bookEntry(id, [[100, 5]], []), 2, now)).toBe(false);
  });
});
