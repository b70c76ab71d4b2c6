import type { Side } from '@stoa/schema';

/** Recorded prices are US dollars times this. */
export const RECORDED_PRICE_DECIMALS = 4;

interface RecordedAt {
  /** Line in the file; the first is 1. */
  readonly line: number;
  /** Seconds after midnight. Only ever used to pace the replay. */
  readonly time: number;
}

/** A message about one order, or an execution: LOBSTER types 1 to 6. */
export interface RecordedOrderMessage extends RecordedAt {
  readonly kind: 'submit' | 'reduce' | 'delete' | 'execute' | 'execute-hidden' | 'cross';
  /** The venue's order number; of no meaning for hidden executions and crosses. */
  readonly orderId: number;
  /** Shares. */
  readonly size: number;
  /** US dollars × 10,000. */
  readonly price: number;
  /** Side of the resting order, not of the one that hit it. */
  readonly side: Side;
}

/** LOBSTER type 7: price −1 halts, 0 resumes quoting, 1 resumes trading. */
export interface RecordedHaltMessage extends RecordedAt {
  readonly kind: 'halt' | 'resume-quoting' | 'resume-trading';
}

export type LobsterMessage = RecordedOrderMessage | RecordedHaltMessage;

/** What is wrong with a line, by the first column that is. */
export type MalformedReason =
  | 'too-long'
  | 'columns'
  | 'time'
  | 'type'
  | 'order-id'
  | 'size'
  | 'price'
  | 'direction';

/** A line that is no message; it is skipped. */
export interface MalformedLine {
  readonly line: number;
  readonly reason: MalformedReason;
}

const TIME = /^\d{1,5}(?:\.\d{1,12})?$/;
const INTEGER = /^-?\d{1,16}$/;
const SECONDS_A_DAY = 86_400;

const ORDER_KINDS: ReadonlyMap<string, RecordedOrderMessage['kind']> = new Map([
  ['1', 'submit'],
  ['2', 'reduce'],
  ['3', 'delete'],
  ['4', 'execute'],
  ['5', 'execute-hidden'],
  ['6', 'cross'],
]);

const HALT_KINDS: ReadonlyMap<number, RecordedHaltMessage['kind']> = new Map([
  [-1, 'halt'],
  [0, 'resume-quoting'],
  [1, 'resume-trading'],
]);

/**
 * Reads one line of a LOBSTER message file: time, type, order id, size, price, direction; further
 * columns are ignored. Strict about the six: nothing is rounded, trimmed or guessed.
 *
 * Source: LOBSTER "Data Structure", message file (https://lobsterdata.com/info/DataStructure.php).
 */
export function parseLobsterLine(text: string, line: number): LobsterMessage | MalformedLine {
  const [time, type, orderId, size, price, direction] = text.split(',', 6);
  if (
    time === undefined ||
    type === undefined ||
    orderId === undefined ||
    size === undefined ||
    price === undefined ||
    direction === undefined
  ) {
    return { line, reason: 'columns' };
  }
  const seconds = TIME.test(time) ? Number(time) : Number.NaN;
  if (!(seconds <= SECONDS_A_DAY)) return { line, reason: 'time' };
  const recordedPrice = integer(price);

  if (type === '7') {
    const halt = HALT_KINDS.get(recordedPrice);
    return halt === undefined ? { line, reason: 'price' } : { kind: halt, line, time: seconds };
  }
  const kind = ORDER_KINDS.get(type);
  if (kind === undefined) return { line, reason: 'type' };
  const number = integer(orderId);
  // Only what the visible book did not hold comes without an order: 0 or −1 there.
  const visible = kind !== 'execute-hidden' && kind !== 'cross';
  if (Number.isNaN(number) || (visible && number < 0)) return { line, reason: 'order-id' };
  const shares = integer(size);
  if (!(shares > 0)) return { line, reason: 'size' };
  if (!(recordedPrice > 0)) return { line, reason: 'price' };
  if (direction !== '1' && direction !== '-1') return { line, reason: 'direction' };
  return {
    kind,
    line,
    time: seconds,
    orderId: number,
    size: shares,
    price: recordedPrice,
    side: direction === '1' ? 'buy' : 'sell',
  };
}

/** The safe integer written here, or NaN. */
function integer(text: string): number {
  const value = INTEGER.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
