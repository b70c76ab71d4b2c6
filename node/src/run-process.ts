import type { Logger } from './telemetry/logger.ts';

/** What a process of the network is, once it runs. */
export interface RunningService {
  /** Said on stdout when ready, as one line of JSON. */
  readonly announcement: Readonly<Record<string, unknown>>;
  /** Ends it cleanly. */
  stop(): Promise<void>;
}

/** A clean end takes no longer than this; then the process ends anyway. */
const STOP_DEADLINE_MS = 1_800;

/**
 * Runs a service as this process until SIGTERM or SIGINT. Exit codes: 0 after a clean end, 1 when it
 * could not start or did not end cleanly in time.
 */
export async function runProcess(
  logger: Logger,
  start: (signal: AbortSignal) => Promise<RunningService>,
): Promise<void> {
  const stopping = new AbortController();
  let service: RunningService | undefined;
  const end = (code: number) => process.exit(code);

  const onSignal = (signal: string): void => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    logger.info({ signal }, 'stopping');
    // Libraries keep timers of their own: the process is ended, not waited for.
    setTimeout(() => end(1), STOP_DEADLINE_MS).unref();
    if (!service) return;
    service.stop().then(
      () => end(0),
      (error: unknown) => {
        logger.error({ err: error }, 'did not stop cleanly');
        end(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // An exception nobody caught leaves state nobody knows: the store is the truth to start from again.
  process.on('uncaughtException', (error) => {
    logger.error({ err: error }, 'uncaught exception');
    end(1);
  });

  try {
    service = await start(stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) end(0);
    logger.error({ err: error }, 'cannot start');
    end(1);
  }
  if (stopping.signal.aborted) {
    await service?.stop();
    end(0);
  }
  process.stdout.write(`${JSON.stringify({ ready: true, ...service?.announcement })}\n`);
}

/** Ends the process over a wrong environment, all mistakes named; exit code 2. */
export function refuseEnvironment(what: string, mistakes: readonly string[]): never {
  process.stderr.write(`The ${what} is not configured:\n  ${mistakes.join('\n  ')}\n`);
  process.exit(2);
}
