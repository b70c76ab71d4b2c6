import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LobsterMessage, MalformedLine } from './lobster-message.ts';
import { openLobsterFile } from './lobster-reader.ts';

describe('the LOBSTER reader', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-flow-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function read(
    content: string | Buffer,
  ): Promise<{ messages: LobsterMessage[]; malformed: MalformedLine[] }> {
    const path = join(folder, 'flow.csv');
    await writeFile(path, content);
    const messages: LobsterMessage[] = [];
    const malformed: MalformedLine[] = [];
    for await (const batch of (await openLobsterFile(path)).batches()) {
      messages.push(...batch.messages);
      malformed.push(...batch.malformed);
    }
    return { messages, malformed };
  }

  it('reads every type, with CRLF or LF, further columns or none, and no last newline', async () => {
    const { messages, malformed } = await read(
      [
        '34200.004241176,1,16113575,18,5853300,1\n',
        '34200.1,2,16113575,8,5853300,1\r\n',
        '34201,3,16113575,10,5853300,-1,extra,columns\n',
        '34201.5,4,16113576,1,5853300,-1\r\n',
        '34202,5,0,7,5853350,1\n',
        '34203,6,-1,500,5853300,-1\n',
        '34204,7,0,0,-1,-1\n34205,7,0,0,0,-1\n34206,7,0,0,1,-1',
      ].join(''),
    );
    expect(malformed).toEqual([]);
    expect(messages[0]).toEqual({
      kind: 'submit',
      line: 1,
      time: 34200.004241176,
      orderId: 16113575,
      size: 18,
      price: 5853300,
      side: 'buy',
    });
    expect(messages.map(({ kind, line }) => `${line} ${kind}`)).toEqual([
      '1 submit',
      '2 reduce',
      '3 delete',
      '4 execute',
      '5 execute-hidden',
      '6 cross',
      '7 halt',
      '8 resume-quoting',
      '9 resume-trading',
    ]);
  });

  it.each([
    ['', 'columns'],
    ['time,type,order,size,price,direction', 'time'],
    ['34200,1,1,1,1', 'columns'],
    ['nan,1,1,1,1,1', 'time'],
    ['-1,1,1,1,1,1', 'time'],
    ['1e4,1,1,1,1,1', 'time'],
    ['86400.5,1,1,1,1,1', 'time'],
    ['34200,8,1,1,1,1', 'type'],
    ['34200,01,1,1,1,1', 'type'],
    ['34200,1,1.5,1,1,1', 'order-id'],
    ['34200,1,-1,1,1,1', 'order-id'],
    ['34200,1,9007199254740993,1,1,1', 'order-id'],
    ['34200,1,1,0,1,1', 'size'],
    ['34200,4,1,-5,1,1', 'size'],
    ['34200,1,1, 1,1,1', 'size'],
    ['34200,1,1,1,0,1', 'price'],
    ['34200,1,1,1,1e6,1', 'price'],
    ['34200,7,0,0,2,-1', 'price'],
    ['34200,1,1,1,1,0', 'direction'],
    ['34200,1,1,1,1,1x', 'direction'],
    [`34200,1,1,1,1,1,${'x'.repeat(1_100)}`, 'too-long'],
  ])('skips and reports the line "%.40s" for its %s', async (line, reason) => {
    const good = '34200,1,1,1,1,1';
    const { messages, malformed } = await read(`${good}\n${line}\n${good}\n`);
    expect(malformed).toEqual([{ line: 2, reason }]);
    expect(messages.map((message) => message.line)).toEqual([1, 3]);
  });

  it('joins lines that reads cut in two, over many chunks', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `34200.5,1,${index},7,1000000,1`);
    const { messages, malformed } = await read(lines.join('\r\n'));
    expect(malformed).toEqual([]);
    expect(messages).toHaveLength(20_000);
    expect(messages.at(-1)).toMatchObject({ line: 20_000, orderId: 19_999 });
  });

  it('holds no more than a line of what has no newline at all', async () => {
    const { messages, malformed } = await read(Buffer.alloc(1_000_000, 'x'));
    expect(messages).toEqual([]);
    expect(malformed).toEqual([{ line: 1, reason: 'too-long' }]);
    expect(await read('')).toEqual({ messages: [], malformed: [] });
  });

  it('fails at open, with one coded error, for a missing file or a folder', async () => {
    for (const path of [join(folder, 'missing.csv'), folder]) {
      await expect(openLobsterFile(path)).rejects.toMatchObject({
        code: 'FLOW_FILE_UNREADABLE',
        message: expect.stringContaining(path),
        data: { path },
      });
    }
  });
});
