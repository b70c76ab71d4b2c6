import { MAX_FRAME_BYTES, type MemberId } from '@stoa/schema';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import type { ConnectedPeer, Host } from './host.ts';
import { OneATurn } from './one-a-turn.ts';
import { createPeerLinks, type PeerLink } from './peer-links.ts';
import { UselessBudget } from './useless-budget.ts';

/** Eager push of signed frames. */
const QUOTES_PROTOCOL = '/stoa/quotes/1';
/** What a peer may be behind before frames are dropped for it: some hundreds of frames. */
const MAX_BUFFERED_BYTES = 1_048_576;
/**
 * Repeats and garbage that are looked at: a check costs some 100 µs, so a flood takes a few hundredths
 * of a core, whatever its rate. The burst is what an honest peer may repeat while trees are rebuilt.
 */
const USELESS_FRAMES = { burst: 1_000, perSecond: 250, pauseAboveBytes: 262_144 };

/** Frames pushed to members, and those that members push to us. */
export interface QuoteStreams {
  /** Pushes a SignedFrame as it stands to every peer: everyone who gets it judges it for himself. */
  readonly push: (frame: Uint8Array) => void;
  /** Pushes it to one peer. */
  pushTo(peer: string, frame: Uint8Array): void;
  /** Members that a stream stands to: they have admitted this node, and it them. */
  readonly connected: () => MemberId[];
  stop(): void;
}

interface QuoteStreamsNeeds {
  readonly host: Host;
  readonly logger: Logger;
  readonly registry: Registry;
  /**
   * Takes the bytes of a SignedFrame from whoever sent them: identity is in the signature. True when
   * the frame was news.
   */
  onFrame(peer: ConnectedPeer, bytes: Uint8Array): boolean;
  onLink(peer: ConnectedPeer, up: boolean): void;
  /** Notes that a peer sent what no honest node sends. */
  charge(peer: ConnectedPeer, code: string): void;
}

/** What a peer pushes goes through both, in this order. */
interface Reader {
  readonly turns: OneATurn;
  readonly budget: UselessBudget;
}

/** Opens the quote streams. A slow peer misses frames, sees the gap and pulls; nothing piles up here. */
export function createQuoteStreams(needs: QuoteStreamsNeeds): QuoteStreams {
  const count = createCounters(needs.registry);
  const readers = new Map<string, Reader>();
  const readerOf = (link: PeerLink): Reader => {
    const budget = new UselessBudget(USELESS_FRAMES, {
      take: (bytes) => needs.onFrame(link.peer, bytes),
      pause: () => {
        needs.logger.warn({ member: link.peer.member }, 'a peer sends little of use and must wait');
        link.pause();
      },
      resume: () => link.resume(),
      now: () => performance.now(),
    });
    const turns = new OneATurn((frame) => {
      if (!budget.offer(frame)) count.refused(link.peer.member);
    });
    return { turns, budget };
  };
  const links = createPeerLinks(
    {
      protocol: QUOTES_PROTOCOL,
      maxMessageBytes: MAX_FRAME_BYTES,
      maxBufferedBytes: MAX_BUFFERED_BYTES,
    },
    {
      host: needs.host,
      logger: needs.logger,
      onMessage: (link, message) => readers.get(link.peer.id)?.turns.offer(message),
      onTooLong: (peer) => needs.charge(peer, 'FRAME_TOO_LARGE'),
      onLink: (link, up) => {
        const before = readers.get(link.peer.id);
        before?.turns.flush();
        before?.budget.stop();
        if (up) readers.set(link.peer.id, readerOf(link));
        else readers.delete(link.peer.id);
        needs.onLink(link.peer, up);
      },
    },
  );
  const send = (link: PeerLink | undefined, frame: Uint8Array): void => {
    if (link && !link.send(frame)) count.dropped(link.peer.member);
  };
  return {
    push(frame) {
      for (const link of links.all()) send(link, frame);
    },
    pushTo: (peer, frame) => send(links.toPeer(peer), frame),
    connected: () => [...new Set(links.all().map((link) => link.peer.member))],
    stop() {
      links.stop();
      for (const { budget } of readers.values()) budget.stop();
    },
  };
}

function createCounters(registry: Registry) {
  const dropped = new Counter({
    name: 'stoa_frames_dropped_total',
    help: 'Frames not pushed to a peer because its buffer was full.',
    labelNames: ['member'],
    registers: [registry],
  });
  const refused = new Counter({
    name: 'stoa_frames_unread_total',
    help: 'Frames of a peer that were not looked at, because it had sent too much of no use.',
    labelNames: ['member'],
    registers: [registry],
  });
  return {
    dropped: (member: MemberId) => dropped.inc({ member }),
    refused: (member: MemberId) => refused.inc({ member }),
  };
}
