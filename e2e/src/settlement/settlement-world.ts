import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readDirectory } from '@stoa/contracts';
import { createDatabase, startEmbeddedPostgres } from '@stoa/node/embedded-postgres';
import {
  type SettlementMessage,
  type SettlementNode,
  type SettlementNodeOptions,
  startSettlementNode,
} from '@stoa/node/testing/settlement-node';
import type { DirectorySource, Execution, VenueId } from '@stoa/schema';
import { createClient, http } from 'viem';
import { type NetworkFixture, startNetworkFixture } from '../chain/network-fixture.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';

const venues = ['alpha', 'beta', 'gamma'] as const;
type Venue = (typeof venues)[number];

/** The demo network's chain, one PostgreSQL, and settlement of the three venues, each with a proxy. */
export interface SettlementWorld {
  readonly fixture: NetworkFixture;
  readonly nodes: Record<Venue, SettlementNode>;
  readonly proxies: Record<Venue, RpcProxy>;
  readonly directory: DirectorySource;
  /** Changes messages under way, or loses them (undefined). */
  tamper: (from: VenueId, body: SettlementMessage) => SettlementMessage | undefined;
  /** The next trade of a venue's book: alice buys 25 at 585.33, through the home venue alpha. */
  trade(venue: Venue, overrides?: Partial<Execution>): Promise<Execution>;
  /** An order of alpha whose trades are instructed; its id. */
  order(trades: readonly Execution[]): Promise<string>;
  /** Ends a node's service where it stands, and starts another on the same store. */
  restart(venue: Venue, options?: Partial<SettlementNodeOptions>): Promise<void>;
  /** Tokens and cash of alice and the three sellers. */
  balances(): Promise<bigint[]>;
  stop(): Promise<void>;
}

export async function startSettlementWorld(): Promise<SettlementWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-settlement-'));
  const [fixture, server] = await Promise.all([
    startNetworkFixture(),
    startEmbeddedPostgres({ dataDir: join(folder, 'postgres') }),
  ]);
  const { network, client } = fixture;
  const directory = await directoryOf(fixture);
  const proxies = await forEachVenue(() => startRpcProxy(fixture.rpcUrl));
  const start = async (venue: Venue, overrides: Partial<SettlementNodeOptions> = {}) => {
    const signer = fixture.signers[venue];
    if (!signer) throw new Error(`no signer for ${venue}`);
    return startSettlementNode({
      venue,
      chainId: network.chainId,
      settlement: network.settlement,
      finality: 1,
      pollIntervalMs: 50,
      idlePollIntervalMs: 100,
      databaseUrl: await createDatabase(server.url('postgres'), venue),
      client: createClient({
        transport: http(proxies[venue].url, { retryCount: 0, timeout: 5_000 }),
      }),
      signer,
      directory,
      ...overrides,
    });
  };
  const nodes = await forEachVenue((venue) => start(venue));
  const tradeNumbers = { alpha: 0, beta: 0, gamma: 0 };
  let orderNumber = 0;
  const postman = new AbortController();

  const world: SettlementWorld = {
    ...{ fixture, nodes, proxies, directory },
    tamper: (_, body) => body,
    trade: async (venue, overrides = {}) => {
      tradeNumbers[venue] += 1;
      const execution: Execution = {
        venue,
        executionId: `${venue}-${tradeNumbers[venue]}`,
        tradeNumber: tradeNumbers[venue],
        instrument: network.instrument,
        price: 5_853_300,
        quantity: 25,
        buyer: network.alice.address,
        seller: network.flowWallets[venue]?.address ?? '0x',
        homeVenue: 'alpha',
        executedAtMs: Date.now(),
        ...overrides,
      };
      if (venue !== 'alpha') await nodes[venue].recordTrade(execution);
      return execution;
    },
    order: async (trades) => {
      orderNumber += 1;
      const id = `alpha-${orderNumber}`;
      await nodes.alpha.recordOrder({ id, member: 'harbor' });
      await nodes.alpha.instruct(id, trades);
      return id;
    },
    restart: async (venue, overrides) => {
      await nodes[venue].stop();
      nodes[venue] = await start(venue, overrides);
    },
    balances: async () => {
      const owners = [network.alice, ...venues.map((venue) => network.flowWallets[venue])];
      return Promise.all(
        [network.token, network.cashToken].flatMap((token) =>
          owners.map((owner) => fixture.balance(token, owner?.address ?? '0x')),
        ),
      );
    },
    stop: async () => {
      postman.abort();
      await delivered;
      for (const venue of venues) {
        await nodes[venue].stop();
        await proxies[venue].stop();
      }
      await Promise.all([fixture.stop(), server.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };

  /** Carries messages from outbox to inbox, in order, as order sessions do. */
  async function deliver(): Promise<void> {
    while (!postman.signal.aborted) {
      for (const from of venues) {
        // A node that is being restarted has no store for a moment.
        const waiting = await nodes[from].outbox().catch(() => []);
        for (const { id, to, body } of waiting) {
          const arrived = world.tamper(from, body);
          if (arrived) await nodes[to as Venue].receive(from, arrived);
          await nodes[from].forget(id);
        }
      }
      await sleep(20);
    }
  }
  const delivered = deliver();
  // The chain goes on while a test looks elsewhere; nothing of it may be older than the cursors.
  await client.mine({ blocks: 1 });
  return world;
}

async function forEachVenue<T>(make: (venue: Venue) => Promise<T>): Promise<Record<Venue, T>> {
  const made = await Promise.all(venues.map(async (venue) => [venue, await make(venue)] as const));
  return Object.fromEntries(made) as Record<Venue, T>;
}

async function directoryOf(fixture: NetworkFixture): Promise<DirectorySource> {
  const read = await readDirectory(fixture.client, fixture.network);
  const directory = {
    blockNumber: read.blockNumber,
    members: new Map(read.members.map((member) => [member.id, member])),
    instruments: new Map(read.instruments.map((instrument) => [instrument.id, instrument])),
    listings: read.listings,
  };
  return { current: () => directory, onChange: () => () => undefined };
}
