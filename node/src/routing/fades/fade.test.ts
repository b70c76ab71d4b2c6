import type { Entry, Frame, OrderMessage, OrderMessageBody } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { bookEntry } from '../../market/testing/frame-maker.ts';
import { INSTRUMENT } from '../testing/receipt-scene.ts';
import { type FadeCase, judgeFade } from './fade.ts';

const { id: instrument } = INSTRUMENT;
const legId = 'alpha-1.1.1';
/** The quote is shown at 1,000,000 and valid for six seconds; the leg for all of it leaves at 1,000,100. */
const SHOWN_AT_MS = 1_000_000;
const SENT_AT_MS = 1_000_100;
const VALID_UNTIL_MS = 1_006_000;

function frame(sequence: number, sentAtMs: number, ...entries: Entry[]): Frame {
  const head = { version: 1, venue: 'beta', epoch: 1, sequence, sentAtMs };
  return { ...head, previousHash: new Uint8Array(32), entries };
}

function offering(quantity: number, part: Parameters<typeof bookEntry>[3] = {}): Entry {
  const offers = quantity === 0 ? [] : ([[100, quantity]] as const);
  return bookEntry(instrument, [], offers, { validUntilMs: VALID_UNTIL_MS, ...part });
}

function print(executionId: string, quantity: number, executedAtMs: number, price = 100): Entry {
  const trade = { executionId, price, quantity, executedAtMs };
  return { kind: 'trade', instrument, action: 'print', ...trade };
}

function halt(state: 'halted' | 'trading'): Entry {
  return { kind: 'status', instrument, state, authority: 'venue', reason: '' };
}

function answer(sentAtMs: number, body: OrderMessageBody): OrderMessage {
  return { version: 1, from: 'beta', to: 'alpha', number: 1, acknowledged: 0, sentAtMs, body };
}

function refused(sentAtMs = SENT_AT_MS + 10): OrderMessage {
  return answer(sentAtMs, { kind: 'leg-rejected', legId, code: 'NO', message: 'No.' });
}

function done(filled: number, sentAtMs = SENT_AT_MS + 10): OrderMessage {
  return answer(sentAtMs, { kind: 'leg-done', legId, state: 'canceled', filled, reason: '' });
}

function executed(quantity: number, executedAtMs = SENT_AT_MS + 5): OrderMessage {
  const wallet = `0x${'7'.repeat(40)}` as const;
  const execution = {
    ...{ venue: 'beta', executionId: 'own', tradeNumber: 1, instrument, price: 100, quantity },
    ...{ buyer: wallet, seller: wallet, homeVenue: 'alpha', executedAtMs },
  };
  return answer(executedAtMs, { kind: 'leg-executed', legId, execution });
}

function judged(part: Partial<FadeCase>): string {
  const { verdict, code } = judgeFade({
    ...{ legId, instrument, side: 'buy', quantity: 10, limitPrice: 100, allowanceMs: 2_000 },
    ...{ sentAtMs: SENT_AT_MS, quote: frame(1, SHOWN_AT_MS, offering(10)) },
    ...{ answers: [refused()], between: [] },
    ...part,
  });
  return `${verdict} ${code}`;
}

