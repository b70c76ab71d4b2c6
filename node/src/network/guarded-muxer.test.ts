import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { expect, it } from 'vitest';
import { guardedMuxer } from './guarded-muxer.ts';

const start = () =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [guardedMuxer(yamux())],
  });

it('rejects a stream over a connection that has just closed, and ends no process', async () => {
  const [one, other] = await Promise.all([start(), start()]);
  await other.handle('/test/1', () => undefined);
  const connection = await one.dial(other.getMultiaddrs());
  // The other side's end is noticed below before libp2p's connection knows of it.
  const { maConn } = connection as unknown as { maConn: { writeStatus: string } };
  maConn.writeStatus = 'closed';
  await expect(connection.newStream('/test/1')).rejects.toThrow();
  await Promise.all([one.stop(), other.stop()]);
});
