import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGraphiqlPage } from './graphiql-page.ts';

let server: Server;
let url: string;
let title = 'Stoa';
const failures: unknown[] = [];

beforeAll(async () => {
  const page = createGraphiqlPage(
    () => ({ title }),
    (error) => failures.push(error),
  );
  server = createServer((request, response) => {
    if (!page.serve(request, response)) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const page = (headers: Readonly<Record<string, string>> = {}, target = url) =>
  fetch(target, { headers: { accept: 'text/html,*/*', ...headers } });

describe('the page of GraphiQL', () => {
  it('comes compressed, and once: a browser that has it is told so, until it changes', async () => {
    const first = await page({ 'accept-encoding': 'br, gzip' });
    expect(first.headers.get('content-encoding')).toBe('br');
    expect(Number(first.headers.get('content-length'))).toBeLessThan(2_500_000);
    expect((await first.text()).length).toBeGreaterThan(5_000_000);
    const tag = first.headers.get('etag') ?? '';
    const again = await page({ 'if-none-match': tag });
    expect([again.status, await again.text()]).toEqual([304, '']);
    title = 'Stoa, of other instruments';
    expect((await page({ 'if-none-match': tag })).status).toBe(200);
    expect(failures).toEqual([]);
  });

  it('runs its own script and no other', async () => {
    const answer = await page({ 'accept-encoding': 'gzip' });
    const policy = answer.headers.get('content-security-policy') ?? '';
    const scripts = [...(await answer.text()).matchAll(/<script>([\s\S]*?)<\/script>/g)];
    expect(scripts).toHaveLength(1);
    const hash = createHash('sha256')
      .update(scripts[0]?.[1] ?? '')
      .digest('base64');
    expect(policy).toContain(`script-src 'sha256-${hash}'`);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
  });

  it('is for browsers that ask for a page, and for nothing else', async () => {
    expect((await page({ accept: 'application/json' })).status).toBe(418);
    expect((await page({}, `${url}?query={__typename}`)).status).toBe(418);
    expect((await fetch(url, { method: 'POST', headers: { accept: 'text/html' } })).status).toBe(
      418,
    );
  });
});
