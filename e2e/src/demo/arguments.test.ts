import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRefusal } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDemoArguments } from './arguments.ts';

describe('the command line of the demo', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-arguments-'));
    writeFileSync(join(folder, 'mine.csv'), '');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('has a default for everything', () => {
    const live = readDemoArguments([], {});
    expect(live).toMatchObject({ once: false, json: false, keep: false, port: 0, speed: 1 });
    expect(!isRefusal(live) && [...live.flows.keys()]).toEqual(['alpha', 'beta', 'gamma']);
    expect(readDemoArguments(['--once'], {})).toMatchObject({ once: true, speed: 'max' });
  });

  it('finds a flow file where the user stood', () => {
    const asked = readDemoArguments(['--flow', 'beta=mine.csv', '--speed', '10'], {
      INIT_CWD: folder,
    });
    expect(asked).toMatchObject({ speed: 10 });
    expect(!isRefusal(asked) && asked.flows.get('beta')).toBe(join(folder, 'mine.csv'));
    expect(readDemoArguments([], { DATABASE_URL: 'postgres://x' })).toMatchObject({
      databaseUrl: 'postgres://x',
    });
  });

  it.each([
    [['--flow', 'beta=missing.csv'], 'FLOW_UNREADABLE'],
    [['--flow', 'beta=.'], 'FLOW_UNREADABLE'],
    [['--flow', 'delta=mine.csv'], 'ARGUMENT_INVALID'],
    [['--flow', 'beta'], 'ARGUMENT_INVALID'],
    [['--flow', 'beta=mine.csv', '--flow', 'beta=mine.csv'], 'ARGUMENT_INVALID'],
    [['--speed', '0'], 'ARGUMENT_INVALID'],
    [['--speed', 'fast'], 'ARGUMENT_INVALID'],
    [['--port', '70000'], 'ARGUMENT_INVALID'],
    [['--json'], 'ARGUMENT_INVALID'],
    [['--whatever'], 'ARGUMENT_INVALID'],
    [['file.csv'], 'ARGUMENT_INVALID'],
  ])('refuses %j before anything starts', (argv, code) => {
    expect(readDemoArguments(argv, { INIT_CWD: folder })).toMatchObject({ refused: true, code });
  });
});
