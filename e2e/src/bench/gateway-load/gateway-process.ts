import { createGateway } from '@stoa/gateway/gateway';
import { createAuditLines, openAuditLog } from '@stoa/node/market-api';
import { createLogger, createObserver, type MarketView } from '@stoa/node/observer';
import { testSeed } from '@stoa/node/testing/memory-directory';
import { Registry } from 'prom-client';
import { createTokenIssuer } from '../../harness/token-issuer.ts';
import { serveCommands } from '../process-commands.ts';
import { nowNs } from '../quotes/clock.ts';
import { directoryOf, type Place, staleAfterMs } from '../quotes/network-plan.ts';

const retentionMs = 86_400_000;
const mergedAtNs = new Map<number, number>();

/** A gateway over its own verified market, as `gateway-process.ts` of the gateway composes it. */
async function start(place: Place, folder: string) {
  const directory = directoryOf(place);
  const logger = createLogger(place.member, 'error');
  const metrics = new Registry();
  const observer = createObserver(
    {
      ...{ member: place.member, seed: testSeed(place.member), peers: place.peers },
      ...{ listen: ['/ip4/127.0.0.1/tcp/0'], staleAfterMs },
    },
    { directory, logger, registry: metrics },
  );
  await observer.start();
  const tokens = await createTokenIssuer(`${folder}/jwks.json`);
  const audit = { sink: createAuditLines(logger), logger, metrics, nowMs: Date.now };
  const gateway = await createGateway(
    {
      ...{ host: '127.0.0.1', port: 0, nodes: new Map() },
      tokens: { jwks: tokens.jwksFile, issuer: tokens.issuer, audience: tokens.audience },
    },
    {
      market: timed(observer.market),
      ...{ directory, metrics, logger, readiness: () => [] },
      audit: await openAuditLog({ retentionMs }, audit),
    },
  );
  return { addresses: observer.addresses(), url: `${gateway.url}/graphql`, observer };
}

/** The same market, noting when a watcher was given the book that shows an update. */
function timed(market: MarketView): MarketView {
  return {
    ...market,
    async *watch(instrument, signal) {
      for await (const book of market.watch(instrument, signal)) {
        const update = book.bids[0]?.quantity;
        if (update !== undefined && !mergedAtNs.has(update)) mergedAtNs.set(update, nowNs());
        yield book;
      }
    },
  };
}

let running: Awaited<ReturnType<typeof start>> | undefined;

const commands = {
  async start({ place, folder }: { place: Place; folder: string }) {
    running = await start(place, folder);
    return { addresses: running.addresses, url: running.url };
  },
  peers: () => running?.observer.peers() ?? [],
  /** Updates that the gateway's book has shown, and when. */
  merged() {
    const seen = [...mergedAtNs];
    mergedAtNs.clear();
    return {
      updates: Float64Array.from(seen, ([update]) => update),
      atNs: Float64Array.from(seen, ([, atNs]) => atNs),
    };
  },
};

export type GatewayCommands = typeof commands;

serveCommands(commands);
