import { describe, expect, it } from 'vitest';
import { decideReconnect } from './reconnect-decision.ts';
import type { StreamEnd } from './stream-inbox.ts';

const OPTIONS = { firstWaitMs: 100, maxWaitMs: 1_000, giveUpAfterMs: 60_000 };
const cut: StreamEnd = { kind: 'cut', reason: 'socket closed' };
const refused = (code: string): StreamEnd => ({
  kind: 'refused',
  errors: [{ message: code, code, path: [], extensions: { code } }],
});
const decide = (end: StreamEnd, failures = 0, silentMs = 0, chance = 1) =>
  decideReconnect(end, { failures, silentMs }, OPTIONS, chance);

describe('a stream whose connection ended', () => {
  it('is opened again after a wait that grows, by chance, up to a bound', () => {
    expect([0, 1, 2, 3, 4, 50].map((failures) => decide(cut, failures))).toEqual(
      [100, 200, 400, 800, 1_000, 1_000].map((waitMs) => ({ kind: 'again', waitMs })),
    );
    expect(decide(cut, 3, 0, 0)).toEqual({ kind: 'again', waitMs: 0 });
    expect(decide(cut, 3, 0, 0.25)).toEqual({ kind: 'again', waitMs: 200 });
  });

  it('is done when the server has nothing more to tell', () => {
    expect(decide({ kind: 'complete' })).toEqual({ kind: 'finish' });
  });

  it('is gone on with at once by a reader who has caught up', () => {
    expect(decide({ kind: 'full' })).toEqual({ kind: 'again', waitMs: 0 });
  });

  it.each(['SERVER_STOPPING', 'NODE_UNAVAILABLE', 'TOO_MANY_SUBSCRIPTIONS', ''])(
    'is opened again where the server says %s',
    (code) => expect(decide(refused(code), 5)).toMatchObject({ kind: 'again' }),
  );

  it.each(['FORBIDDEN', 'BAD_USER_INPUT', 'SEQUENCE_UNKNOWN', 'TOKEN_REVOKED', 'of tomorrow'])(
    'fails where the server says %s',
    (code) =>
      expect(decide(refused(code))).toMatchObject({
        ...{ kind: 'fail', error: { code: 'STREAM_REFUSED', errors: [{ code }] } },
      }),
  );

  it.each(['UNAUTHENTICATED', 'PROOF_NONCE'])(
    'tries once what new credentials may mend: %s',
    (code) => {
      expect(decide(refused(code), 0)).toMatchObject({ kind: 'again' });
      expect(decide(refused(code), 1)).toMatchObject({ kind: 'again' });
      expect(decide(refused(code), 2)).toMatchObject({ kind: 'fail' });
    },
  );

  it('is lost when nothing new came for too long', () => {
    expect(decide(cut, 9, 59_999)).toMatchObject({ kind: 'again' });
    expect(decide(cut, 9, 60_000)).toMatchObject({ kind: 'fail', error: { code: 'STREAM_LOST' } });
  });
});
