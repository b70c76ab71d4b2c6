import { writeFile } from 'node:fs/promises';
import type { MemberId, VenueId } from '@stoa/schema';
import type { Address } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { startAnvil } from '../chain/anvil.ts';
import {
  type DeployedNetwork,
  demoMembers,
  deployNetwork,
  type MemberSeed,
} from '../chain/deploy-network.ts';
import { DEMO_VENUES } from './demo-venues.ts';
import { startGuardian } from './guardian.ts';
import { type MemberIdentity, makeIdentities } from './member-identity.ts';
import { type DatabaseServer, openDatabaseServer } from './network-databases.ts';
import {
  type RunningProcess,
  type SharedSetup,
  startGateway,
  startVenueNode,
} from './network-processes.ts';
import { createRunFolder } from './run-folder.ts';
import { createTokenIssuer, type TokenIssuer } from './token-issuer.ts';

/** What a network is to be started with. */
export interface NetworkOptions {
  /** The run's folder is made below this one. */
  readonly baseFolder: string;
  /** The venues whose nodes run, the broker's home first; default: all of the demo. */
  readonly venues?: readonly VenueId[];
  /** Order flow file per venue; a venue without one starts with an empty book. */
  readonly flows: ReadonlyMap<VenueId, string>;
  readonly flowSpeed: number | 'max';
  /** A PostgreSQL server to use in place of one of our own. */
  readonly databaseUrl?: string;
  readonly gatewayPort?: number;
  /** Added to every venue's own environment. */
  readonly venueEnv?: Readonly<Record<string, string>>;
  readonly keepFolder?: boolean;
  readonly logLevel?: string;
  /** Where the processes tell their spans (OTLP/HTTP). */
  readonly tracesUrl?: string;
  /** Where processes keep compiled code, so that those that start again start sooner. */
  readonly compileCache?: string;
  /** Told of each step as it begins. */
  readonly onProgress?: (message: string) => void;
  /** Told when a process ended that nobody stopped. */
  readonly onCrash?: (name: string, how: string) => void;
  /** Ends the starting. */
  readonly signal?: AbortSignal;
}

/** A running network: chain, database server, venues, gateway, each a process of its own. */
export interface Network {
  readonly folder: string;
  readonly rpcUrl: string;
  readonly chain: DeployedNetwork;
  readonly tokens: TokenIssuer;
  readonly identities: ReadonlyMap<MemberId, MemberIdentity>;
  readonly databases: DatabaseServer;
  /** The venues' processes as they are now; a venue that was stopped is not among them. */
  readonly venues: ReadonlyMap<VenueId, RunningProcess>;
  /** The gateway's process as it is now. */
  readonly gateway: RunningProcess;
  /** Milliseconds each step of the start took. */
  readonly stagesMs: Readonly<Record<string, number>>;
  /** Starts a venue again that was stopped or killed, on its old ports and store; `env` adds to its own. */
  restartVenue(venue: VenueId, env?: Readonly<Record<string, string>>): Promise<RunningProcess>;
  /** Starts the gateway again once its process has ended, on its old port; `env` adds to its own. */
  restartGateway(env?: Readonly<Record<string, string>>): Promise<RunningProcess>;
  stop(): Promise<void>;
}

/** The broker's accounts at its home node, the first venue. */
const DEMO_BROKER = 'harbor';
/** An observer whose key the tests hold, to say things to the nodes that no honest member would. */
export const PROBE = 'probe';
const BROKER_SCOPE = 'market:read orders:read orders:write';

/** A token of the demo's broker, for its home node. */
export function brokerToken(network: Pick<Network, 'tokens'>): Promise<string> {
  return network.tokens.issue({ member: DEMO_BROKER, home: DEMO_VENUES[0], scope: BROKER_SCOPE });
}

/**
 * Starts the whole network on free ports, with all files in a folder of the run. Whatever fails on
 * the way stops what was started before.
 */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const run = new Run(options);
  try {
    return await start(run, options);
  } catch (error) {
    await run.stop();
    throw error;
  }
}

/** The stages of a start, and what ends them again, in the reverse order. */
class Run {
  readonly stagesMs: Record<string, number> = {};
  readonly #options: NetworkOptions;
  readonly #undo: (() => Promise<unknown>)[] = [];

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  async stage<T>(name: string, message: string, work: () => Promise<T>): Promise<T> {
    this.#options.signal?.throwIfAborted();
    this.#options.onProgress?.(message);
    const began = performance.now();
    const result = await work();
    this.stagesMs[name] = Math.round(performance.now() - began);
    return result;
  }

  onStop(step: () => Promise<unknown>): void {
    this.#undo.push(step);
  }

