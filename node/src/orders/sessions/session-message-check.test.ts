import {
  encodeOrderMessage,
  encodePlaced,
  encodeSessionPlace,
  encodeSigned,
  type OrderMessageBody,
  placeHash,
} from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { directoryOf, keyOf } from '../testing/test-network.ts';
import { createMessageCheck } from './session-message-check.ts';
import { signMessage } from './sign-message.ts';

const NOW_MS = 1_767_225_600_000;
const body: OrderMessageBody = { kind: 'leg-cancel', legId: 'beta-1.1.1' };
const said = { from: 'beta', to: 'alpha', sentAtMs: NOW_MS, body };
const salt = new Uint8Array(16).fill(7);
const check = createMessageCheck('alpha', directoryOf(['alpha', 'beta']));

const place = (number: number): Uint8Array => encodeSessionPlace({ number, acknowledged: 4, salt });

/** A message of beta as it should not be: any fields signed, any place beside them. */
function forged(
  change: { readonly number?: number; readonly placeHash?: Uint8Array },
  beside: Uint8Array,
): Uint8Array {
  const payload = encodeOrderMessage({
    ...{ ...said, version: 2, number: 0, acknowledged: 0, placeHash: placeHash(place(9)) },
    ...change,
  });
  return encodePlaced({ payload, signature: keyOf('beta').sign('order', payload), place: beside });
}

describe('a message of a session', () => {
  it('has the place that stands beside it, and proves without that what was said', () => {
    const bytes = signMessage(keyOf('beta'), said, { number: 9, acknowledged: 4, salt });
    const checked = check('beta', bytes, NOW_MS);
    if ('refused' in checked) throw new Error(checked.message);
    expect(checked.message).toMatchObject({ ...said, number: 9, acknowledged: 4 });
    expect(bytes.subarray(0, checked.signed.length)).toEqual(checked.signed);
    expect(bytes.length - checked.signed.length).toBe(2 + place(9).length);
    expect(Buffer.from(checked.signed).includes(Buffer.from(salt))).toBe(false);
  });

  it('is taken with its numbers as an outbox held it from before they stood beside it', () => {
    const payload = encodeOrderMessage({ ...said, version: 1, number: 9, acknowledged: 4 });
    const bytes = encodeSigned({ payload, signature: keyOf('beta').sign('order', payload) });
    expect(check('beta', bytes, NOW_MS)).toMatchObject({
      message: { number: 9, acknowledged: 4 },
      signed: bytes,
    });
  });

  it.each([
    ['another place than was signed', forged({}, place(8)), 'ORDER_MESSAGE_PLACE'],
    ['no place where one was signed', forged({}, new Uint8Array()), 'ORDER_MESSAGE_PLACE'],
    [
      'a place of which no hash was signed',
      forged({ placeHash: new Uint8Array() }, place(9)),
      'ORDER_MESSAGE_PLACE',
    ],
    [
      'a place that cannot be read, though it was signed',
      forged({ placeHash: placeHash(Uint8Array.of(8, 9)) }, Uint8Array.of(8, 9)),
      'ORDER_MESSAGE_PLACE',
    ],
    [
      'a number in what is signed, for all to see',
      forged({ number: 9 }, place(9)),
      'ORDER_MESSAGE_MALFORMED',
    ],
    ['a place longer than any is', forged({}, new Uint8Array(65)), 'SIGNED_MALFORMED'],
  ])('is refused with %s', (_what, bytes, code) => {
    expect(check('beta', bytes, NOW_MS)).toMatchObject({ refused: true, code });
  });
});
