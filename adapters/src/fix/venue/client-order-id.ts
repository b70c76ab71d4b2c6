import { createHash } from 'node:crypto';
import type { Dialect } from '../dialect/dialect.ts';

const PLAIN = /^[!-~]+$/;
/** 32 letters and digits, none of which is 0. */
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ12345678';

/**
 * The ClOrdID(11) of the n-th request about an order: the same for the same, always. The order's own
 * id is taken for its first request where the dialect allows it; else a hash of both in as many
 * characters as there may be, up to 26 (130 bits).
 */
export function clientOrderId(
  orderId: string,
  use: number,
  { maxLength, leadingZeros }: Dialect['clientOrderId'],
): string {
  const fits = orderId.length <= maxLength && PLAIN.test(orderId);
  if (use === 0 && fits && (leadingZeros || !orderId.startsWith('0'))) return orderId;
  const hash = createHash('sha256').update(`${use}/${orderId}`).digest();
  const length = Math.min(maxLength, 26);
  // A letter first: some venues take ids that begin with a digit for numbers.
  return `Z${Array.from({ length: length - 1 }, (_, at) => LETTERS[(hash[at] ?? 0) & 31]).join('')}`;
}
