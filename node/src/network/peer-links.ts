import type { Stream } from '@libp2p/interface';
import type { MemberId } from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';
import { type FramedStream, type FramedStreamOptions, frameStream } from './framed-stream.ts';
import type { ConnectedPeer, Host } from './host.ts';

const REOPEN_MS = 100;
const MAX_REOPEN_MS = 1_000;
/** How long a peer is left alone that says it does not know the protocol. */
const UNKNOWN_PROTOCOL_MS = 10_000;

export interface PeerLinksOptions extends FramedStreamOptions {
  readonly protocol: string;
}

export interface PeerLinksNeeds {
  readonly host: Host;
  readonly logger: Logger;
  onMessage(link: PeerLink, message: Uint8Array): void;
  onLink?(link: PeerLink, up: boolean): void;
  /** The peer announced a message beyond the maximum; the stream is reset. */
  onTooLong?(peer: ConnectedPeer): void;
}

/** The one stream of a protocol that stands to a peer. */
export interface PeerLink extends FramedStream {
  readonly peer: ConnectedPeer;
}

/** One long-lived stream of a protocol to every connected member, used both ways. */
export interface PeerLinks {
  all(): PeerLink[];
  /** The link to one peer. */
  toPeer(id: string): PeerLink | undefined;
  /** The link to a member; one of them, while a member changes its key and has two nodes up. */
  to(member: MemberId): PeerLink | undefined;
  stop(): void;
}

/**
 * Keeps the links: of two nodes the one with the lower peer id opens the stream, so that there is
 * exactly one, and opens it again when it closes while the connection stands.
 */
export function createPeerLinks(options: PeerLinksOptions, needs: PeerLinksNeeds): PeerLinks {
  const { host, logger } = needs;
  const links = new Map<string, PeerLink>();
  const opening = new Set<string>();
  const stopped = new AbortController();

  const isConnected = (peer: ConnectedPeer): boolean =>
    host.peers().some((other) => other.id === peer.id);

  const adopt = (peer: ConnectedPeer, stream: Stream): void => {
    // The other side opened anew, so what stood before is dead, whether we have noticed or not.
    links.get(peer.id)?.abort(new Error('replaced by a newer stream'));
    const framed = frameStream(stream, options, {
      onMessage: (message) => needs.onMessage(link, message),
      onEnd: () => framed.abort(new Error('the other side ended the stream')),
      onTooLong: () => needs.onTooLong?.(peer),
      onClose: () => {
        if (links.get(peer.id) !== link) return;
        links.delete(peer.id);
        needs.onLink?.(link, false);
        if (host.opensTo(peer.id)) void open(peer, REOPEN_MS);
      },
    });
    const link: PeerLink = { ...framed, peer };
    links.set(peer.id, link);
    needs.onLink?.(link, true);
  };

  const open = async (peer: ConnectedPeer, firstWaitMs: number): Promise<void> => {
    if (opening.has(peer.id)) return;
    opening.add(peer.id);
    try {
      for (let waitMs = firstWaitMs; ; waitMs = nextWait(waitMs)) {
        await pause(waitMs, stopped.signal);
        if (stopped.signal.aborted || !isConnected(peer)) return;
        try {
          adopt(peer, await host.open(peer.id, options.protocol, stopped.signal));
          return;
        } catch (error) {
          logger.debug(
            { member: peer.member, protocol: options.protocol, reason: String(error) },
            'stream could not be opened',
          );
          // An older node lacks the protocol, and most likely will until it starts again.
          const isUnknown = error instanceof Error && error.name === 'UnsupportedProtocolError';
          if (isUnknown) waitMs = UNKNOWN_PROTOCOL_MS;
        }
      }
    } finally {
      opening.delete(peer.id);
    }
  };

  host.onPeer((peer, up) => {
    if (up && host.opensTo(peer.id)) void open(peer, 0);
    if (!up) links.get(peer.id)?.abort(new Error('the connection is gone'));
  });
  host.answer(options.protocol, 2, (peer, stream) => {
    if (stopped.signal.aborted || host.opensTo(peer.id)) {
      stream.abort(new Error('the lower peer id opens this stream'));
    } else adopt(peer, stream);
  });

  return {
    all: () => [...links.values()],
    toPeer: (id) => links.get(id),
    to: (member) => [...links.values()].findLast((link) => link.peer.member === member),
    stop() {
      stopped.abort();
      for (const link of links.values()) link.abort(new Error('the node stops'));
    },
  };
}

function nextWait(waitMs: number): number {
  if (waitMs === UNKNOWN_PROTOCOL_MS) return waitMs;
  return Math.min(MAX_REOPEN_MS, waitMs * 2 || REOPEN_MS);
}

/** Waits; ends early, and without complaint, when the signal says so. */
function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (waitMs === 0 || signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, waitMs);
    signal.addEventListener('abort', done);
  });
}
