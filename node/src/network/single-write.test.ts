import { Socket } from 'node:net';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { singleWrite } from './single-write.ts';

const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function startHost() {
  const host = await createLibp2p({
    privateKey: await generateKeyPair('Ed25519'),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [singleWrite(noise())],
    streamMuxers: [yamux()],
  });
  cleanUps.push(async () => {
    await host.stop();
  });
  return host;
}

describe('an encrypted connection', () => {
  it('writes each message to the socket in one piece, and the other side reads it', async () => {
    const [here, there] = [await startHost(), await startHost()];
    const received = Promise.withResolvers<string>();
    await there.handle('/test/1', (stream) => {
      stream.addEventListener('message', ({ data }) => {
        received.resolve(Buffer.from(data.subarray()).toString());
      });
    });
    const connection = await here.dial(there.getMultiaddrs());
    const stream = await connection.newStream('/test/1');
    const write = vi.spyOn(Socket.prototype, 'write');
    cleanUps.push(async () => write.mockRestore());
    stream.send(new TextEncoder().encode('a message'));
    expect(await received.promise).toBe('a message');
    const sizes = write.mock.calls.map(([chunk]) => chunk.length);
    // Noise's length by itself would be a write of two bytes.
    expect(sizes.length).toBeGreaterThan(0);
    expect(sizes).not.toContain(2);
  });
});
