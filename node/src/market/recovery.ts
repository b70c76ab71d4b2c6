import { setTimeout as sleep } from 'node:timers/promises';
import type { FramesRequest, MemberId, VenueId } from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';

/** A push may be on its way while somebody else's head is here already. */
const HEAD_GRACE_MS = 30;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 400;
/** A member whose announcement nobody could show is not believed about that venue for so long. */
const DISBELIEF_MS = 10_000;

/** A run of missing frames, or what somebody says comes after. */
export interface Miss extends FramesRequest {
  /** Missing between frames we have; announced only; older frames we never saw; earlier epochs. */
  readonly kind: 'gap' | 'announced' | 'history' | 'past';
}

/** How gaps are filled: one task a venue, asking one peer at a time. */
export interface Recovery {
  /** Something may be missing: asks for it until it is here or given up. */
  kick(venue: VenueId): void;
  /** Whether an announcement of this member about this venue is worth asking for. */
  believes(member: MemberId, venue: VenueId): boolean;
  stop(): void;
}

interface RecoveryNeeds {
  readonly logger: Logger;
  /** What to ask for next; undefined when nothing is missing. */
  miss(venue: VenueId): Miss | undefined;
  /** Connected members to ask, the likeliest first. */
  providers(venue: VenueId): readonly MemberId[];
  /** Asks one member; rejects when it cannot answer in time. */
  pull(member: MemberId, request: FramesRequest, signal: AbortSignal): Promise<Uint8Array[]>;
  /** Judges and takes what came. */
  receive(bytes: Uint8Array, from: MemberId): void;
  /** Nobody had it. */
  giveUp(venue: VenueId, miss: Miss): void;
  /** Members that announced more than we have. */
  announcers(venue: VenueId): readonly MemberId[];
}

/** Builds the recovery; `giveUpAfterMs` bounds how long a gap may keep a venue degraded. */
export function createRecovery(
  options: { readonly giveUpAfterMs: number },
  needs: RecoveryNeeds,
): Recovery {
  const running = new Set<VenueId>();
  const disbelief = createDisbelief(needs);
  const stopped = new AbortController();

  /** Asks everybody once; true as soon as somebody brought us forward. */
  const askAround = async (venue: VenueId, miss: Miss): Promise<boolean> => {
    for (const member of needs.providers(venue)) {
      if (stopped.signal.aborted) return false;
      try {
        const frames = await needs.pull(member, miss, stopped.signal);
        for (const frame of frames) needs.receive(frame, member);
      } catch (error) {
        needs.logger.debug({ venue, member, reason: String(error) }, 'pull failed');
      }
      const left = needs.miss(venue);
      if (
        !left ||
        left.epoch !== miss.epoch ||
        left.from !== miss.from ||
        (left.following ?? false) !== (miss.following ?? false) ||
        left.kind !== miss.kind
      ) {
        return true;
      }
    }
    return false;
  };

  const recover = async (venue: VenueId): Promise<void> => {
    let failingSinceMs: number | undefined;
    let waitMs = FIRST_RETRY_MS;
    for (let miss = needs.miss(venue); miss; miss = needs.miss(venue)) {
      if (miss.kind === 'announced') {
        await sleep(HEAD_GRACE_MS, undefined, { signal: stopped.signal });
        if (needs.miss(venue)?.kind !== 'announced') continue;
      }
      if (await askAround(venue, miss)) {
        failingSinceMs = undefined;
        waitMs = FIRST_RETRY_MS;
        continue;
      }
      failingSinceMs ??= performance.now();
      // Old frames are worth asking once; a gap holds a venue out of the market, and is worth more.
      const isHopeless = performance.now() - failingSinceMs >= options.giveUpAfterMs;
      const isOld = miss.kind === 'history' || miss.kind === 'past';
      if (isOld || isHopeless) {
        if (miss.kind === 'announced') disbelief.add(venue);
        needs.giveUp(venue, miss);
        failingSinceMs = undefined;
        continue;
      }
      await sleep(waitMs, undefined, { signal: stopped.signal });
      waitMs = Math.min(MAX_RETRY_MS, waitMs * 2);
    }
  };

  return {
    kick(venue) {
      if (running.has(venue) || stopped.signal.aborted) return;
      running.add(venue);
      recover(venue)
        .catch((error: unknown) => {
          if (!stopped.signal.aborted) needs.logger.error({ venue, err: error }, 'recovery failed');
        })
        .finally(() => running.delete(venue));
    },
    believes: disbelief.believes,
    stop: () => stopped.abort(),
  };
}

/** Members that announced what nobody could show, per venue, until they are forgiven. */
function createDisbelief(needs: RecoveryNeeds) {
  const untilMs = new Map<string, number>();
  return {
    add(venue: VenueId): void {
      for (const member of needs.announcers(venue)) {
        untilMs.set(`${member}/${venue}`, performance.now() + DISBELIEF_MS);
        needs.logger.warn({ member, venue }, 'a member announced frames that nobody has');
      }
    },
    believes: (member: MemberId, venue: VenueId): boolean =>
      (untilMs.get(`${member}/${venue}`) ?? 0) <= performance.now(),
  };
}
