import { execFile } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAuditFiles } from '../records/audit/audit-file.ts';
import { type AuditEntry, chainRecords, EMPTY_LOG } from '../records/audit/audit-record.ts';
import { createAuditTable } from '../records/audit/audit-table.ts';
import { ReceiptScene } from '../routing/testing/receipt-scene.ts';
import { openDatabase } from '../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { runCommand } from './run-command.ts';

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, 'main.ts');

let databases: TemporaryDatabases;
let folder: string;
let receipt: string;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  folder = await mkdtemp(join(tmpdir(), 'stoa-cli-'));
  const scene = await ReceiptScene.open(await databases.empty('cli'));
  await scene.show('beta', [[100, 10]]);
  const routed = await scene.route('alpha-1', { quantity: 5 });
  for (const leg of routed.legs) {
    await scene.send(routed, leg);
    await scene.fill(routed, leg);
  }
  receipt = JSON.stringify(await scene.document('alpha-1'));
  await scene.close();
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await databases.stop();
});

async function keep(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** Runs `stoa` as its users do: what it says and its exit code are those of a process. */
async function stoaProcess(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [MAIN, ...args], { timeout: 50_000 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

/** The same within this process, which is some hundred times as quick. */
async function stoa(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const code = await runCommand(args, {
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
  });
  return { code, ...said };
}

describe('stoa verify', () => {
  it('proves a receipt in words on stderr, and exits with 0', async () => {
    const { code, out, err } = await stoaProcess('verify', await keep('receipt.json', receipt));
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err).toMatch(/^proven {2}round 1: .* lead to this very route: 5 at beta up to 1\.\n/m);
    expect(err).toMatch(/^stated {2}registry: /m);
    expect(err).toMatch(/^Proven\. \d+ lines are one member's word\.\n$/m);
  });

  it('says which part fails, as one JSON object too, and exits with 1', async () => {
    const other = receipt.replace('"quantity":5', '"quantity":6');
    const file = await keep('other.json', other);
    const { code, out, err } = await stoaProcess('verify', file, '--json');
    expect(code).toBe(1);
    expect(err).toContain('FAILED  revision 1: It is not signed by alpha');
    expect(err).toMatch(/Not proven\.\n$/);
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(out)).toMatchObject({ outcome: 'not-proven' });
  });

  it('holds the keys against an export of the registry', async () => {
    const [extract] = Object.values(
      (JSON.parse(receipt) as { directories: Record<string, Record<string, unknown>> }).directories,
    );
    const { registry, members, listings, instrument } = extract as never;
    const named = (listings as object[]).map((listing) => ({
      ...{ ...listing, instrument: (instrument as { id: string }).id },
    }));
    const whole = { format: 'stoa-registry/1', registry, members, listings: named };
    const file = await keep('receipt.json', receipt);
    const keys = await keep('registry.json', JSON.stringify(whole));
    const good = await stoa('verify', file, '--keys', keys);
    expect(good.code).toBe(0);
    expect(good.err).toMatch(/^proven {2}registry: Every key in the receipt is the registry’s/m);
    const few = await keep('few.json', JSON.stringify({ ...whole, members: [] }));
    const bad = await stoa('verify', file, '--keys', few);
    expect(bad.code).toBe(1);
    expect(bad.err).toContain('[KEY_NOT_REGISTERED]');
    const none = await stoa('verify', file, '--keys', file);
    expect(none.code).toBe(2);
  });

  it('exits with 2 over what is no receipt, is not there, or is too large', async () => {
    const huge = await keep('huge.json', '');
    await truncate(huge, 65 * 1_048_576);
    for (const file of [
      await keep('garbage.json', '{"format":"stoa-receipt/1"}'),
      await keep('text.json', 'no JSON'),
      join(folder, 'absent.json'),
      huge,
    ]) {
      const { code, out, err } = await stoa('verify', file, '--json');
      expect(code).toBe(2);
      expect(JSON.parse(out)).toMatchObject({ outcome: 'unusable' });
      expect(err).toMatch(/Nothing can be said/);
    }
  });

  it('lets nothing in a file steer the terminal', async () => {
    const escape = receipt.replace('"format":"stoa-receipt/1"', '"format":"\\u001b[2J"');
    const { code, err } = await stoa('verify', await keep('escape.json', escape));
    expect(code).toBe(2);
    expect(err).not.toContain('\u001b');
  });

  it('explains itself, and refuses what it does not know', async () => {
    const help = await stoa('verify', '--help');
    expect(help.code).toBe(0);
    expect(help.err).toContain('stoa verify receipt.json --keys registry.json');
    expect((await stoa('--help')).err).toMatch(/^ {2}verify {2,}/m);
    for (const args of [
      [],
      ['prove'],
      ['verify'],
      ['verify', 'a', 'b'],
      ['verify', 'a', '--all'],
    ]) {
      expect((await stoa(...args)).code).toBe(2);
    }
    expect((await stoa('verify', 'a', '--rpc', 'http://127.0.0.1:1')).code).toBe(2);
  });
});

describe('stoa audit verify', () => {
  const ENTRY: AuditEntry = {
    ...{ kind: 'denied', outcome: 'denied', code: 'FORBIDDEN', atMs: 1_700_000_000_000, count: 1 },
    ...{ member: 'broker', subject: 'desk', client: 'test', scopes: null, keyThumbprint: null },
    ...{ operation: null, document: null, field: 'Query.auditRecords' },
    ...{ target: null, clientId: null, requestId: null },
  };
  const records = chainRecords(EMPTY_LOG, [ENTRY, ENTRY, ENTRY]);
  const head = `3:${records[2]?.hash}`;
  const told: string[] = [];
  const verify = (...args: string[]) => {
    told.splice(0);
    const note = (text: string) => void told.push(text);
    return runCommand(['audit', 'verify', ...args], { out: note, err: note });
  };

  it('reads the folder of a gateway, prints its head and holds it against one that was noted', async () => {
    const log = join(folder, 'audit');
    const files = await openAuditFiles(log);
    await files.append(records);
    await files.close();
    expect(await verify(log)).toBe(0);
    expect(told[0]).toBe(`${head}\n`);
    expect(await verify(log, '--head', head)).toBe(0);
    expect(await verify(log, '--head', head.replace('3:', '4:'))).toBe(1);
    expect(told.join()).toContain('CUT_OFF');
    expect(await verify(join(folder, 'none'))).toBe(2);
    expect(await verify(log, '--head', 'first')).toBe(2);
  });

  it('reads the database of a node, and says at which record it is not whole', async () => {
    const url = await databases.empty('audited');
    const store = await openDatabase(url);
    await createAuditTable(store.db).append(records);
    expect(await verify('--database', url)).toBe(0);
    await store.sql`alter table audit_records disable trigger user`;
    await store.sql`delete from audit_records where number = 2`;
    await store.close();
    expect(await verify('--database', url, '--head', head)).toBe(1);
    expect(told.join()).toContain('Record 2 is missing');
  });
});
