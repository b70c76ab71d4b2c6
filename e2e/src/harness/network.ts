import { writeFile } from 'node:fs/promises';
import type { MemberId, VenueId } from '@stoa/schema';
import type { Address } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { startAnvil } from '../chain/anvil.ts';
import { type DeployedNetwork, demoMembers, deployNetwork } from '../chain/deploy-network.ts';
import { DEMO_VENUES } from './demo-venues.ts';
import { startGuardian } from './guardian.ts';
import { type MemberIdentity, makeIdentities } from './member-identity.ts';
import { type DatabaseServer, openDatabaseServer } from './network-databases.ts';
import { type RunningProcess, startGateway, startVenueNode } from './network-processes.ts';
import { createRunFolder } from './run-folder.ts';
import { createTokenIssuer, type TokenIssuer } from './token-issuer.ts';

/** What a network is to be started with. */
export interface NetworkOptions {
  /** The run's folder is made below this one. */
  readonly baseFolder: string;
  /** Order flow file per venue; a venue without one starts with an empty book. */
  readonly flows: ReadonlyMap<VenueId, string>;
  readonly flowSpeed: number | 'max';
  /** A PostgreSQL server to use in place of one of our own. */
  readonly databaseUrl?: string;
  readonly gatewayPort?: number;
  readonly keepFolder?: boolean;
  readonly logLevel?: string;
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
  readonly gateway: RunningProcess;
  /** Milliseconds each step of the start took. */
  readonly stagesMs: Readonly<Record<string, number>>;
  /** Starts a venue again that was stopped or killed, on its old ports and store. */
  restartVenue(venue: VenueId): Promise<RunningProcess>;
  stop(): Promise<void>;
}

/** The broker's accounts at its home node, the first venue. */
export const DEMO_BROKER = 'harbor';
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
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return await start(options, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: NetworkOptions,
  undo: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Network> {
  const stagesMs: Record<string, number> = {};
  const stage = async <T>(name: string, message: string, run: () => Promise<T>): Promise<T> => {
    options.signal?.throwIfAborted();
    options.onProgress?.(message);
    const began = performance.now();
    const result = await run();
    stagesMs[name] = Math.round(performance.now() - began);
    return result;
  };

  const folder = await createRunFolder(options.baseFolder);
  if (!options.keepFolder) undo.push(() => folder.remove());
  const guardian = await startGuardian();
  undo.push(() => guardian.close());
  const identities = await makeIdentities(folder.path, [...DEMO_VENUES, 'gateway', PROBE]);

  const anvil = await stage('chain', 'starting a chain (anvil)', async () =>
    startAnvil({
      folder: await folder.folder('chain'),
      onExit: () => options.onCrash?.('chain', 'anvil ended'),
    }),
  );
  undo.push(() => anvil.stop());
  guardian.guard(anvil.pid);

  const chain = await stage('contracts', 'deploying the contracts', () =>
    deployNetwork({
      rpcUrl: anvil.rpcUrl,
      members: [...demoMembers, { id: PROBE, kind: 'observer' as const }].map((member) => {
        const identity = identities.get(member.id);
        return {
          ...member,
          ...(identity && { nodeKey: identity.nodeKey.publicKey }),
          ...(identity &&
            member.kind === 'venue' && { signer: privateKeyToAccount(identity.signerKey).address }),
        };
      }),
      onProgress: (message) => options.onProgress?.(`  ${message}`),
    }),
  );

  const databases = await stage('database', 'starting PostgreSQL', async () =>
    openDatabaseServer({
      folder: folder.file('postgres'),
      ...(options.databaseUrl !== undefined && { url: options.databaseUrl }),
      guardian,
    }),
  );
  undo.push(() => databases.stop());

  const tokens = await createTokenIssuer(folder.file('jwks.json'));
  const accountsFile = await writeAccounts(folder.file('accounts.json'), [
    chain.alice.address,
    chain.mallory.address,
  ]);
  const shared = {
    folder,
    guardian,
    chain,
    rpcUrl: anvil.rpcUrl,
    identities,
    tokens,
    accountsFile,
  };

  const venues = new Map<VenueId, RunningProcess>();
  const startVenue = async (venue: VenueId): Promise<RunningProcess> => {
    const flow = options.flows.get(venue);
    const node = await startVenueNode(venue, {
      ...shared,
      databaseUrl: await databases.database(venue),
      ...(flow !== undefined && { flow: { file: flow, speed: options.flowSpeed } }),
      logLevel: options.logLevel ?? 'info',
    });
    venues.set(venue, node);
    void node.process.exited.then((exit) => {
      if (venues.get(venue) === node) venues.delete(venue);
      if (!exit.wanted) options.onCrash?.(venue, exit.signal ?? `code ${exit.code}`);
    });
    return node;
  };
  undo.push(() => Promise.all([...venues.values()].map((node) => node.process.stop())));
  await stage('venues', `starting the nodes of ${DEMO_VENUES.join(', ')}`, () =>
    Promise.all(DEMO_VENUES.map(startVenue)),
  );

  const gateway = await stage('gateway', 'starting the gateway', async () =>
    startGateway({
      ...shared,
      port: options.gatewayPort ?? 0,
      graphiqlToken: await brokerToken({ tokens }),
      logLevel: options.logLevel ?? 'info',
    }),
  );
  undo.push(() => gateway.process.stop());
  void gateway.process.exited.then((exit) => {
    if (!exit.wanted) options.onCrash?.('gateway', exit.signal ?? `code ${exit.code}`);
  });

  return {
    folder: folder.path,
    rpcUrl: anvil.rpcUrl,
    chain,
    tokens,
    identities,
    databases,
    venues,
    gateway,
    stagesMs,
    restartVenue: startVenue,
    stop,
  };
}

async function writeAccounts(file: string, wallets: readonly Address[]): Promise<string> {
  await writeFile(file, JSON.stringify({ [DEMO_BROKER]: wallets }));
  return file;
}
