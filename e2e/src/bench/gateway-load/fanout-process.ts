import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createGateway } from '@stoa/gateway/gateway';
import {
  buildMarketSchema,
  createAuditLines,
  createSubscriptionStreams,
  openAuditLog,
} from '@stoa/node/market-api';
import { createLogger } from '@stoa/node/observer';
import { createYoga } from 'graphql-yoga';
import { Registry } from 'prom-client';
import { WebSocketServer } from 'ws';
import { createTokenIssuer } from '../../harness/token-issuer.ts';
import { serveCommands } from '../process-commands.ts';
import { createMovingMarket, fanoutDirectory } from './moving-market.ts';

/** Who serves the readers. */
export type FanoutServer = 'stoa' | 'stock' | 'rawWs';

const market = createMovingMarket();
const manyReaders = 10_000;
const tick = 1;
const retentionMs = 86_400_000;
let broadcast: ((bytes: Buffer) => void) | undefined;

/** Our own gateway, as it is. */
async function startStoa(folder: string): Promise<string> {
  const tokens = await createTokenIssuer(`${folder}/fanout-jwks.json`);
  const [logger, metrics] = [createLogger('gateway', 'error'), new Registry()];
  const audit = { sink: createAuditLines(logger), logger, metrics, nowMs: Date.now };
  const gateway = await createGateway(
    {
      ...{ host: '127.0.0.1', port: 0, nodes: new Map() },
      tokens: { jwks: tokens.jwksFile, issuer: tokens.issuer, audience: tokens.audience },
      streams: { maxSubscriptionsPerClient: manyReaders },
    },
    {
      ...{ market, directory: fanoutDirectory, readiness: () => [] },
      ...{ metrics, logger, audit: await openAuditLog({ retentionMs }, audit) },
    },
  );
  return `${gateway.url}/graphql`;
}

/** The same schema on graphql-yoga as it comes. */
async function startStock(): Promise<string> {
  const streams = createSubscriptionStreams(manyReaders);
  const schema = buildMarketSchema({ market, directory: fanoutDirectory, streams });
  const server = createServer(createYoga<object>({ schema, logging: false }));
  return `http://127.0.0.1:${await listen(server)}/graphql`;
}

/** The library `ws`, sending bytes that are made once to everybody. */
async function startRawWs(): Promise<string> {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  const port = await listen(server);
  broadcast = (bytes) => {
    for (const client of sockets.clients) client.send(bytes);
  };
  return `ws://127.0.0.1:${port}/`;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

const commands = {
  start({ server, folder }: { server: FanoutServer; folder: string }): Promise<string> {
    if (server === 'stoa') return startStoa(folder);
    return server === 'stock' ? startStock() : startRawWs();
  },
  /** Moves the book so many times a second, evenly; `payload` is what a raw broadcast sends. */
  async publish({ perSecond, seconds, payload }: PublishPlan) {
    const first = market.version() + 1;
    const begunMs = performance.now();
    const cpu = process.cpuUsage();
    const total = perSecond * seconds;
    for (let made = 0; made < total; ) {
      const due = Math.min(total, ((performance.now() - begunMs) * perSecond) / 1_000);
      // One a turn: what is made within one turn of the loop is one change to whoever watches.
      if (made < due) {
        made += 1;
        market.move();
        if (payload !== undefined) {
          broadcast?.(Buffer.from(payload.replaceAll('VERSION', String(market.version()))));
        }
        await new Promise((resolve) => setImmediate(resolve));
      } else await sleep(tick);
    }
    const { user, system } = process.cpuUsage(cpu);
    const tookMs = performance.now() - begunMs;
    return { first, last: market.version(), tookMs, cpuUs: user + system };
  },
  madeAtNs: () => market.madeAtNs(),
  version: () => market.version(),
  /** Resident and counted memory, after what is garbage was collected. */
  async memoryBytes() {
    for (let round = 0; round < 3; round += 1) {
      collectGarbage();
      await sleep(100);
    }
    // What is external has the array buffers in it.
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, used: heapUsed + external };
  },
};

interface PublishPlan {
  readonly perSecond: number;
  readonly seconds: number;
  readonly payload?: string;
}

export type FanoutCommands = typeof commands;

serveCommands(commands);
