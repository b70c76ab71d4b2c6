import { readNodeConfig } from './config.ts';
import { startNode } from './node.ts';
import { refuseEnvironment, runProcess } from './run-process.ts';
import { createLogger } from './telemetry/logger.ts';

const config = readNodeConfig(process.env);
if ('mistakes' in config) refuseEnvironment('node', config.mistakes);

const logger = createLogger(config.STOA_VENUE, config.LOG_LEVEL);
await runProcess(logger, (signal) => startNode(config, { logger, signal }));
