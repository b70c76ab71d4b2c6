import { setTimeout as sleep } from 'node:timers/promises';
import {
  groupsHash,
  readDirectory,
  type SettlementGroup,
  settlementAbi,
  signVenueBatch,
  slugToBytes32,
  type VenueSignature,
  venuesOfBatch,
} from '@stoa/contracts';
import {
  type SettlementMessage,
  type SettlementNode,
  type SettlementNodeOptions,
  startSettlementNode,
} from '@stoa/node/testing/settlement-node';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '@stoa/node/testing/temporary-databases';
import type { Directory, DirectorySource, Execution, VenueId } from '@stoa/schema';
import { type Abi, createClient, type Hex, http, type LocalAccount, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { expect } from 'vitest';
import { type NetworkFixture, startNetworkFixture } from '../chain/network-fixture.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';

const venues = ['alpha', 'beta', 'gamma'] as const;
type Venue = (typeof venues)[number];

/** What one trade of {@link SettlementWorld.trade} moves. */
export const shares = 25n * 10n ** 18n;
export const cash = 14_633_250_000n;

const tokenAbi = parseAbi(['function approve(address spender, uint256 amount) returns (bool)']);

/** The demo network's chain, one PostgreSQL, and settlement of the three venues, each with a proxy. */
export class SettlementWorld {
  readonly fixture: NetworkFixture;
  readonly proxies: Record<Venue, RpcProxy>;
  readonly nodes: Record<Venue, SettlementNode>;
  /** Changes messages under way, or loses them (undefined). */
  tamper: (from: VenueId, body: SettlementMessage) => SettlementMessage | undefined = (_, body) =>
    body;
  readonly #databases: TemporaryDatabases;
  readonly #startNode: (
    venue: Venue,
    options?: Partial<SettlementNodeOptions>,
  ) => Promise<SettlementNode>;
  readonly #directory: ReturnType<typeof directoryOf>;
  readonly #tradeNumbers = { alpha: 0, beta: 0, gamma: 0 };
  readonly #postman = new AbortController();
  readonly #delivered: Promise<void>;
  #orderNumber = 0;

  /** @param every what all nodes are started with beside what the world gives them */
  static async start(every: Partial<SettlementNodeOptions> = {}): Promise<SettlementWorld> {
    const [fixture, databases] = await Promise.all([
      startNetworkFixture(),
      startTemporaryDatabases(),
    ]);
    const urls = await forEachVenue(() => databases.fresh());
    const directory = directoryOf(fixture);
    await directory.read();
    const proxies = await forEachVenue(() => startRpcProxy(fixture.rpcUrl));
    const startNode = async (venue: Venue, overrides: Partial<SettlementNodeOptions> = {}) =>
      startSettlementNode({
        venue,
        chainId: fixture.network.chainId,
        settlement: fixture.network.settlement,
        finality: 1,
        pollIntervalMs: 50,
        idlePollIntervalMs: 100,
        // What failed stays so while a test looks at it.
        retryAfterMs: 3_600_000,
        indexTokens: false,
        databaseUrl: urls[venue],
        client: createClient({
          transport: http(proxies[venue].url, { retryCount: 0, timeout: 5_000 }),
        }),
        signer: signerOf(fixture, venue),
        directory: directory.source,
        ...every,
        ...overrides,
      });
    const nodes = await forEachVenue((venue) => startNode(venue));
    return new SettlementWorld({ fixture, proxies, nodes, databases, startNode, directory });
  }

  private constructor(parts: {
    fixture: NetworkFixture;
    proxies: Record<Venue, RpcProxy>;
    nodes: Record<Venue, SettlementNode>;
    databases: TemporaryDatabases;
    startNode: (venue: Venue, options?: Partial<SettlementNodeOptions>) => Promise<SettlementNode>;
    directory: ReturnType<typeof directoryOf>;
  }) {
    this.#directory = parts.directory;
    this.fixture = parts.fixture;
    this.proxies = parts.proxies;
    this.nodes = parts.nodes;
    this.#databases = parts.databases;
    this.#startNode = parts.startNode;
    this.#delivered = this.#deliver();
  }

  /** What the nodes know of the registries. */
  directory(): Directory {
    return this.#directory.source.current();
  }

  /** What the registries say now is what the nodes know from now on. */
  async readDirectoryAnew(): Promise<void> {
    await this.#directory.read();
  }

  /** What is traded in this world. */
  instrument() {
    const instrument = this.directory().instruments.get(this.fixture.network.instrument);
    if (!instrument) throw new Error('the instrument is not in the directory');
    return instrument;
  }

  /** The next trade of a venue's book: alice buys 25 at 585.33, through the home venue alpha. */
  async trade(venue: Venue, overrides: Partial<Execution> = {}): Promise<Execution> {
    const execution = this.nextTrade(venue, overrides);
    if (venue !== 'alpha') await this.nodes[venue].recordTrade(execution);
    return execution;
  }

  /** The same, which its venue has yet to record. */
  nextTrade(venue: Venue, overrides: Partial<Execution> = {}): Execution {
    this.#tradeNumbers[venue] += 1;
    const tradeNumber = this.#tradeNumbers[venue];
    const { network } = this.fixture;
    return {
      venue,
      executionId: `${venue}-${tradeNumber}`,
      tradeNumber,
      instrument: network.instrument,
      price: 5_853_300,
      quantity: 25,
      buyer: network.alice.address,
      seller: network.flowWallets[venue]?.address ?? '0x',
      homeVenue: 'alpha',
      executedAtMs: Date.now(),
      ...overrides,
    };
  }

  /** An order of alpha whose trades are instructed; its id. */
  async order(trades: readonly Execution[]): Promise<string> {
    this.#orderNumber += 1;
    const id = `alpha-${this.#orderNumber}`;
    await this.nodes.alpha.recordOrder({ id, member: 'harbor' });
    await this.nodes.alpha.instruct(id, trades);
    return id;
  }

  /** An order of so many trades at beta, all of which settle or none; its id. */
  async settle(trades = 1): Promise<string> {
    const made = [];
    for (let index = 0; index < trades; index += 1) made.push(await this.trade('beta'));
    const id = await this.order(made);
    await this.nodes.alpha.service.closeGroup(id);
    return id;
  }

  /** Ends a node's service where it stands, and starts another on the same store. */
  async restart(venue: Venue, options?: Partial<SettlementNodeOptions>): Promise<void> {
    await this.nodes[venue].stop();
    this.nodes[venue] = await this.#startNode(venue, options);
  }

  /** Messages and calls arrive again, as sent. */
  mend(): void {
    this.tamper = (_, body) => body;
    for (const proxy of Object.values(this.proxies)) proxy.fate = () => 'pass';
  }

  /** The order's one settlement, as its broker sees it. */
  async settlementOf(orderId: string) {
    const [view] = await this.settlementsOf('alpha', orderId);
    return view;
  }

  /** All of an order's settlements, as its home node knows them. */
  async settlementsOf(home: 'alpha' | 'beta', orderId: string) {
    const found = await this.nodes[home].service.forOrders([orderId]);
    return found.get(orderId) ?? [];
  }

  untilState(orderId: string, state: string, timeout = 10_000): Promise<void> {
    return expect
      .poll(async () => (await this.settlementOf(orderId))?.state, { timeout, interval: 20 })
      .toBe(state);
  }

  async batchOf(orderId: string) {
    return (await this.nodes.alpha.batches()).find((batch) => batch.orderId === orderId);
  }

  /** The newest transaction signed for the order's batch. */
  async transactionOf(orderId: string) {
    const id = (await this.batchOf(orderId))?.id;
    return (await this.nodes.alpha.transactions()).findLast(({ batchId }) => batchId === id);
  }

  /** Tokens of alice and the three sellers, then their cash. */
  async balances(): Promise<bigint[]> {
    const { network } = this.fixture;
    const owners = [network.alice, ...venues.map((venue) => network.flowWallets[venue])];
    return Promise.all(
      [network.token, network.cashToken].flatMap((token) =>
        owners.map((owner) => this.fixture.balance(token, owner?.address ?? '0x')),
      ),
    );
  }

  /** What became of the balances. */
  async moved(before: readonly bigint[]): Promise<bigint[]> {
    return (await this.balances()).map((after, index) => after - (before[index] ?? 0n));
  }

  /** Which of the trades the chain holds. */
  onChain(trades: readonly Execution[]): Promise<readonly boolean[]> {
    return this.fixture.client.readContract({
      address: this.fixture.network.settlement,
      abi: settlementAbi,
      functionName: 'areSettled',
      args: [
        trades.map(({ venue }) => slugToBytes32(venue)),
        trades.map(({ tradeNumber }) => BigInt(tradeNumber)),
      ],
    });
  }

  /** How many transactions alpha's signer has in the chain. */
  signerNonce(): Promise<number> {
    const { address } = signerOf(this.fixture, 'alpha');
    return this.fixture.client.getTransactionCount({ address });
  }

  async write(
    key: Hex,
    address: Hex,
    abi: Abi,
    functionName: string,
    args: readonly unknown[] = [],
  ) {
    const { client } = this.fixture;
    const account = privateKeyToAccount(key);
    await client.setBalance({ address: account.address, value: 10n ** 20n });
    const hash = await client.writeContract({ account, address, abi, functionName, args });
    await client.waitForTransactionReceipt({ hash });
  }

  async approveTokens(seller: Venue, amount: bigint): Promise<void> {
    const { network } = this.fixture;
    const key = network.flowWallets[seller]?.privateKey ?? '0x';
    await this.write(key, network.token, tokenAbi, 'approve', [network.settlement, amount]);
  }

  /** Signatures of every venue that the groups name. */
  signAll(batchId: Hex, groups: readonly SettlementGroup[]): Promise<VenueSignature[]> {
    const { network } = this.fixture;
    const domain = { chainId: network.chainId, settlement: network.settlement };
    const batch = { domain, batchId, legs: groups.flat(), groupsHash: groupsHash(groups) };
    return Promise.all(
      venuesOfBatch(groups).map((venue) =>
        signVenueBatch(signerOf(this.fixture, venue), { ...batch, venue }),
      ),
    );
  }

  async stop(): Promise<void> {
    this.#postman.abort();
    await this.#delivered;
    for (const venue of venues) {
      await this.nodes[venue].stop();
      await this.proxies[venue].stop();
    }
    await Promise.all([this.fixture.stop(), this.#databases.stop()]);
  }

  /** Carries messages from outbox to inbox, each sender's in order, as order sessions do. */
  async #deliver(): Promise<void> {
    const carry = async (from: Venue): Promise<void> => {
      while (!this.#postman.signal.aborted) {
        // A node that is being restarted has no store for a moment: what waits, waits on.
        await this.#deliverFrom(from).catch(() => undefined);
        await sleep(20);
      }
    };
    await Promise.all(venues.map(carry));
  }

  async #deliverFrom(from: Venue): Promise<void> {
    const node = this.nodes[from];
    for (const { id, to, body } of await node.outbox()) {
      const arrived = this.tamper(from, body);
      if (arrived) await this.nodes[to as Venue].receive(from, arrived);
      await node.forget(id);
    }
  }
}

function signerOf(fixture: NetworkFixture, venue: VenueId): LocalAccount {
  const signer = fixture.signers[venue];
  if (!signer) throw new Error(`no signer for ${venue}`);
  return signer;
}

async function forEachVenue<T>(make: (venue: Venue) => Promise<T>): Promise<Record<Venue, T>> {
  const made = await Promise.all(venues.map(async (venue) => [venue, await make(venue)] as const));
  return Object.fromEntries(made) as Record<Venue, T>;
}

function directoryOf(fixture: NetworkFixture) {
  let current: Directory | undefined;
  const source: DirectorySource = {
    current: () => {
      if (current === undefined) throw new Error('the directory was not read');
      return current;
    },
    onChange: () => () => undefined,
  };
  const read = async (): Promise<void> => {
    const { blockNumber, members, instruments, listings } = await readDirectory(
      fixture.client,
      fixture.network,
    );
    current = {
      ...{ blockNumber, listings },
      members: new Map(members.map((member) => [member.id, member])),
      instruments: new Map(instruments.map((instrument) => [instrument.id, instrument])),
    };
  };
  return { source, read };
}
