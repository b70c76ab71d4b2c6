import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { arch, platform } from 'node:process';
import { CodedError } from '@stoa/schema';

/** A local EVM chain in a process of its own. */
export interface Anvil {
  readonly rpcUrl: string;
  readonly pid: number;
  /** Ends the process and waits for it; the state is written before it goes. Safe to call twice. */
  stop(): Promise<void>;
}

export interface AnvilOptions {
  /** Folder for the chain's state; created. A folder with a state continues that chain. */
  readonly folder: string;
  /** 0, the default, lets the operating system choose. */
  readonly port?: number;
  /** Whether the state is kept in the folder; default true. It costs the more, the longer the chain. */
  readonly keepState?: boolean;
  /**
   * Default anvil's own, 30 million. anvil mines a block when a transaction comes, and what did not fit
   * into it waits for the next one to come: a stream of batches that ends in a full block would wait
   * for ever. Where more is sent at once than fits a block, the block has to be larger.
   */
  readonly blockGasLimit?: number;
  readonly startTimeoutMs?: number;
  /** Called when the process ends without {@link Anvil.stop}. */
  readonly onExit?: (code: number | null, signal: NodeJS.Signals | null) => void;
}

/** Chain id of every local chain (the development default of the EVM tools). */
export const localChainId = 31337;
const maxCapturedBytes = 16_384;

/**
 * Starts anvil from npm. One transaction makes one block; the state is saved every second, because
 * anvil otherwise writes it only when it exits cleanly.
 *
 * The chain ends with this process, however this process ends.
 *
 * @throws CodedError `ANVIL_NOT_FOUND`, `ANVIL_DID_NOT_START`
 */
export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  await mkdir(options.folder, { recursive: true });
  const child = spawn(
    anvilBinary(),
    [
      ...['--host', '127.0.0.1', '--port', String(options.port ?? 0)],
      ...['--chain-id', String(localChainId)],
      ...(options.blockGasLimit === undefined
        ? []
        : ['--gas-limit', String(options.blockGasLimit)]),
      ...(options.keepState === false
        ? []
        : ['--state', join(options.folder, 'anvil-state.json'), '--state-interval', '1']),
    ],
    // A process group of its own: Ctrl-C in the terminal reaches the parent, which ends the chain
    // after the nodes that still write to it.
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const rpcUrl = await listeningAddress(child, options.startTimeoutMs ?? 15_000);
  const pid = child.pid ?? 0;
  const watchdog = endWithParent(pid);
  let stopping = false;
  child.once('exit', (code, signal) => {
    // The shell first, or it would signal a process id that may belong to another by now.
    watchdog.kill('SIGKILL');
    watchdog.stdin?.destroy();
    if (!stopping) options.onExit?.(code, signal);
  });
  return {
    rpcUrl,
    pid,
    stop: async () => {
      stopping = true;
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 3_000);
      await exited;
      clearTimeout(killer);
    },
  };
}

/**
 * The platform's binary, as npm installed it. The package's own `bin.mjs` would put a second
 * process between us and the chain, which a SIGKILL of the first would orphan.
 */
function anvilBinary(): string {
  const machine = arch === 'arm64' ? 'arm64' : 'amd64';
  const file = platform === 'win32' ? 'anvil.exe' : 'anvil';
  try {
    // From the meta package, because npm may nest its optional dependency below it.
    const meta = createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json');
    const name = `@foundry-rs/anvil-${platform}-${machine}`;
    return join(createRequire(meta).resolve(`${name}/package.json`), '..', 'bin', file);
  } catch (cause) {
    throw new CodedError(
      'ANVIL_NOT_FOUND',
      `The anvil binary for ${platform} ${machine} is not installed; run npm ci without --omit=optional.`,
      { cause },
    );
  }
}

/** Reads the port from anvil's own words; it listens when it says so. */
function listeningAddress(child: ChildProcess, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (reason: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new CodedError('ANVIL_DID_NOT_START', `anvil ${reason}`, { data: { output } }));
    };
    const timer = setTimeout(() => fail(`was not ready within ${timeoutMs} ms`), timeoutMs);
    const onExit = (code: number | null): void => fail(`exited with code ${code}`);
    const onError = (error: Error): void => fail(`could not be run: ${error.message}`);
    const onData = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-maxCapturedBytes);
      const match = /Listening on (127\.0\.0\.1:\d+)/.exec(output);
      if (!match) return;
      clearTimeout(timer);
      child.off('exit', onExit).off('error', onError);
      for (const stream of [child.stdout, child.stderr]) {
        // Keep draining: anvil logs every call, and a full pipe would stop it.
        stream?.off('data', onData).resume();
      }
      resolve(`http://${match[1]}`);
    };
    child.once('exit', onExit).once('error', onError);
    child.stdout?.on('data', onData);
    child.stderr?.on('data', onData);
  });
}

/**
 * A shell that waits for the end of its standard input, which comes when this process is gone
 * (SIGKILL included), and then ends the chain. anvil itself outlives a parent that crashed.
 */
function endWithParent(pid: number): ChildProcess {
  const watchdog = spawn('sh', ['-c', `cat >/dev/null; kill ${pid} 2>/dev/null`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without sh (Windows) there is no watchdog, and the chain ends with stop() alone.
  watchdog.on('error', () => undefined);
  watchdog.unref();
  return watchdog;
}
