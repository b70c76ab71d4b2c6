import type { MemberId } from '@stoa/schema';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';

/** What each offence costs; {@link PeerScoresOptions.limit} of them within a short time is too much. */
const OFFENCE_POINTS = 10;

export interface PeerScoresOptions {
  /** This node's own member id, which is never charged. */
  readonly member: MemberId;
  /** Points at which a member is banned. */
  readonly limit: number;
  readonly forgivenPerSecond: number;
  readonly banMs: number;
}

/** What a node uses: ten offences at once, or more than one in ten seconds for long, is a ban. */
export const DEFAULT_SCORES = { limit: 100, forgivenPerSecond: 1, banMs: 60_000 } as const;

/** Who has sent what no honest node sends, and who is not spoken with for a while because of it. */
export interface PeerScores {
  /** Notes an offence of a connected member. What an honest node may do never comes here. */
  readonly charge: (member: MemberId, code: string) => void;
  readonly isBanned: (member: MemberId) => boolean;
  /** Calls when a member is banned. */
  readonly onBan: (listener: (member: MemberId) => void) => void;
}

interface PeerScoresNeeds {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Unix milliseconds. */
  readonly now: () => number;
}

interface Score {
  points: number;
  atMs: number;
  bannedUntilMs: number;
}

/**
 * Builds the table. Scores are of members, not of addresses or keys: whoever was admitted is one of
 * few, so the table is as small as the registry, and a new key or port does not lift a ban.
 */
export function createPeerScores(options: PeerScoresOptions, needs: PeerScoresNeeds): PeerScores {
  const { now, logger } = needs;
  const scores = new Map<MemberId, Score>();
  const listeners: ((member: MemberId) => void)[] = [];
  const isBanned = (member: MemberId): boolean => (scores.get(member)?.bannedUntilMs ?? 0) > now();
  const offences = new Counter({
    name: 'stoa_peer_offences_total',
    help: 'What peers sent that no honest node sends.',
    labelNames: ['member', 'code'],
    registers: [needs.registry],
  });
  new Gauge({
    name: 'stoa_peers_banned',
    help: 'Members this node does not speak with for a while because of what they sent.',
    registers: [needs.registry],
    collect() {
      this.set([...scores.keys()].filter(isBanned).length);
    },
  });

  return {
    charge(member, code) {
      if (member === options.member || isBanned(member)) return;
      offences.inc({ member, code });
      const before = scores.get(member);
      const forgiven = before ? ((now() - before.atMs) / 1_000) * options.forgivenPerSecond : 0;
      const points = Math.max(0, (before?.points ?? 0) - Math.max(0, forgiven)) + OFFENCE_POINTS;
      if (points < options.limit) {
        scores.set(member, { points, atMs: now(), bannedUntilMs: 0 });
        return;
      }
      scores.set(member, { points: 0, atMs: now(), bannedUntilMs: now() + options.banMs });
      logger.error({ member, code, banMs: options.banMs }, 'a member is banned for what it sent');
      for (const listener of listeners) listener(member);
    },
    isBanned,
    onBan: (listener) => listeners.push(listener),
  };
}
