import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { createPeerScores, DEFAULT_SCORES } from './peer-scores.ts';

function start() {
  const clock = { nowMs: 1_000_000 };
  const registry = new Registry();
  const scores = createPeerScores(
    { ...DEFAULT_SCORES, member: 'self' },
    { logger: createLogger('test', 'silent'), registry, now: () => clock.nowMs },
  );
  const banned: string[] = [];
  scores.onBan((member) => banned.push(member));
  return { scores, clock, banned, registry };
}

describe('the score of a member', () => {
  it('reaches a ban with the tenth offence, which ends by itself', async () => {
    const { scores, clock, banned, registry } = start();
    for (let count = 0; count < 9; count += 1) scores.charge('beta', 'SIGNATURE_INVALID');
    expect(scores.isBanned('beta')).toBe(false);
    scores.charge('beta', 'SIGNATURE_INVALID');
    expect(scores.isBanned('beta')).toBe(true);
    expect(banned).toEqual(['beta']);
    expect(await registry.metrics()).toContain('stoa_peers_banned 1');
    clock.nowMs += DEFAULT_SCORES.banMs;
    expect(scores.isBanned('beta')).toBe(false);
    // And begins anew.
    scores.charge('beta', 'SIGNATURE_INVALID');
    expect(scores.isBanned('beta')).toBe(false);
  });

  it('forgets a rare mistake', () => {
    const { scores, clock, banned } = start();
    for (let count = 0; count < 100; count += 1) {
      scores.charge('beta', 'FRAME_MALFORMED');
      clock.nowMs += 10_000;
    }
    expect(banned).toEqual([]);
  });

  it('is kept of others, and not of this node', () => {
    const { scores, banned } = start();
    for (let count = 0; count < 50; count += 1) scores.charge('self', 'FRAME_MALFORMED');
    for (let count = 0; count < 9; count += 1) {
      for (const member of ['beta', 'gamma']) scores.charge(member, 'FRAME_MALFORMED');
    }
    expect(banned).toEqual([]);
  });
});
