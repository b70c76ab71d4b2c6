import { refuseEnvironment, runProcess } from '@stoa/node/market-api';
import { createLogger } from '@stoa/node/observer';
import { readGatewayConfig } from './config.ts';
import { startGateway } from './gateway-process.ts';

const config = readGatewayConfig(process.env);
if ('mistakes' in config) refuseEnvironment('gateway', config.mistakes);

const logger = createLogger(config.STOA_MEMBER, config.LOG_LEVEL);
await runProcess(logger, (signal) => startGateway(config, { logger, signal }));