  async stop(): Promise<void> {
    for (const step of this.#undo.splice(0).reverse()) await step();
  }
}

async function start(run: Run, options: NetworkOptions): Promise<Network> {
  const folder = await createRunFolder(options.baseFolder);
  const guardian = await startGuardian();
  run.onStop(() => guardian.close());
  // The guardian removes it, so that it goes also when this process is killed.
  if (!options.keepFolder) guardian.clean(folder.path);
  const identities = await makeIdentities(folder.path, [...DEMO_VENUES, 'gateway', PROBE]);

  const anvil = await run.stage('chain', 'starting a chain (anvil)', async () =>
    startAnvil({
      folder: await folder.folder('chain'),
      onExit: () => options.onCrash?.('chain', 'anvil ended'),
    }),
  );
  run.onStop(() => anvil.stop());
  guardian.guard(anvil.pid);
  const { rpcUrl } = anvil;
  const chain = await run.stage('contracts', 'deploying the contracts', () =>
    deployNetwork({
      rpcUrl,
      members: memberSeeds(identities),
      onProgress: (message) => options.onProgress?.(`  ${message}`),
    }),
  );
  const databases = await run.stage('database', 'starting PostgreSQL', () =>
    openDatabaseServer({
      folder: folder.file('postgres'),
      ...(options.databaseUrl !== undefined && { url: options.databaseUrl }),
      guardian,
    }),
  );
  run.onStop(() => databases.stop());

  const tokens = await createTokenIssuer(folder.file('jwks.json'));
  // Each venue's own house may trade for the wallet of its flow, as by answering requests for quote.
  const accountsFile = await writeAccounts(folder.file('accounts.json'), {
    [DEMO_BROKER]: [chain.alice.address, chain.mallory.address],
    ...Object.fromEntries(
      Object.entries(chain.flowWallets).map(([venue, { address }]) => [venue, [address]]),
    ),
  });
  const running = options.venues ?? DEMO_VENUES;
  const setup: SharedSetup = {
    ...{ folder, guardian, chain, rpcUrl, identities, tokens, accountsFile, venues: running },
    tracesUrl: options.tracesUrl,
    ...(options.signal && { signal: options.signal }),
  };
  const venues = new Map<VenueId, RunningProcess>();
  const startVenue = createVenueStarter(setup, { options, databases, venues });
  run.onStop(() => Promise.all([...venues.values()].map((node) => node.process.stop())));
  await run.stage('venues', `starting the nodes of ${running.join(', ')}`, () =>
    Promise.all(running.map((venue) => startVenue(venue))),
  );
  const graphiqlToken = await brokerToken({ tokens });
  const startGatewayAt = createGatewayStarter(setup, options, graphiqlToken);
  let gateway = await run.stage('gateway', 'starting the gateway', () =>
    startGatewayAt(options.gatewayPort ?? 0),
  );
  run.onStop(() => gateway.process.stop());
  return {
    ...{ folder: folder.path, rpcUrl, chain, tokens, identities, databases, venues },
    get gateway() {
      return gateway;
    },
    stagesMs: run.stagesMs,
    restartVenue: startVenue,
    async restartGateway(env) {
      gateway = await startGatewayAt(Number(new URL(gateway.http).port), env);
      return gateway;
    },
    stop: () => run.stop(),
  };
}

function memberSeeds(identities: ReadonlyMap<MemberId, MemberIdentity>): MemberSeed[] {
  const members: MemberSeed[] = [...demoMembers, { id: PROBE, kind: 'observer' }];
  return members.map((member) => {
    const identity = identities.get(member.id);
    if (!identity) return member;
    const nodeKey = identity.nodeKey.publicKey;
    if (member.kind !== 'venue') return { ...member, nodeKey };
    return { ...member, nodeKey, signer: privateKeyToAccount(identity.signerKey).address };
  });
}

function createVenueStarter(
  setup: SharedSetup,
  {
    options,
    databases,
    venues,
  }: {
    readonly options: NetworkOptions;
    readonly databases: DatabaseServer;
    readonly venues: Map<VenueId, RunningProcess>;
  },
): (venue: VenueId, env?: Readonly<Record<string, string>>) => Promise<RunningProcess> {
  return async (venue, env = {}) => {
    const flow = options.flows.get(venue);
    const node = await startVenueNode(venue, {
      ...setup,
      env: {
        ...(options.compileCache && { NODE_COMPILE_CACHE: options.compileCache }),
        ...options.venueEnv,
        ...env,
      },
      databaseUrl: await databases.database(venue),
      ...(flow !== undefined && { flow: { file: flow, speed: options.flowSpeed } }),
      logLevel: options.logLevel ?? 'info',
      ...(options.onProgress && { onSkippedLine: options.onProgress }),
    });
    venues.set(venue, node);
    void node.process.exited.then(() => {
      if (venues.get(venue) === node) venues.delete(venue);
    });
    reportCrash(venue, node, options);
    return node;
  };
}

function createGatewayStarter(
  setup: SharedSetup,
  options: NetworkOptions,
  graphiqlToken: string,
): (port: number, env?: Readonly<Record<string, string>>) => Promise<RunningProcess> {
  return async (port, env = {}) => {
    const logLevel = options.logLevel ?? 'info';
    const gateway = await startGateway({ ...setup, port, graphiqlToken, logLevel, env });
    reportCrash('gateway', gateway, options);
    return gateway;
  };
}

function reportCrash(name: string, node: RunningProcess, { onCrash }: NetworkOptions): void {
  void node.process.exited.then((exit) => {
    if (!exit.wanted) onCrash?.(name, exit.signal ?? `code ${exit.code}`);
  });
}

async function writeAccounts(
  file: string,
  wallets: Readonly<Record<MemberId, readonly Address[]>>,
): Promise<string> {
  await writeFile(file, JSON.stringify(wallets));
  return file;
}
