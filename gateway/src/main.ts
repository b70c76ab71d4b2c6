import { createMetrics } from '@stoa/node/market-api';
import { createLogger } from '@stoa/node/observer';
import { readGatewayConfig } from './config.ts';
import { startGatewayProcess } from './gateway-process.ts';

/** How long a clean end may take before the process ends anyway. */
const STOP_DEADLINE_MS = 1_800;

const config = readGatewayConfig(process.env);
if ('mistakes' in config) {
  process.stderr.write(`The gateway is not configured:\n  ${config.mistakes.join('\n  ')}\n`);
  process.exit(2);
}

const logger = createLogger('gateway', config.LOG_LEVEL);
const stopping = new AbortController();
let stop = async (): Promise<void> => {};

function onSignal(signal: string): void {
  if (stopping.signal.aborted) return;
  stopping.abort();
  logger.info({ signal }, 'gateway stops');
  // The engine keeps timers of its own: the process is ended, not waited for.
  setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref();
  stop().then(
    () => process.exit(0),
    (error: unknown) => {
      logger.error({ err: error }, 'gateway did not stop cleanly');
      process.exit(1);
    },
  );
}
process.once('SIGTERM', onSignal);
process.once('SIGINT', onSignal);

try {
  const gateway = await startGatewayProcess(config, {
    logger,
    metrics: createMetrics({ member: config.STOA_MEMBER }),
    signal: stopping.signal,
  });
  stop = () => gateway.stop();
  const ready = { ready: true, role: 'gateway', http: gateway.url, p2p: gateway.addresses() };
  if (!stopping.signal.aborted) process.stdout.write(`${JSON.stringify(ready)}\n`);
} catch (error) {
  if (!stopping.signal.aborted) {
    logger.error({ err: error }, 'gateway cannot start');
    process.exit(1);
  }
}
