import { MAX_FRAME_BYTES, type MemberId } from '@stoa/schema';
import { Registry } from 'prom-client';
import { createAdmission } from '../network/admission.ts';
import { createHost, type Host } from '../network/host.ts';
import { createPeerLinks, type PeerLinks } from '../network/peer-links.ts';
import { type MemoryDirectory, testKey, testSeed } from '../network/testing/memory-directory.ts';
import { createLogger } from '../telemetry/logger.ts';
import { until } from './until.ts';

/** A member that says on its quote stream whatever the test wants, and understands nothing else. */
export interface RawPeer {
  readonly host: Host;
  readonly links: PeerLinks;
  /** What it was sent, as it arrived. */
  readonly received: Uint8Array[];
  stop(): Promise<void>;
}

/** Connects such a peer, as an admitted member, to a node. */
export async function startRawPeer(
  id: MemberId,
  directory: MemoryDirectory,
  peers: readonly string[],
): Promise<RawPeer> {
  const logger = createLogger('test', 'silent');
  const registry = new Registry();
  const admission = createAdmission(testKey(id).publicKey, {
    ...{ directory, logger, registry, now: Date.now },
  });
  const listen = ['/ip4/127.0.0.1/tcp/0'];
  const host = createHost(
    { seed: testSeed(id), listen, peers },
    { admission, directory, logger, registry },
  );
  const received: Uint8Array[] = [];
  const links = createPeerLinks(
    {
      protocol: '/stoa/quotes/1',
      // More than is allowed, so that it can send more than is allowed.
      maxMessageBytes: 16 * MAX_FRAME_BYTES,
      maxBufferedBytes: 1_048_576,
    },
    { host, logger, onMessage: (_link, message) => received.push(message) },
  );
  await host.start();
  if (peers.length > 0) await until(() => links.all().length > 0);
  return {
    ...{ host, links, received },
    async stop() {
      links.stop();
      await host.stop();
    },
  };
}
