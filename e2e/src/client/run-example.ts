import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const client = fileURLToPath(new URL('../../../gateway/client/', import.meta.url));
const TIMEOUT_MS = 60_000;

/** Runs an example as it stands, TypeScript or shell, and gives what it printed. */
export async function runExample(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const file = join(client, 'examples', name);
  const [command, ...before] = name.endsWith('.ts')
    ? [process.execPath, '--conditions=@stoa/source', file]
    : ['bash', file];
  const options = { env: { ...process.env, ...env }, timeout: TIMEOUT_MS };
  const { stdout } = await run(command ?? '', [...before, ...args], options);
  return stdout;
}

/** Builds what is published of the client into a folder. */
export async function buildClient(folder: string): Promise<void> {
  await run(process.execPath, [join(client, 'build.ts'), folder], { timeout: TIMEOUT_MS });
}

/**
 * Puts the script of the browser's example beside the built client, as a module that a process can run: with
 * the address that the page would have, and each text that it shows as a line of JSON. The script and the
 * client are the browser's own; its fetch, its rendering and its rules on origins are not.
 */
export async function writePageScript(folder: string, search: string): Promise<string> {
  const page = await readFile(join(client, 'examples/book.html'), 'utf8');
  const [, script] = /<script type="module">(.*?)<\/script>/s.exec(page) ?? [];
  if (script === undefined) throw new Error('book.html has no script.');
  const browser = `globalThis.location = { search: ${JSON.stringify(search)} };
globalThis.document = { getElementById: (id) => ({
  set textContent(text) { console.log(JSON.stringify({ id, text: String(text) })); },
}) };`;
  await writeFile(join(folder, 'page.js'), browser);
  await writeFile(join(folder, 'stoa-client.js'), await readFile(join(folder, 'browser.js')));
  const file = join(folder, 'book.js');
  await writeFile(file, `import './page.js';\n${script}`);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  return file;
}
