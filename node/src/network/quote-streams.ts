import { encodeSigned, MAX_FRAME_BYTES, type MemberId, type SignedBytes } from '@stoa/schema';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import type { ConnectedPeer, Host } from './host.ts';
import { createPeerLinks } from './peer-links.ts';

/** Eager push of signed frames. */
const QUOTES_PROTOCOL = '/stoa/quotes/1';
/** What a peer may be behind before frames are dropped for it: some hundreds of frames. */
const MAX_BUFFERED_BYTES = 1_048_576;

/** Frames pushed to every connected member, and those that members push to us. */
export interface QuoteStreams {
  /** Pushes a frame as it stands: everyone who gets it judges it for himself. */
  push(frame: SignedBytes): void;
  /** Members that a stream stands to: they have admitted this node, and it them. */
  connected(): MemberId[];
  stop(): void;
}

interface QuoteStreamsNeeds {
  readonly host: Host;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Takes the bytes of a SignedFrame from whoever sent them: identity is in the signature. */
  onFrame(peer: ConnectedPeer, bytes: Uint8Array): void;
}

/** Opens the quote streams. A slow peer misses frames, sees the gap and pulls; nothing piles up here. */
export function createQuoteStreams(needs: QuoteStreamsNeeds): QuoteStreams {
  const dropped = new Counter({
    name: 'stoa_frames_dropped_total',
    help: 'Frames not pushed to a peer because its buffer was full.',
    labelNames: ['member'],
    registers: [needs.registry],
  });
  const links = createPeerLinks(
    {
      protocol: QUOTES_PROTOCOL,
      maxMessageBytes: MAX_FRAME_BYTES,
      maxBufferedBytes: MAX_BUFFERED_BYTES,
    },
    {
      host: needs.host,
      logger: needs.logger,
      onMessage: (link, message) => needs.onFrame(link.peer, message),
    },
  );
  return {
    push(frame) {
      const bytes = encodeSigned(frame);
      for (const link of links.all()) {
        if (!link.send(bytes)) dropped.inc({ member: link.peer.member });
      }
    },
    connected: () => [...new Set(links.all().map((link) => link.peer.member))],
    stop: () => links.stop(),
  };
}
