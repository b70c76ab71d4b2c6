import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditCheck } from './audit-chain.ts';
import { auditFilesIn, openAuditFiles, readAuditFiles } from './audit-file.ts';
import { type AuditEntry, type AuditHead, chainRecords, EMPTY_LOG } from './audit-record.ts';

const ENTRY: AuditEntry = {
  ...{ kind: 'mutation', outcome: 'answered', code: null, atMs: 1_700_000_000_000, count: 1 },
  ...{ member: 'broker', subject: 'desk', client: 'test', scopes: 'orders:write' },
  ...{ keyThumbprint: null, operation: null, document: 'ab'.repeat(32) },
  ...{ field: 'Mutation.placeOrder', target: null, clientId: 'one', requestId: 'request-1' },
};

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-audit-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(head: AuditHead, count: number): Promise<AuditHead> {
  const files = await openAuditFiles(folder);
  expect(await files.head()).toEqual(head);
  await files.append(chainRecords(head, Array(count).fill(ENTRY)));
  await files.close();
  return files.head();
}

async function check() {
  const checked = new AuditCheck();
  for await (const record of readAuditFiles(await auditFilesIn(folder))) checked.add(record);
  return { fault: checked.end(), head: checked.head };
}

describe('an audit log in files', () => {
  it('goes on where it stood, without what a crash cut off', async () => {
    const head = await write(EMPTY_LOG, 3);
    const [path = ''] = await auditFilesIn(folder);
    await appendFile(path, '{"number":4,"kind":"muta');
    const { number } = await write(head, 2);
    expect(number).toBe(5);
    expect(await check()).toMatchObject({ fault: undefined, head: { number: 5 } });
  });

  it('keeps what it holds where more than one line was cut off', async () => {
    const head = await write(EMPTY_LOG, 3);
    const [path = ''] = await auditFilesIn(folder);
    // What a file system may leave of a batch whose bytes did not reach the disk.
    await appendFile(path, Buffer.alloc(100_000));
    const { number } = await write(head, 2);
    expect(number).toBe(5);
    expect(await check()).toMatchObject({ fault: undefined, head: { number: 5 } });
  });

  it('shows a line that was taken out, and takes no folder that another process writes to', async () => {
    await write(EMPTY_LOG, 3);
    const [path = ''] = await auditFilesIn(folder);
    const lines = (await readFile(path, 'utf8')).split('\n');
    const files = await openAuditFiles(folder);
    await writeFile(path, lines.toSpliced(1, 1).join('\n'));
    expect((await check()).fault).toMatchObject({ code: 'MISSING', number: 3 });
    const next = chainRecords(await files.head(), [ENTRY]);
    await expect(files.append(next)).rejects.toMatchObject({ code: 'AUDIT_SHARED' });
    await files.close();
  });
});
