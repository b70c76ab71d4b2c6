import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CRASH_AT, CRASH_POINTS, crashAt } from './crash-points.ts';

describe('a crash point', () => {
  it('kills at its count, and at no other point', () => {
    let kills = 0;
    const passed = crashAt('after-send:2', () => {
      kills += 1;
    });
    for (const name of CRASH_POINTS) passed(name);
    expect(kills).toBe(0);
    for (const name of CRASH_POINTS) passed(name);
    expect(kills).toBe(1);
    for (const name of CRASH_POINTS) passed(name);
    expect(kills).toBe(1);
  });

  it('kills its process as nothing can be done about', async () => {
    const file = join(import.meta.dirname, 'crash-points.ts');
    const script = `
      const { crashAt } = await import(${JSON.stringify(file)});
      process.on('exit', () => console.log('said goodbye'));
      crashAt('before-commit:1')('before-commit');
      setTimeout(() => {}, 60_000);`;
    const ended = await new Promise<{ signal: string | null | undefined; said: string }>(
      (resolve) =>
        execFile(process.execPath, ['--input-type=module', '-e', script], (error, said) =>
          resolve({ signal: error?.signal, said }),
        ),
    );
    expect(ended).toEqual({ signal: 'SIGKILL', said: '' });
  });

  it.each(['', 'after-send', 'after-send:0', 'after-send:x', 'at-noon:1', 'after-send:1:1'])(
    'is not "%s"',
    (spec) => {
      expect(CRASH_AT.test(spec)).toBe(false);
      expect(() => crashAt(spec)).toThrow('none');
    },
  );
});
