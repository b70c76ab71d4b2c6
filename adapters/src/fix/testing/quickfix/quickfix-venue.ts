import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { FixVersion } from '../../dialect/dialect.ts';
import { TAG } from '../../wire/tags.ts';

const SOURCE = new URL('./quickfix-venue.cpp', import.meta.url);
const HEADER = '/usr/include/quickfix/Session.h';

/** Why the venue cannot be built here; undefined where it can. */
export function whyNoQuickFix(): string | undefined {
  if (!fs.existsSync(HEADER)) return 'libquickfix-dev is not installed';
  const compiler = spawnSync('g++', ['--version'], { stdio: 'ignore' });
  return compiler.status === 0 ? undefined : 'g++ is not installed';
}

/** Builds the venue once per source; answers the program's path. */
export function buildQuickFixVenue(): string {
  const hash = createHash('sha256').update(fs.readFileSync(SOURCE)).digest('hex').slice(0, 16);
  const path = join(os.tmpdir(), `stoa-quickfix-venue-${process.getuid?.() ?? 0}-${hash}`);
  if (fs.existsSync(path)) return path;
  const made = `${path}.${process.pid}`;
  // Its headers declare exceptions as C++ 17 does not allow any more.
  const flags = ['-std=c++14', '-O1', '-w', '-o', made, SOURCE.pathname, '-lquickfix', '-lpthread'];
  execFileSync('g++', flags, { stdio: 'inherit' });
  fs.renameSync(made, path);
  return path;
}

/** A port that was free a moment ago: QuickFIX does not say which one it was given. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface QuickFixVenueOptions {
  readonly program: string;
  /** Its numbers and messages stand here, and survive it. */
  readonly folder: string;
  readonly port: number;
  readonly version: FixVersion;
  /** Company ids of those who may log on. */
  readonly clients: readonly string[];
  readonly priceDecimals: number;
  readonly quantityDecimals: number;
  readonly symbol: string;
  readonly autofill?: boolean;
}

/** The venue as a process, which can be told things and killed. */
export class QuickFixVenue {
  readonly #options: QuickFixVenueOptions;
  #child: ChildProcess | undefined;
  #lines: Interface | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(options: QuickFixVenueOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { program, folder, priceDecimals, quantityDecimals, symbol, autofill } = this.#options;
    const config = join(folder, 'quickfix.cfg');
    fs.writeFileSync(config, this.#config());
    fs.writeFileSync(join(folder, 'dictionary.xml'), dictionaryOf(this.#options.version));
    fs.writeFileSync(join(folder, 'transport.xml'), dictionaryOf('FIXT.1.1'));
    const child = spawn(
      program,
      [
        ...[config, join(folder, 'journal.txt'), String(priceDecimals), String(quantityDecimals)],
        ...[symbol, ...(autofill === true ? ['autofill'] : [])],
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    this.#lines.on('line', (line) => /^(ready|ok)/.test(line) && this.#waiting.shift()?.());
    await this.#said();
  }

  /** Tells it something, and resolves when it is done. */
  async command(line: string): Promise<void> {
    const said = this.#said();
    this.#child?.stdin?.write(`${line}\n`);
    await said;
  }

  /** SIGKILL: as a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    this.#lines?.close();
    this.#waiting.length = 0;
    this.#child = undefined;
  }

  #said(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #config(): string {
    const { folder, port, version, clients } = this.#options;
    const session = clients.map((client) =>
      [
        '[SESSION]',
        `BeginString=${version === 'FIX.5.0SP2' ? 'FIXT.1.1' : version}`,
        ...(version === 'FIX.5.0SP2' ? ['DefaultApplVerID=FIX.5.0SP2'] : []),
        'SenderCompID=VENUE',
        `TargetCompID=${client}`,
      ].join('\n'),
    );
    return [
      '[DEFAULT]',
      'ConnectionType=acceptor',
      `SocketAcceptPort=${port}`,
      'SocketReuseAddress=Y',
      'SocketNodelay=Y',
      `FileStorePath=${join(folder, 'store')}`,
      'StartTime=00:00:00',
      'EndTime=00:00:00',
      ...(version === 'FIX.5.0SP2'
        ? [
            `TransportDataDictionary=${join(folder, 'transport.xml')}`,
            `AppDataDictionary=${join(folder, 'dictionary.xml')}`,
          ]
        : [`DataDictionary=${join(folder, 'dictionary.xml')}`]),
      'AllowUnknownMsgFields=Y',
      'ValidateUserDefinedFields=N',
      'PersistMessages=Y',
      ...session,
      '',
    ].join('\n');
  }
}

/** A group of these fields, in a message of this type. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  V: { NoMDEntryTypes: ['MDEntryType'], NoRelatedSym: ['Symbol'] },
};

/**
 * As much of a dictionary as QuickFIX needs to know groups from tags that appear twice: Debian ships
 * none. Which fields a message may have it is told not to ask.
 */
function dictionaryOf(version: FixVersion | 'FIXT.1.1'): string {
  const [, kind = 'FIX', major = '4', minor = '2'] = /^(FIXT?)\.(\d)\.(\d)/.exec(version) ?? [];
  const admin = version !== 'FIX.5.0SP2';
  const types = [
    ...(admin ? ['0', '1', '2', '3', '4', '5', 'A'] : []),
    ...(version === 'FIXT.1.1' ? [] : ['D', 'F', 'G', 'H', 'q', 'AF', 'V', 'e', '8', '9', 'j']),
  ];
  const messages = types.map((type) => {
    const groups = Object.entries(GROUPS[type] ?? {}).map(([name, fields]) => {
      const members = fields.map((one) => `<field name="${one}" required="N"/>`).join('');
      return `<group name="${name}" required="N">${members}</group>`;
    });
    const category = '0123456A'.includes(type) && type.length === 1 ? 'admin' : 'app';
    return `<message name="M${type}" msgtype="${type}" msgcat="${category}">${groups.join('')}</message>`;
  });
  const header = ['BeginString', 'BodyLength', 'MsgType', 'SenderCompID', 'TargetCompID']
    .concat(['MsgSeqNum', 'SendingTime', 'PossDupFlag', 'OrigSendingTime', 'PossResend'])
    .concat(['SenderSubID', 'TargetSubID', 'ApplVerID'])
    .map((name) => `<field name="${name}" required="N"/>`);
  const fields = Object.entries(TAG).map(
    ([name, number]) =>
      `<field number="${number}" name="${name}" type="${name.startsWith('No') && name.length > 6 ? 'NUMINGROUP' : 'STRING'}"/>`,
  );
  return [
    `<fix type="${kind}" major="${major}" minor="${minor}"${version === 'FIX.5.0SP2' ? ' servicepack="2"' : ''}>`,
    `<header>${admin ? header.join('') : ''}</header>`,
    `<messages>${messages.join('')}</messages>`,
    `<trailer>${admin ? '<field name="CheckSum" required="Y"/>' : ''}</trailer>`,
    `<components/><fields>${fields.join('')}</fields></fix>`,
  ].join('\n');
}
