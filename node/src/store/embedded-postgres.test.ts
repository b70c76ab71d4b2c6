import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createDatabase,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from './embedded-postgres.ts';
import { isAlive } from './postgres-process.ts';

async function query<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await run(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** A zombie that nobody reaps counts as dead: its command line is empty. */
function runs(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

// mkdtemp makes a 0700 folder: where the tests run as root, everything here happens in a place
// that the server's user cannot walk to.
let folder: string;
const started: EmbeddedPostgres[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-postgres-test-'));
});

afterEach(async () => {
  for (const server of started.splice(0)) await server.stop();
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function start(name: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir: join(folder, name) });
  started.push(server);
  return server;
}

describe('an embedded PostgreSQL', () => {
  it('serves durable databases on the loopback interface, with a secret password', async () => {
    const server = await start('plain');
    const url = await createDatabase(server.url('postgres'), 'venue-a');

    await expect(createDatabase(server.url('postgres'), 'venue-a')).resolves.toBe(url);
    expect(url).toBe(server.url('venue-a'));
    const settings = await query(url, async (sql) => {
      const rows = await sql<{ name: string; setting: string }[]>`
        select name, setting from pg_settings where name in
        ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses')`;
      return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    });
    expect(settings).toEqual({
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
      listen_addresses: '127.0.0.1',
    });
    expect(statSync(join(server.dataDir, 'password')).mode & 0o777).toBe(0o600);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, (sql) => sql`select 1`)).rejects.toMatchObject({
      code: '28P01',
    });
  });

  it('creates one database once, however many ask for it at the same moment', async () => {
    const server = await start('plain');
    const asked = Array.from({ length: 5 }, () => createDatabase(server.url('postgres'), 'race'));

    expect(new Set(await Promise.all(asked))).toEqual(new Set([server.url('race')]));
  });

  it('keeps what was committed when the server is killed, and recovers it at the next start', async () => {
    const first = await start('killed');
    await query(first.url('postgres'), async (sql) => {
      await sql`create table kept (id int primary key)`;
      await sql`insert into kept select generate_series(1, 1000)`;
    });
    process.kill(first.pid, 'SIGKILL');
    const second = await start('killed');

    expect(second.reused).toBe(false);
    expect(second.pid).not.toBe(first.pid);
    const rows = await query(second.url('postgres'), (sql) => sql`select count(*)::int from kept`);
    expect(rows[0]).toEqual({ count: 1000 });
  });

  it('finds the server again that outlived its killed parent, with its data', async () => {
    const dataDir = join(folder, 'orphan');
    const script = `
      import { startEmbeddedPostgres } from ${JSON.stringify(join(import.meta.dirname, 'embedded-postgres.ts'))};
      import postgres from 'postgres';
      const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} });
      const sql = postgres(server.url('postgres'));
      await sql\`create table kept (id int)\`;
      await sql\`insert into kept values (7)\`;
      process.stdout.write(String(server.pid));
      process.kill(process.pid, 'SIGKILL');`;
    const parent = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    });
    expect(parent.signal, parent.stderr).toBe('SIGKILL');
    const again = await start('orphan');

    expect(again.reused).toBe(true);
    expect(again.pid).toBe(Number(parent.stdout));
    const rows = await query(again.url('postgres'), (sql) => sql`select id from kept`);
    expect(rows[0]).toEqual({ id: 7 });
    await again.stop();
    expect(runs(again.pid)).toBe(false);
  });

  it('lets two processes that start at the same moment share one server', async () => {
    const [one, other] = await Promise.all([start('together'), start('together')]);

    expect(one.pid).toBe(other.pid);
    expect(one.url('postgres')).toBe(other.url('postgres'));
  });

  it('starts although its stale postmaster.pid names a stranger’s living process', async () => {
    const first = await start('stranger');
    const pidFile = join(first.dataDir, 'cluster', 'postmaster.pid');
    const left = readFileSync(pidFile, 'utf8');
    await first.stop();
    // A process of the server's own user, which PostgreSQL alone would take for a running server.
    const { uid, gid } = statSync(join(first.dataDir, 'cluster'));
    const stranger = spawn('/bin/sleep', ['60'], {
      stdio: 'ignore',
      ...(process.getuid?.() === 0 && { uid, gid }),
    });
    await once(stranger, 'spawn');
    await writeFile(pidFile, left.replace(/^\d+/, String(stranger.pid)));
    try {
      const second = await start('stranger');
      expect(second.reused).toBe(false);
      expect(isAlive(stranger.pid ?? 0)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  it('does not take a copied data folder’s original server for its own', async () => {
    const original = await start('original');
    const copy = join(folder, 'copy');
    await cp(original.dataDir, copy, { recursive: true, preserveTimestamps: true });
    if (process.getuid?.() === 0) {
      const { uid, gid } = statSync(join(original.dataDir, 'cluster'));
      spawnSync('chown', ['-R', `${uid}:${gid}`, join(copy, 'cluster')]);
    }
    const server = await start('copy');

    expect(server.pid).not.toBe(original.pid);
    expect(runs(original.pid)).toBe(true);
  });

  it('ends a server with open connections in time, and every process of it', async () => {
    const server = await start('busy');
    // The driver's own question for types, cut off by the stop, would be nobody's to hear of.
    const options = { max: 2, fetch_types: false, onnotice: () => {} };
    const sql = postgres(server.url('postgres'), options);
    const asleep = sql`select pg_sleep(60)`.catch((error: unknown) => error);
    await sql`select 1`;
    const begun = performance.now();
    await server.stop();

    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(runs(server.pid)).toBe(false);
    expect(await asleep).toBeInstanceOf(Error);
    await sql.end({ timeout: 0 });
    await server.stop();
  });

  it('says so when the password of an existing cluster is lost', async () => {
    const server = await start('forgetful');
    await server.stop();
    await rm(join(server.dataDir, 'password'));

    await expect(start('forgetful')).rejects.toMatchObject({ code: 'POSTGRES_PASSWORD_LOST' });
  });

  it('shows the end of the server’s log when it does not start', async () => {
    const server = await start('broken');
    await server.stop();
    await writeFile(join(server.dataDir, 'cluster', 'postgresql.conf'), 'no_such_setting = 1\n');

    await expect(start('broken')).rejects.toMatchObject({
      code: 'POSTGRES_START_FAILED',
      message: expect.stringContaining('no_such_setting'),
    });
  });
});
