import type { FrameArchive } from '../market/frame-archive.ts';
import { createPublisher, type Publisher } from '../market/publisher.ts';
import { createObserver, type Observer } from '../observer.ts';
import type { Base } from './base.ts';
import type { Chain } from './chain.ts';

export interface NetworkPart {
  readonly observer: Observer;
  readonly publisher: Publisher;
  readonly framesPublished: () => number;
}

export function joinNetwork(base: Base, { directory }: Chain, archive: FrameArchive): NetworkPart {
  const { config, logger, metrics, nowMs } = base;
  const { STOA_VENUE: venue, STOA_NODE_KEY_FILE: nodeKey } = config;
  const staleAfterMs = config.STOA_STALE_AFTER_MS;
  const observer = createObserver(
    {
      member: venue,
      seed: nodeKey.seed,
      listen: [config.STOA_P2P_LISTEN],
      peers: config.STOA_PEERS,
      staleAfterMs,
      maxClockSkewMs: config.STOA_MAX_CLOCK_SKEW_MS,
    },
    { directory, logger, registry: metrics, archive },
  );
  let framesPublished = 0;
  const publisher = createPublisher(
    {
      ...{ venue, nodeKey, staleAfterMs },
      epoch: base.startedAtMs,
      heartbeatMs: config.STOA_HEARTBEAT_MS,
      firm: config.STOA_VENUE_QUOTES === 'firm',
    },
    {
      ...{ directory, logger, registry: metrics, now: nowMs },
      broadcast(signed) {
        framesPublished += 1;
        observer.broadcast(signed);
      },
    },
  );
  return { observer, publisher, framesPublished: () => framesPublished };
}
