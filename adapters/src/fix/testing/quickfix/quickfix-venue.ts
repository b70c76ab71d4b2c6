import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { FixVersion } from '../../dialect/dialect.ts';
import { buildQuickFix } from './build-quickfix.ts';
import { dictionaryOf } from './quickfix-dictionary.ts';

const SOURCE = new URL('./quickfix-venue.cpp', import.meta.url);

/** Builds the venue once per source; answers the program's path. */
export function buildQuickFixVenue(): string {
  return buildQuickFix(SOURCE);
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
