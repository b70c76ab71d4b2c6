import { pino } from 'pino';
import { EntryWorld } from './entry-world.ts';

/**
 * A node whose members enter orders over FIX, until it is killed. Its venue's own flow offers without
 * end, so that every order is filled.
 *
 * URL FOLDER PORT
 */
const [url = '', folder = '', port = ''] = process.argv.slice(2);
// What the operator reads of it.
const logger = pino({ level: 'warn' }, pino.destination(`${folder}/node-log.txt`));
await EntryWorld.open({ url, folder, port: Number(port), offered: 1_000_000_000, logger });
