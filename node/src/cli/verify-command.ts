import { open } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CodedError } from '@stoa/schema';
import { type Finding, type Verification } from '../routing/verification/verification.ts';
import { unusable, verifyDocument } from '../routing/verification/verify-document.ts';
import { type RegistryExport, registryExport } from '../routing/verification/verify-registry.ts';
import { type Command, type CommandOutput, EXIT } from './command.ts';
import { readRegistry } from './registry-reading.ts';

/** A longer file is not read. */
const MAX_FILE_BYTES = 64 * 1_048_576;

const HELP = `Usage: stoa verify FILE [--keys FILE | --rpc URL --registry MEMBERS,LISTINGS] [--json]

Checks a receipt (why an order went where it went) or fade evidence (a firm quote that was not
honoured), offline: every signature, that no listed venue is missing, that the quotes lead to the very
route, and that what venues signed adds up. FILE may be - for standard input.

Every line says what was proven, what is one member's word alone (stated), or what failed.

  --keys FILE                   hold keys and listings against an export of "stoa registry"
  --rpc URL                     … or against the registries themselves, read from a chain
  --registry MEMBERS,LISTINGS   their addresses
  --json                        one JSON object on standard output

Exit code: 0 proven, 1 not proven, 2 the file or an argument is of no use.

Examples:
  stoa verify receipt.json
  stoa verify receipt.json --keys registry.json
  stoa verify fade.json --rpc http://127.0.0.1:8545 --registry 0x5fbd…,0xe7f1…
  stoa verify receipt.json --json | jq .outcome
`;

const EXIT_OF: Record<Verification['outcome'], number> = {
  proven: EXIT.ok,
  'not-proven': EXIT.no,
  unusable: EXIT.unusable,
};

/** `stoa verify`: proves a receipt or fade evidence, or says which part fails. */
export const verifyCommand: Command = {
  name: 'verify',
  summary: 'prove a receipt or fade evidence, offline',
  help: HELP,
  async run(args, output) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        keys: { type: 'string' },
        rpc: { type: 'string' },
        registry: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [file, ...more] = positionals;
    const isOnline = values.rpc !== undefined;
    if (file === undefined || more.length > 0 || isOnline !== (values.registry !== undefined)) {
      output.err(HELP);
      return EXIT.unusable;
    }
    const pinned = await readPins(values);
    const verification = await verifyFile(file, pinned);
    tell(verification, values.json, output);
    return EXIT_OF[verification.outcome];
  },
};

async function verifyFile(file: string, pinned: RegistryExport | undefined): Promise<Verification> {
  let json: unknown;
  try {
    json = JSON.parse(await readText(file));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return unusable(`${file} cannot be read: ${why}`);
  }
  return verifyDocument(json, pinned);
}

async function readPins({
  keys,
  rpc,
  registry,
}: {
  readonly keys?: string | undefined;
  readonly rpc?: string | undefined;
  readonly registry?: string | undefined;
}): Promise<RegistryExport | undefined> {
  if (rpc !== undefined && registry !== undefined) return readRegistry(rpc, registry);
  if (keys === undefined) return undefined;
  const parsed = registryExport.safeParse(JSON.parse(await readText(keys)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') || 'the top';
  throw new CodedError(
    'KEYS_INVALID',
    `${keys} is no export of "stoa registry": ${issue?.message ?? 'unknown'} at ${where}.`,
  );
}

/** @throws CodedError `FILE_TOO_LARGE`, and what reading throws */
async function readText(path: string): Promise<string> {
  const handle = path === '-' ? undefined : await open(path);
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of handle?.createReadStream({ autoClose: false }) ?? process.stdin) {
      const part = Buffer.from(chunk);
      bytes += part.length;
      if (bytes > MAX_FILE_BYTES) {
        throw new CodedError('FILE_TOO_LARGE', `it has more than ${MAX_FILE_BYTES} bytes`);
      }
      chunks.push(part);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    await handle?.close();
  }
}

const MARKS: Record<Finding['status'], string> = {
  proven: 'proven ',
  stated: 'stated ',
  failed: 'FAILED ',
};

const CONCLUSIONS: Record<Verification['outcome'], string> = {
  proven: 'Proven.',
  'not-proven': 'Not proven.',
  unusable: 'Nothing can be said: the file is not what it should be.',
};

function tell(verification: Verification, asJson: boolean, { out, err }: CommandOutput): void {
  const { findings, outcome } = verification;
  const lines = findings.map(
    ({ status, subject, text, code }) =>
      `${MARKS[status]} ${subject}: ${text}${code === undefined ? '' : ` [${code}]`}`,
  );
  const stated = findings.filter(({ status }) => status === 'stated').length;
  const rest = outcome === 'proven' && stated > 0 ? ` ${stated} lines are one member's word.` : '';
  err(`${[...lines, CONCLUSIONS[outcome] + rest].map(printable).join('\n')}\n`);
  if (asJson) out(`${JSON.stringify({ outcome, findings })}\n`);
}

/** Texts of the file are others' words: nothing of them may steer a terminal. */
function printable(line: string): string {
  // oxlint-disable-next-line no-control-regex
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}
