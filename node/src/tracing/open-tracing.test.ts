import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openTracing } from './open-tracing.ts';

const of = { service: 'stoa-node', member: 'alpha' } as const;

it('traces where a collector is configured, and only there', async () => {
  expect(await openTracing({ ...of, endpoint: undefined })).toBeUndefined();
  const tracing = await openTracing({ ...of, endpoint: 'http://127.0.0.1:1' });
  expect(tracing?.tracer).toBeDefined();
  await tracing?.stop();
});

it('leaves SDK and exporter unloaded in a node without a collector', async () => {
  const node = fileURLToPath(new URL('../node.ts', import.meta.url));
  // Which modules a process has resolved is told to a hook of its own loader alone.
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier.startsWith('@opentelemetry/')) loaded.add(specifier.split('/')[1]);
        return next(specifier, context);
      },
    });
    await import(${JSON.stringify(node)});
    console.log(JSON.stringify([...loaded].sort()));
    process.exit();`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--input-type=module', '--eval', script],
  ]);
  const loaded: string[] = JSON.parse(stdout);
  expect(loaded).toContain('api');
  expect(loaded.filter((name) => /^(sdk|exporter|resources)/.test(name))).toEqual([]);
});
