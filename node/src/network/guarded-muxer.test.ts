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

it('carries more than any window, and sends an update for half a window and not for each message', async () => {
  const [one, other] = await Promise.all([start(), start()]);
  const total = 3_000_000;
  let received = 0;
  let updates = 0;
  const arrived = Promise.withResolvers<void>();
  await other.handle('/test/1', (stream) => {
    stream.addEventListener('message', ({ data }) => {
      received += data.byteLength;
      if (received === total) arrived.resolve();
    });
  });
  const connection = await one.dial(other.getMultiaddrs());
  const stream = await connection.newStream('/test/1');
  const heard = stream as unknown as { handleWindowUpdate(frame: unknown): void };
  const handle = heard.handleWindowUpdate.bind(stream);
  heard.handleWindowUpdate = (frame) => {
    updates += 1;
    handle(frame);
  };
  const message = new Uint8Array(1_000);
  for (let sent = 0; sent < total; sent += message.length) {
    if (!stream.send(message)) await stream.onDrain();
  }
  await arrived.promise;
  expect(received).toBe(total);
  expect(updates).toBeLessThan(total / 131_072 + 2);
  await Promise.all([one.stop(), other.stop()]);
});
