import type {
  BookEntry,
  Execution,
  Frame,
  InstrumentId,
  Level,
  OrderMessage,
  Price,
  Quantity,
  Side,
} from '@stoa/schema';

/** A leg that met a firm quote and was not filled as the quote said, with what the venue signed. */
export interface FadeCase {
  readonly legId: string;
  readonly instrument: InstrumentId;
  readonly side: Side;
  readonly quantity: Quantity;
  readonly limitPrice: Price;
  /** When the leg was sent, by the home node's clock. */
  readonly sentAtMs: number;
  /** The frame whose quote the leg was for. */
  readonly quote: Frame;
  /** The venue's messages about the leg, in order. */
  readonly answers: readonly OrderMessage[];
  /** The venue's later frames, in order. */
  readonly between: readonly Frame[];
  /** By how much clocks may differ and messages be under way, for the venue's benefit. */
  readonly allowanceMs: number;
}

export type FadeCode =
  /** The venue refused the leg. */
  | 'REFUSED'
  /** It filled less than it showed. */
  | 'SHORT'
  /** It filled nothing. */
  | 'NOT_FILLED'
  | 'NO_ANSWER'
  | 'FILLED'
  | 'NOT_FIRM'
  | 'NOT_SHOWN'
  | 'LATE'
  | 'HALTED'
  | 'RESTARTED'
  | 'IN_FLIGHT';

/**
 * What a case comes to. `fade`: the venue's own signatures show that it did not honour a firm quote.
 * `unanswered`: it did not answer, which only the home node says. `excused`: it may have been right.
 */
export interface FadeFinding {
  readonly verdict: 'fade' | 'unanswered' | 'excused';
  readonly code: FadeCode;
  readonly message: string;
}

/**
 * Judges a case. Pure, so that anybody who holds the evidence comes to the same finding.
 *
 * Of two clocks nobody knows the difference, so the allowance always counts for the venue: a leg
 * that could have come after the end of the validity was late, and of what the venue said until
 * the allowance has passed anything may have been true before the leg came. Where the venue's own
 * messages place the arrival earlier, they bound it: they are by the same clock as its frames.
 */
export function judgeFade(given: FadeCase): FadeFinding {
  const { quote, instrument, quantity } = given;
  const entry = lastBook(quote, instrument);
  if (!entry?.firm) return excused('NOT_FIRM', 'The quote was not firm.');
  const shown = shownWithin(entry, given);
  const fills = ownFills(given);
  const filled = fills.reduce((sum, fill) => sum + fill.quantity, 0);
  const expected = Math.min(shown, quantity);
  if (expected === 0) return excused('NOT_SHOWN', 'The quote showed nothing within the limit.');
  if (filled >= expected) return excused('FILLED', 'The leg was filled as the quote said.');
  if (given.sentAtMs + given.allowanceMs > entry.validUntilMs) {
    return excused('LATE', 'The leg may have come after the end of the quote’s validity.');
  }
  const arrivedByMs = latestArrivalMs(given, fills);
  const disturbed = disturbance(given, arrivedByMs);
  if (disturbed) return disturbed;
  const left = leftAt(given, { shown, arrivedByMs, fills });
  if (filled >= Math.min(left, quantity)) {
    return excused('IN_FLIGHT', `The venue may have had only ${left} when the leg came.`);
  }
  return found(given, { filled, expected: Math.min(left, quantity) });
}

function found(
  { answers, instrument }: FadeCase,
  { filled, expected }: { readonly filled: Quantity; readonly expected: Quantity },
): FadeFinding {
  const bodies = answers.map(({ body }) => body);
  const rejected = bodies.find((body) => body.kind === 'leg-rejected');
  const what = `of ${expected} shown of ${instrument}`;
  if (rejected?.kind === 'leg-rejected') {
    const message = `The venue refused a leg for ${expected} that its firm quote showed: ${rejected.code}.`;
    return { verdict: 'fade', code: 'REFUSED', message };
  }
  if (!bodies.some(isFinal)) {
    const message = `The venue did not answer; ${filled} ${what} was filled.`;
    return { verdict: 'unanswered', code: 'NO_ANSWER', message };
  }
  if (filled > 0) {
    return { verdict: 'fade', code: 'SHORT', message: `The venue filled ${filled} ${what}.` };
  }
  return { verdict: 'fade', code: 'NOT_FILLED', message: `The venue filled nothing ${what}.` };
}

