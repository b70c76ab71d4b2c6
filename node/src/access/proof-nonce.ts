import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Nonces that a server gives out for proofs (RFC 9449 section 9), so that none can be made in advance. */
export interface ProofNonces {
  /** The nonce of now. */
  current(nowMs: number): string;
  /** Whether it is the nonce of now or of the interval before. */
  isGood(nonce: unknown, nowMs: number): boolean;
}

const INTERVAL_MS = 60_000;

/** Creates {@link ProofNonces} under a key of this process: nothing is stored for one. */
export function createProofNonces(intervalMs = INTERVAL_MS): ProofNonces {
  const key = randomBytes(32);
  const nonceOf = (interval: number): string =>
    createHmac('sha256', key).update(String(interval)).digest('base64url');
  return {
    current: (nowMs) => nonceOf(Math.floor(nowMs / intervalMs)),
    isGood(nonce, nowMs) {
      if (typeof nonce !== 'string') return false;
      const given = Buffer.from(nonce);
      const interval = Math.floor(nowMs / intervalMs);
      return [interval, interval - 1].some((each) => {
        const good = Buffer.from(nonceOf(each));
        return good.length === given.length && timingSafeEqual(good, given);
      });
    },
  };
}
