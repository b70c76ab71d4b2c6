/**
 * Compiles `solidity/` with the npm build of solc and writes `src/generated/*.ts`, which are
 * committed: whoever runs the project needs no compiler. `build.ts --check` writes nothing and
 * exits 1 when a generated file is stale.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileContracts } from './compile.ts';

const outputFolder = fileURLToPath(new URL('./src/generated/', import.meta.url));
const checkOnly = process.argv.includes('--check');

const files = compileContracts();
mkdirSync(outputFolder, { recursive: true });
const present = new Set(readdirSync(outputFolder));
const stale: string[] = [...present].filter((name) => !files.has(name));
for (const [name, text] of files) {
  if (present.has(name) && readFileSync(`${outputFolder}${name}`, 'utf8') === text) continue;
  stale.push(name);
  if (!checkOnly) writeFileSync(`${outputFolder}${name}`, text);
}
for (const name of stale) console.error(`${checkOnly ? 'stale' : 'written'}: ${name}`);
if (checkOnly && stale.length > 0) process.exitCode = 1;
