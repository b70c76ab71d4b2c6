import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startAnvil } from './anvil.ts';
import { connectLocalChain } from './chain-writer.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-anvil-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const address = '0x00000000000000000000000000000000000000aa';

it('starts a chain, stops it, and continues it from its folder', async () => {
  const first = await startAnvil({ folder });
  const client = connectLocalChain(first.rpcUrl);
  expect(await client.getChainId()).toBe(31337);
  await client.setBalance({ address, value: 5n });
  await client.mine({ blocks: 3 });
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);
  const second = await startAnvil({ folder });
  expect(await connectLocalChain(second.rpcUrl).getBalance({ address })).toBe(5n);
  await second.stop();
  await second.stop();
});

it('says so when the process ends by itself', async () => {
  let ended: NodeJS.Signals | null | undefined;
  const anvil = await startAnvil({ folder, onExit: (_, signal) => (ended = signal) });
  process.kill(anvil.pid, 'SIGKILL');
  await expect.poll(() => ended).toBe('SIGKILL');
  await anvil.stop();
});

it('refuses a port that is taken, with what anvil said', async () => {
  const first = await startAnvil({ folder });
  const port = Number(new URL(first.rpcUrl).port);
  await expect(startAnvil({ folder: join(folder, 'second'), port })).rejects.toMatchObject({
    code: 'ANVIL_DID_NOT_START',
  });
  await first.stop();
});

it('ends with its parent, even when that is killed', async () => {
  const module = JSON.stringify(new URL('./anvil.ts', import.meta.url).href);
  const script = `const { startAnvil } = await import(${module});
    console.log((await startAnvil({ folder: ${JSON.stringify(folder)} })).pid);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(isAlive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
});