/** The latest time, by the venue's clock, at which the leg can have come. */
function latestArrivalMs(given: FadeCase, fills: readonly Execution[]): number {
  const answered = given.answers.map(({ sentAtMs }) => sentAtMs);
  const executed = fills.map(({ executedAtMs }) => executedAtMs);
  return Math.min(given.sentAtMs + given.allowanceMs, ...answered, ...executed);
}

/** A halt or a restart that the leg may have met. */
function disturbance(given: FadeCase, arrivedByMs: number): FadeFinding | undefined {
  for (const frame of [given.quote, ...underWay(given, arrivedByMs)]) {
    if (frame.epoch > given.quote.epoch) {
      return excused('RESTARTED', 'The venue’s node had started again: its quotes were void.');
    }
    const halted = frame.entries.some(
      (entry) =>
        entry.kind === 'status' &&
        entry.instrument === given.instrument &&
        entry.state === 'halted',
    );
    if (halted) return excused('HALTED', 'The venue had halted the instrument.');
  }
  return undefined;
}

/** The least that the venue can have had for the leg when it came: later books, and others' trades. */
function leftAt(
  given: FadeCase,
  at: {
    readonly shown: Quantity;
    readonly arrivedByMs: number;
    readonly fills: readonly Execution[];
  },
): Quantity {
  let least = at.shown;
  for (const frame of underWay(given, at.arrivedByMs)) {
    const entry = lastBook(frame, given.instrument);
    if (entry) least = Math.min(least, entry.firm ? shownWithin(entry, given) : 0);
  }
  const traded = othersTraded(given, at);
  return Math.max(0, Math.min(least, at.shown - traded));
}

/** What others traded there meanwhile, at prices the leg could have had. */
function othersTraded(
  given: FadeCase,
  { arrivedByMs, fills }: { readonly arrivedByMs: number; readonly fills: readonly Execution[] },
): Quantity {
  // An execution is printed in its parts, under several ids: at its own time and price.
  const isOwn = (executionId: string, price: Price, atMs: number) =>
    fills.some(
      (fill) =>
        fill.executionId === executionId || (fill.price === price && fill.executedAtMs === atMs),
    );
  const counted = new Map<string, Quantity>();
  const sinceMs = given.quote.sentAtMs;
  for (const { entries } of given.between) {
    for (const entry of entries) {
      if (entry.kind !== 'trade' || entry.instrument !== given.instrument) continue;
      const { executionId, price, quantity, executedAtMs } = entry;
      if (executedAtMs < sinceMs || executedAtMs > arrivedByMs) continue;
      if (!isWithin(given, price)) continue;
      if (entry.action !== 'bust' && !isOwn(executionId, price, executedAtMs)) {
        counted.set(executionId, quantity);
      }
    }
  }
  return [...counted.values()].reduce((sum, quantity) => sum + quantity, 0);
}

/** Frames that were sent before the leg can have come. */
function underWay({ between }: FadeCase, arrivedByMs: number): Frame[] {
  return between.filter(({ sentAtMs }) => sentAtMs <= arrivedByMs);
}

/** The leg's executions, each once, corrected; a bust undoes a trade, not that the quote was honoured. */
function ownFills({ answers, legId }: FadeCase): Execution[] {
  const fills = new Map<string, Execution>();
  for (const { body } of answers) {
    if (body.kind !== 'leg-executed' && body.kind !== 'leg-trade-corrected') continue;
    if (body.legId === legId) fills.set(body.execution.executionId, body.execution);
  }
  return [...fills.values()];
}

/** Within a frame the last word counts. */
function lastBook({ entries }: Frame, instrument: InstrumentId): BookEntry | undefined {
  return entries.findLast(
    (entry): entry is BookEntry => entry.kind === 'book' && entry.instrument === instrument,
  );
}

function shownWithin(entry: BookEntry, given: FadeCase): Quantity {
  const levels: readonly Level[] = given.side === 'buy' ? entry.offers : entry.bids;
  return levels
    .filter(({ price }) => isWithin(given, price))
    .reduce((sum, { quantity }) => Math.min(sum + quantity, Number.MAX_SAFE_INTEGER), 0);
}

function isWithin({ side, limitPrice }: FadeCase, price: Price): boolean {
  return side === 'buy' ? price <= limitPrice : price >= limitPrice;
}

function isFinal({ kind }: OrderMessage['body']): boolean {
  return kind === 'leg-done' || kind === 'leg-rejected';
}

function excused(code: FadeCode, message: string): FadeFinding {
  return { verdict: 'excused', code, message };
}