describe('a firm quote', () => {
  it('fades when the venue refuses it, fills less of it, or none', () => {
    expect(judged({})).toBe('fade REFUSED');
    expect(judged({ answers: [executed(4), done(4)] })).toBe('fade SHORT');
    expect(judged({ answers: [done(0)] })).toBe('fade NOT_FILLED');
  });

  it('is honoured by a fill of what it showed within the limit, whatever the leg was for', () => {
    expect(judged({ answers: [executed(10), done(10)] })).toBe('excused FILLED');
    const shown = bookEntry(
      instrument,
      [],
      [
        [100, 6],
        [101, 9],
      ],
    );
    const quote = frame(1, SHOWN_AT_MS, { ...shown, validUntilMs: VALID_UNTIL_MS } as Entry);
    expect(judged({ quote, answers: [executed(6), done(6)] })).toBe('excused FILLED');
    expect(judged({ quote, answers: [executed(5), done(5)] })).toBe('fade SHORT');
    expect(judged({ quote, limitPrice: 99 })).toBe('excused NOT_SHOWN');
  });

  it('is honoured by a trade that was undone later', () => {
    const bust = answer(SENT_AT_MS + 50, {
      ...{ kind: 'leg-trade-busted', legId, executionId: 'own', reason: 'error' },
    });
    expect(judged({ answers: [executed(10), done(10), bust] })).toBe('excused FILLED');
  });

  it('is unanswered, by the home node’s word alone, where the venue says nothing', () => {
    expect(judged({ answers: [] })).toBe('unanswered NO_ANSWER');
    const accepted = answer(SENT_AT_MS + 5, { kind: 'leg-accepted', legId });
    expect(judged({ answers: [accepted] })).toBe('unanswered NO_ANSWER');
  });

  it('binds nobody where it is indicative', () => {
    const quote = frame(1, SHOWN_AT_MS, offering(10, { firm: false }));
    expect(judged({ quote })).toBe('excused NOT_FIRM');
  });

  it('binds nobody by a leg that may come after its validity, as clocks and ways are', () => {
    expect(judged({ sentAtMs: VALID_UNTIL_MS - 2_000, answers: [refused(VALID_UNTIL_MS)] })).toBe(
      'fade REFUSED',
    );
    expect(judged({ sentAtMs: VALID_UNTIL_MS - 1_999, answers: [refused(VALID_UNTIL_MS)] })).toBe(
      'excused LATE',
    );
  });

  it('binds a venue no further than what it showed when the leg came', () => {
    const gone = frame(2, SENT_AT_MS + 5, offering(0));
    expect(judged({ between: [gone] })).toBe('excused IN_FLIGHT');
    const less = frame(2, SENT_AT_MS + 5, offering(4));
    expect(judged({ between: [less] })).toBe('fade REFUSED');
    expect(judged({ between: [less], answers: [executed(4, SENT_AT_MS + 6), done(4)] })).toBe(
      'excused IN_FLIGHT',
    );
    const indicative = frame(2, SENT_AT_MS + 5, offering(10, { firm: false }));
    expect(judged({ between: [indicative] })).toBe('excused IN_FLIGHT');
  });

  it('is not excused by a book that the venue shows after it has answered, or after its own fill', () => {
    const after = frame(2, SENT_AT_MS + 11, offering(0));
    expect(judged({ between: [after] })).toBe('fade REFUSED');
    const ownDoing = frame(2, SENT_AT_MS + 8, offering(0));
    expect(judged({ between: [ownDoing], answers: [executed(4), done(4)] })).toBe('fade SHORT');
  });

  it('is not excused by a book that came when the leg must have been there, however late the answer', () => {
    const late = frame(2, SENT_AT_MS + 2_001, offering(0));
    expect(judged({ between: [late], answers: [refused(SENT_AT_MS + 5_000)] })).toBe(
      'fade REFUSED',
    );
    const inTime = frame(2, SENT_AT_MS + 2_000, offering(0));
    expect(judged({ between: [inTime], answers: [refused(SENT_AT_MS + 5_000)] })).toBe(
      'excused IN_FLIGHT',
    );
  });

  it('may be taken by others first, as their prints say', () => {
    const traded = frame(2, SENT_AT_MS + 20, print('other', 10, SENT_AT_MS + 2));
    expect(judged({ between: [traded] })).toBe('excused IN_FLIGHT');
    const partly = frame(2, SENT_AT_MS + 20, print('other', 3, SENT_AT_MS + 2));
    expect(judged({ between: [partly] })).toBe('fade REFUSED');
    const before = frame(2, SENT_AT_MS + 20, print('other', 10, SHOWN_AT_MS - 1));
    expect(judged({ between: [before] })).toBe('fade REFUSED');
    const after = frame(2, SENT_AT_MS + 20, print('other', 10, SENT_AT_MS + 11));
    expect(judged({ between: [after] })).toBe('fade REFUSED');
    const elsewhere = frame(2, SENT_AT_MS + 20, print('other', 10, SENT_AT_MS + 2, 101));
    expect(judged({ between: [elsewhere] })).toBe('fade REFUSED');
    const own = frame(
      2,
      SENT_AT_MS + 20,
      print('own', 4, SENT_AT_MS + 5),
      print('own-2', 6, SENT_AT_MS + 5),
    );
    expect(judged({ between: [own], answers: [executed(4), done(4)] })).toBe('fade SHORT');
  });

  it('binds nobody through a halt or a restart of the venue’s node', () => {
    const halted = frame(2, SENT_AT_MS + 5, halt('halted'));
    expect(judged({ between: [halted] })).toBe('excused HALTED');
    expect(judged({ between: [frame(2, SENT_AT_MS + 5, halt('trading'))] })).toBe('fade REFUSED');
    const restarted = { ...frame(1, SENT_AT_MS + 5), epoch: 2 };
    expect(judged({ between: [restarted] })).toBe('excused RESTARTED');
  });
});
