import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FixVersion } from '../../dialect/dialect.ts';
import { buildQuickFix } from './build-quickfix.ts';
import { dictionaryOf } from './quickfix-dictionary.ts';

export { whyNoQuickFix } from './build-quickfix.ts';

const SOURCE = new URL('./quickfix-member.cpp', import.meta.url);
const WAIT_MS = 15_000;

export interface QuickFixMemberOptions {
  /** Its numbers and messages stand here, and survive it. */
  readonly folder: string;
  readonly port: number;
  readonly version: FixVersion;
  readonly compId: string;
  readonly venueCompId: string;
  readonly password: string;
}

/** A member's system as a process, which can be told what to send and killed. */
export class QuickFixMember {
  readonly lines: string[] = [];
  readonly #options: QuickFixMemberOptions;
  readonly #waiting = new Set<() => void>();
  #child: ChildProcess | undefined;

  constructor(options: QuickFixMemberOptions) {
    this.#options = options;
  }

  start(): void {
    const { folder, version, password } = this.#options;
    const config = join(folder, 'quickfix-member.cfg');
    fs.writeFileSync(config, this.#config());
    fs.writeFileSync(join(folder, 'dictionary.xml'), dictionaryOf(version));
    fs.writeFileSync(join(folder, 'transport.xml'), dictionaryOf('FIXT.1.1'));
    const child = spawn(buildQuickFix(SOURCE), [config, password], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(line);
      for (const look of this.#waiting) look();
    });
  }

  /** Sends a message of these fields, `11=A|55=BOND`. */
  send(msgType: string, fields: string): void {
    this.#child?.stdin?.write(`${msgType} ${fields}\n`);
  }

  /** Resolves with the first line that has all of these: `logon`, or a message's fields. */
  said(...parts: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find((line) => parts.every((part) => line.includes(part)));
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`never said ${parts.join(' ')}: ${this.lines.slice(-8).join('\n')}`));
      }, WAIT_MS);
      this.#waiting.add(look);
      look();
    });
  }

  /** SIGKILL: as a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  #config(): string {
    const { folder, port, version, compId, venueCompId } = this.#options;
    const isFixt = version === 'FIX.5.0SP2';
    return [
      '[DEFAULT]',
      ...['ConnectionType=initiator', 'SocketConnectHost=127.0.0.1', `SocketConnectPort=${port}`],
      ...['ReconnectInterval=1', 'HeartBtInt=30', 'SocketNodelay=Y', 'PersistMessages=Y'],
      `FileStorePath=${join(folder, 'member-store')}`,
      ...['StartTime=00:00:00', 'EndTime=00:00:00'],
      ...(isFixt
        ? [
            `TransportDataDictionary=${join(folder, 'transport.xml')}`,
            `AppDataDictionary=${join(folder, 'dictionary.xml')}`,
          ]
        : [`DataDictionary=${join(folder, 'dictionary.xml')}`]),
      ...['AllowUnknownMsgFields=Y', 'ValidateUserDefinedFields=N'],
      '[SESSION]',
      `BeginString=${isFixt ? 'FIXT.1.1' : version}`,
      ...(isFixt ? ['DefaultApplVerID=FIX.5.0SP2'] : []),
      ...[`SenderCompID=${compId}`, `TargetCompID=${venueCompId}`, ''],
    ].join('\n');
  }
}
