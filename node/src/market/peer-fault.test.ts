import { decodeFrame, decodeSigned, isRefusal, payloadHash } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import type { RejectCode, Verdict } from './judge.ts';
import type { LoggedFrame } from './logged-frame.ts';
import { offenceOf } from './peer-fault.ts';
import { signedFrame } from './testing/frame-maker.ts';

const reject = (code: RejectCode, part: object = {}): Verdict => ({
  ...{ verdict: 'reject', code, message: '' },
  ...part,
});

function logged(venue: string): LoggedFrame {
  const bytes = signedFrame({ venue });
  const signed = decodeSigned(bytes, bytes.length);
  if (isRefusal(signed)) throw new Error(signed.message);
  const decoded = decodeFrame(signed.payload);
  if (isRefusal(decoded)) throw new Error(decoded.message);
  return { frame: decoded.frame, bytes, hash: payloadHash(signed.payload) };
}

describe('the fault of a refused frame', () => {
  it.each<RejectCode>(['SIGNED_MALFORMED', 'SIGNATURE_INVALID', 'NOT_A_VENUE', 'FRAME_TOO_LARGE'])(
    'is with whoever brought it, for %s: a relay judges first',
    (code) => {
      expect(offenceOf(reject(code), 'relay')).toBe(code);
    },
  );

  it.each<[RejectCode, object]>([
    ['EQUIVOCATION', { contradicts: logged('alpha') }],
    ['CHAIN_BROKEN', { contradicts: logged('alpha') }],
    ['LEVELS_UNSORTED', { authentic: logged('alpha') }],
  ])('is with the venue alone, for %s: a relay must bring what the venue signed', (code, part) => {
    expect(offenceOf(reject(code, part), 'relay')).toBeUndefined();
    expect(offenceOf(reject(code, part), 'alpha')).toBe(code);
  });

  it.each<RejectCode>(['FRAME_FROM_FUTURE', 'EPOCH_FROM_FUTURE', 'PRICE_OFF_TICK'])(
    'is with nobody, for %s: nodes see clocks and registries differently',
    (code) => {
      expect(offenceOf(reject(code, { authentic: logged('alpha') }), 'alpha')).toBeUndefined();
    },
  );

  it('is with nobody, for what is ignored', () => {
    const repeat = { verdict: 'ignore', code: 'DUPLICATE', message: '', repeats: 'alpha' } as const;
    expect(offenceOf(repeat, 'relay')).toBeUndefined();
  });
});
