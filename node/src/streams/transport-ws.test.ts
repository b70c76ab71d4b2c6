import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { TransportWsConnection } from './transport-ws.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** One connection: the client's end as bare TCP, and the server's wire under its WebSocket. */
async function connected(): Promise<{ readonly client: Socket; readonly wire: Socket }> {
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer();
  const wire = Promise.withResolvers<Socket>();
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (ws) => {
      const needs = {
        connect: async () => ({ session: {} }),
        run: () => () => undefined,
        onClose: () => undefined,
      };
      new TransportWsConnection(ws, request.socket, needs);
      wire.resolve(request.socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  closing.push(() => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
  const key = Buffer.alloc(16).toString('base64');
  client.write(
    `GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
  );
  return { client, wire: await wire.promise };
}

/** A masked frame of a client's, of no more than 125 bytes (RFC 6455 5.2); the mask is zero. */
function frame(opcode: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

describe('a client that takes nothing', () => {
  it.each([
    ['WebSocket pings', frame(0x9, Buffer.alloc(125))],
    ['pings of the protocol', frame(0x1, Buffer.from('{"type":"ping"}'))],
  ])('is read no more for all its %s', async (_what, ping) => {
    const { client, wire } = await connected();
    client.pause();
    const many = Buffer.concat(Array.from({ length: 2_000 }, () => ping));
    let isTaken = true;
    for (let sent = 0; isTaken && sent < 64 * 1_024 * 1_024; sent += many.length) {
      if (client.write(many)) continue;
      const signal = AbortSignal.timeout(500);
      isTaken = await once(client, 'drain', { signal }).then(
        () => true,
        () => false,
      );
    }
    expect(isTaken).toBe(false);
    expect(wire.writableLength).toBeLessThan(1_024 * 1_024);
  });
});
