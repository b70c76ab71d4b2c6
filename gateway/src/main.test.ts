import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'stoa-main-'));
const keyFile = join(folder, 'node.key');
writeFileSync(keyFile, 'ab'.repeat(32));
afterAll(() => rmSync(folder, { recursive: true }));

function start(env: Record<string, string>) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./main.ts', import.meta.url))], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return { child, stderr: () => stderr };
}

describe("the gateway's process", () => {
  it('names all that is missing and exits with 2', async () => {
    const { child, stderr } = start({ STOA_MEMBER: 'gateway', STOA_NODE_KEY_FILE: keyFile });
    const [code] = await once(child, 'exit');
    expect(code).toBe(2);
    expect(stderr()).toContain('STOA_RPC_URL is not set');
    expect(stderr()).toContain('STOA_TOKEN_ISSUER is not set');
  });

  it('ends at once on SIGTERM, even while the chain cannot be reached', async () => {
    const { child, stderr } = start({
      STOA_MEMBER: 'gateway',
      STOA_NODE_KEY_FILE: keyFile,
      STOA_RPC_URL: 'http://127.0.0.1:9',
      STOA_MEMBER_REGISTRY: `0x${'01'.repeat(20)}`,
      STOA_LISTING_REGISTRY: `0x${'02'.repeat(20)}`,
      STOA_NODES: 'alpha=http://127.0.0.1:9/graphql',
      STOA_JWKS: 'jwks.json',
      STOA_TOKEN_ISSUER: 'https://issuer.example',
    });
    while (!stderr().includes('registries cannot be read yet')) await once(child.stderr, 'data');
    const startedAt = Date.now();
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(2_000);
  });
});
