import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { publicSdl } from '@stoa/gateway/public-sdl';
import { compareApi, type DeclaredChange } from './api-changes.ts';
import { GENERATED_API, generateClientApi } from './client-api.ts';

const help = `npm run api [-- --check]

Publishes the API: writes its SDL, as clients see it, to schema/api.graphql, and the types and documents of
the TypeScript client that follow from it. What was published is kept: a change that breaks clients is
refused, unless schema/api-changes.json declares it. So is what nobody has described.

  --check   writes nothing, and refuses a client that does not follow from the SDL; the gate runs it so
  --help    this text

Exit code 0 if all is well, 1 for what is refused, 2 for a wrong argument.
`;

const published = resolve(import.meta.dirname, '../../../schema/api.graphql');
const declarations = resolve(import.meta.dirname, '../../../schema/api-changes.json');

function readDeclared(): DeclaredChange[] {
  return JSON.parse(readFileSync(declarations, 'utf8')) as DeclaredChange[];
}

function list(title: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  process.stdout.write(`${title}\n${lines.map((line) => `  ${line}\n`).join('')}`);
}

const howToDeclare = `
Clients that use what is gone would fail. Rather keep it, marked
  @deprecated(reason: "Use … instead. Kept until YYYY-MM-DD.")
for at least half a year; once that day is over it may go without more ado. Where it has to break now, add
to schema/api-changes.json, with the sentence as it stands above,
  { "change": "…", "why": "…" }
and a line to CHANGELOG.md. docs/api.md has the whole policy.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { check: { type: 'boolean', default: false }, help: { type: 'boolean' } },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const current = publicSdl();
  const before = readFileSync(published, 'utf8');
  const today = new Date().toISOString().slice(0, 10);
  const changes = compareApi(before, current, readDeclared(), today);
  list('breaks clients, and is not declared:', changes.undeclared);
  list('deprecated without "Kept until YYYY-MM-DD.":', changes.undated);
  list('has no description:', changes.undescribed);
  if (changes.undeclared.length > 0) process.stdout.write(howToDeclare);
  const { undeclared, undated, undescribed } = changes;
  if (undeclared.length + undated.length + undescribed.length > 0) return 1;
  list('breaks clients, as declared:', changes.declared);
  list('may surprise clients:', changes.surprising);
  if (values.check) return checkClient(before);
  const client = await generateClientApi(current);
  const isPublished = before === current && readFileSync(GENERATED_API, 'utf8') === client;
  writeFileSync(published, current);
  writeFileSync(GENERATED_API, client);
  process.stdout.write(isPublished ? 'nothing to publish\n' : 'published: commit it\n');
  return 0;
}

/** Whether the client as it stands is what follows from the published SDL and the client's operations. */
async function checkClient(sdl: string): Promise<number> {
  if (readFileSync(GENERATED_API, 'utf8') === (await generateClientApi(sdl))) return 0;
  process.stdout.write('the generated client is stale: run npm run api, and commit it\n');
  return 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError) || !('code' in error)) throw error;
  process.stderr.write(`${error.message}\n\n${help}`);
  process.exitCode = 2;
}
