import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createPublicClient, http } from 'viem';
import { afterEach, describe, expect, it } from 'vitest';
import { createChainFetch } from './chain-fetch.ts';

let server: Server;

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A chain that says nothing but its id. `answer` may end the connection instead. */
async function chain(answer: (socket: Socket, asked: number) => string | undefined) {
  let asked = 0;
  const sockets = new Set<Socket>();
  server = createServer(async (request, response) => {
    asked += 1;
    sockets.add(request.socket);
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { id } = JSON.parse(Buffer.concat(parts).toString()) as { id: number };
    const text = answer(request.socket, asked);
    if (text === undefined) return;
    response.setHeader('content-type', 'application/json');
    response.end(text.replace('ID', String(id)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const fetchFn = createChainFetch();
  const transport = http(`http://127.0.0.1:${port}`, {
    ...{ retryCount: 0, timeout: 500, maxResponseBodySize: false, fetchFn },
  });
  return { client: createPublicClient({ transport }), sockets };
}

const GOOD = '{"jsonrpc":"2.0","id":ID,"result":"0x2a"}';

describe('asking a chain', () => {
  it('keeps its connection, and asks again where that was just ended', async () => {
    const { client, sockets } = await chain((socket, asked) => {
      if (asked === 3) socket.destroy();
      return asked === 3 ? undefined : GOOD;
    });
    for (let time = 0; time < 3; time += 1) expect(await client.getChainId()).toBe(42);
    expect(sockets.size).toBe(2);
  });

  it('says what the chain says is wrong, and waits no longer than it is told to', async () => {
    const { client } = await chain((_socket, asked) =>
      asked === 1
        ? '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"busy"}}'
        : undefined,
    );
    await expect(client.getChainId()).rejects.toMatchObject({ details: 'busy' });
    await expect(client.getChainId()).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('takes no answer without end', async () => {
    const { client } = await chain(() => ' '.repeat(10_485_761));
    await expect(client.getChainId()).rejects.toThrow('10485760');
  });
});
