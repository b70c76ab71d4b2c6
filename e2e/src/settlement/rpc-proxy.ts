import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of one call: passed on, lost on the way there, or done with its answer lost. */
export type CallFate = 'pass' | 'lose-request' | 'lose-answer';

/** Stands between a node and its chain, and breaks the connection when told to. */
export interface RpcProxy {
  readonly url: string;
  /** Methods that were passed on, oldest first. */
  readonly passed: string[];
  /** Decides on every call from now on. */
  fate: (method: string) => CallFate;
  stop(): Promise<void>;
}

export async function startRpcProxy(target: string): Promise<RpcProxy> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void answer(Buffer.concat(chunks)).then(
        (body) => {
          if (body === undefined) response.destroy();
          else response.setHeader('content-type', 'application/json').end(body);
        },
        () => response.destroy(),
      );
    });
  });
  async function answer(body: Buffer): Promise<string | undefined> {
    const { method } = JSON.parse(body.toString()) as { method: string };
    const fate = proxy.fate(method);
    if (fate === 'lose-request') return undefined;
    const headers = { 'content-type': 'application/json' };
    const answered = await fetch(target, { method: 'POST', headers, body: new Uint8Array(body) });
    const text = await answered.text();
    proxy.passed.push(method);
    return fate === 'pass' ? text : undefined;
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: RpcProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed: [],
    fate: () => 'pass',
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
