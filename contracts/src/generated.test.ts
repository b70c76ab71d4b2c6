import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { compileContracts } from '../compile.ts';

const folder = fileURLToPath(new URL('./generated/', import.meta.url));

it('holds exactly what the Solidity sources compile to (else: npm run build -w contracts)', () => {
  const expected = compileContracts();
  expect(readdirSync(folder).sort()).toEqual([...expected.keys()].sort());
  const stale = [...expected].filter(
    ([name, text]) => readFileSync(`${folder}${name}`, 'utf8') !== text,
  );
  expect(stale.map(([name]) => name)).toEqual([]);
}, 300_000);
