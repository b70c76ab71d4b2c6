import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@stoa/adapters/seeded-random';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../orders/testing/test-network.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';

/** Enough for either side to die a few times; more are asked for by the environment. */
const KILLS = Number(process.env['STOA_FIX_ENTRY_KILLS'] ?? 6);
const PROGRAMS = new URL('./testing/', import.meta.url).pathname;

describe('a stream of a member’s orders over FIX while either side is killed', () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'stoa-fix-entry-kills-'));
  const running = new Set<ChildProcess>();
  let databases: TemporaryDatabases;
  let url: string;
  let port: number;

  beforeAll(async () => {
    databases = await startTemporaryDatabases();
    url = await databases.empty('alpha');
    port = await freePort();
  });
  afterAll(async () => {
    for (const child of running) await killed(child);
    await databases.stop();
    fs.rmSync(folder, { recursive: true });
  });

  function start(program: string, ...args: string[]): ChildProcess {
    const path = join(PROGRAMS, program);
    const child = spawn(process.execPath, [path, ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    running.add(child);
    return child;
  }

  async function killed(child: ChildProcess): Promise<void> {
    running.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** The processes are in the middle of it. */
  async function goesOn(): Promise<void> {
    const sizeOf = (): number =>
      fs.statSync(join(folder, 'reports.txt'), { throwIfNoEntry: false })?.size ?? 0;
    const before = sizeOf();
    await until(() => sizeOf() > before, 30_000);
  }

  it(
    'tells every fill once, and fills every order once',
    async ({ onTestFailed }) => {
      const seed = Number(process.env['STOA_CRASH_SEED'] ?? Date.now() % 1_000_000);
      onTestFailed(() => console.error(`again with STOA_CRASH_SEED=${seed}`));
      const random = seededRandom(seed);
      const startNode = (): ChildProcess => start('entry-process.ts', url, folder, String(port));
      const startMember = (...mode: string[]): ChildProcess =>
        start('member-process.ts', folder, String(port), ...mode);
      let node = startNode();
      let member = startMember();
      for (let kill = 0; kill < KILLS; kill += 1) {
        await goesOn();
        await new Promise((resolve) => setTimeout(resolve, random.between(0, 100)));
        if (kill % 2 === 0) {
          await killed(node);
          node = startNode();
        } else {
          await killed(member);
          member = startMember();
        }
      }
      await goesOn();
      await killed(member);
      member = startMember('finish');
      const code = await new Promise((resolve) => member.once('exit', resolve));
      expect(code).toBe(0);
      await audit();
    },
    90_000 + KILLS * 5_000,
  );

  async function audit(): Promise<void> {
    const sql = postgres(url, { max: 1 });
    const orders = await sql<{ id: string; trades: number }[]>`
      select client_order_id as id, count(executions.execution_id)::int as trades
      from orders left join legs on legs.order_id = orders.id
      left join executions on executions.buy_leg_id = legs.id group by orders.id`;
    await sql.end();
    const reports = fs.readFileSync(join(folder, 'reports.txt'), 'utf8').trim().split('\n');
    const byExecution = new Map<string, Set<string>>();
    const told = new Map<string, Set<string>>();
    for (const line of reports) {
      const [seq = '', type = '', clOrdId = '', execId = ''] = line.split(' ');
      byExecution.set(execId, (byExecution.get(execId) ?? new Set()).add(seq));
      if (type === 'F') told.set(clOrdId, (told.get(clOrdId) ?? new Set()).add(execId));
    }
    const result = {
      orders: orders.length,
      lost: orders.filter(({ id }) => !told.has(id)).length,
      doubled: orders.filter(({ id, trades }) => trades !== 1 || told.get(id)?.size !== 1).length,
      toldTwice: [...byExecution.values()].filter((numbers) => numbers.size > 1).length,
      reports: byExecution.size,
      redelivered: reports.length - byExecution.size,
    };
    console.info(JSON.stringify({ kills: KILLS, ...result }));
    expect(result).toMatchObject({ lost: 0, doubled: 0, toldTwice: 0 });
    // Each is told pending, new and filled.
    expect(result.reports).toBe(3 * result.orders);
    expect(result.orders).toBeGreaterThan(KILLS);
  }
});

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
