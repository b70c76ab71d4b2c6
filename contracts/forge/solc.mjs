#!/usr/bin/env node
// npm's solc behind the part of solc's command line that forge uses: `--version`, and standard JSON
// from stdin to stdout. forge gives the sources it found itself; a library's own imports are read
// here, because forge names them by paths that the compiler spells differently.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const solc = require('solc');

function readImport(path) {
  const [, specifier] = /node_modules\/(@openzeppelin\/.*)$/.exec(path) ?? [];
  if (specifier === undefined) return { error: `${path} is not part of the input` };
  return { contents: readFileSync(require.resolve(specifier), 'utf8') };
}

if (process.argv.includes('--version')) {
  const version = solc.version().replace('.Emscripten.clang', '.Linux.g++');
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else {
  process.stdout.write(solc.compile(readFileSync(0, 'utf8'), { import: readImport }));
}
