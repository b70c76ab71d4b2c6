import type { FramesRequest, Head, MemberId, VenueId } from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';
import type { LoggedFrame } from './logged-frame.ts';

/** How often one member is asked for proof of what it says about one venue. */
const ASK_AGAIN_MS = 1_000;

interface ForkWatchNeeds {
  readonly logger: Logger;
  /** Milliseconds of a clock that only rises. */
  now(): number;
  held(venue: VenueId, epoch: number, sequence: number): LoggedFrame | undefined;
  isConnected(member: MemberId): boolean;
  pull(member: MemberId, request: FramesRequest, signal: AbortSignal): Promise<Uint8Array[]>;
  /** Judges a frame that came; one that contradicts what is held becomes a proof there. */
  receive(bytes: Uint8Array, from: MemberId): void;
}

/**
 * Compares what others say they have with what this node has. A venue that tells different members
 * different things under one number is caught here: their heads name another hash, and the frame they
 * show for it, signed by the venue, proves the rest. A head alone proves nothing.
 */
export function createForkWatch(needs: ForkWatchNeeds): {
  onHeads(member: MemberId, heads: readonly Head[]): void;
  stop(): void;
} {
  const stopped = new AbortController();
  const askedAtMs = new Map<string, number>();

  const ask = async (member: MemberId, head: Head): Promise<void> => {
    const { venue, epoch, sequence } = head;
    const request = { venue, epoch, from: sequence, to: sequence };
    try {
      const frames = await needs.pull(member, request, stopped.signal);
      for (const frame of frames) needs.receive(frame, member);
    } catch (error) {
      needs.logger.debug({ member, venue, reason: String(error) }, 'no proof of a fork');
    }
  };

  return {
    onHeads(member, heads) {
      for (const head of heads) {
        const held = needs.held(head.venue, head.epoch, head.sequence);
        if (!held || Buffer.compare(held.hash, head.hash) === 0) continue;
        // Whoever is connected to that member asks it, and the proof is passed on.
        if (!needs.isConnected(member)) continue;
        const key = `${member}/${head.venue}`;
        const nowMs = needs.now();
        if (nowMs - (askedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN_MS) continue;
        askedAtMs.set(key, nowMs);
        needs.logger.warn(
          { member, venue: head.venue },
          'a member has another frame than this node',
        );
        void ask(member, head);
      }
    },
    stop: () => stopped.abort(),
  };
}
