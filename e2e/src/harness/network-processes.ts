import { fileURLToPath } from 'node:url';
import { DEVELOPMENT_CLIENT } from '@stoa/node/development-issuer';
import { CodedError, type MemberId, type VenueId } from '@stoa/schema';
import type { DeployedNetwork } from '../chain/deploy-network.ts';
import { type ManagedProcess, startChildProcess } from './child-process.ts';
import type { Guardian } from './guardian.ts';
import type { MemberIdentity } from './member-identity.ts';
import { STEADY_FLAGS } from './process-flags.ts';
import type { RunFolder } from './run-folder.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** A process of ours that serves HTTP. */
export interface RunningProcess {
  readonly process: ManagedProcess;
  /** `http://127.0.0.1:PORT` */
  readonly http: string;
  /** Where it answers GraphQL. */
  readonly graphql: string;
}

/** What all processes of one network share. */
export interface SharedSetup {
  readonly folder: RunFolder;
  readonly guardian: Guardian;
  readonly chain: DeployedNetwork;
  readonly rpcUrl: string;
  readonly identities: ReadonlyMap<MemberId, MemberIdentity>;
  readonly tokens: TokenIssuer;
  readonly accountsFile: string;
  /** The venues whose nodes run. */
  readonly venues: readonly VenueId[];
  /** Where the processes tell their spans (OTLP/HTTP). */
  readonly tracesUrl?: string | undefined;
  /** Ends the waiting for a process that starts, and the process. */
  readonly signal?: AbortSignal;
}

const NODE_MAIN = fileURLToPath(new URL('../../../node/src/main.ts', import.meta.url));
const GATEWAY_MAIN = fileURLToPath(new URL('../../../gateway/src/main.ts', import.meta.url));

/** A venue is withdrawn from the book when it was not heard for this long. */
export const DEMO_STALE_AFTER_MS = 1_500;
const HEARTBEAT_MS = 500;
/** One that cannot start ends, and is not waited for; one on a busy machine may take its time. */
const READY_WITHIN_MS = 120_000;

/** The folder, within the run's, in which a venue keeps the journal of its engine. */
export function journalName(venue: VenueId): string {
  return `${venue}.journal`;
}

/** Starts the node of a venue and waits until it is ready. */
export async function startVenueNode(
  venue: VenueId,
  setup: SharedSetup & {
    readonly databaseUrl: string;
    readonly flow?: { readonly file: string; readonly speed: number | 'max' };
    readonly logLevel: string;
    /** Added to what the node's environment is otherwise. */
    readonly env?: Readonly<Record<string, string>>;
    /** Told of each line of the order flow that was skipped. */
    readonly onSkippedLine?: (message: string) => void;
  },
): Promise<RunningProcess> {
  const identity = identityOf(setup, venue);
  const { flow, onSkippedLine } = setup;
  const onLine = (line: string): void => {
    const skipped = skippedLine(venue, line);
    if (skipped !== undefined) onSkippedLine?.(skipped);
  };
  return startProcess(
    venue,
    NODE_MAIN,
    { ...setup, onLine },
    {
      ...common(setup, identity),
      STOA_VENUE: venue,
      STOA_SETTLEMENT_KEY_FILE: identity.signerKeyFile,
      STOA_SETTLEMENT: setup.chain.settlement,
      STOA_PRE_TRADE_LENS: setup.chain.preTradeLens,
      STOA_FINALITY: '1',
      STOA_HTTP_PORT: String(identity.httpPort),
      DATABASE_URL: setup.databaseUrl,
      STOA_VENUE_JOURNAL_DIR: setup.folder.file(journalName(venue)),
      STOA_ACCOUNTS_FILE: setup.accountsFile,
      STOA_CLAIM_TOPICS: Object.entries(setup.chain.topicNames)
        .map(([topic, name]) => `${topic}=${name}`)
        .join(','),
      STOA_HEARTBEAT_MS: String(HEARTBEAT_MS),
      ...(flow && {
        STOA_FLOW_FILE: flow.file,
        STOA_FLOW_SPEED: String(flow.speed),
        STOA_FLOW_ACCOUNT: setup.chain.flowWallets[venue]?.address ?? '',
      }),
      LOG_LEVEL: setup.logLevel,
      ...setup.env,
    },
  );
}

/** Starts the gateway and waits until it is ready. */
export async function startGateway(
  setup: SharedSetup & {
    readonly port: number;
    readonly graphiqlToken: string;
    readonly logLevel: string;
    /** Added to what the gateway's environment is otherwise. */
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<RunningProcess> {
  return startProcess('gateway', GATEWAY_MAIN, setup, {
    ...common(setup, identityOf(setup, 'gateway')),
    STOA_MEMBER: 'gateway',
    STOA_NODES: setup.venues
      .map((venue) => `${venue}=http://127.0.0.1:${identityOf(setup, venue).httpPort}/graphql`)
      .join(','),
    STOA_HTTP_PORT: String(setup.port),
    STOA_GRAPHIQL_TOKEN: setup.graphiqlToken,
    LOG_LEVEL: setup.logLevel,
    ...setup.env,
  });
}

function common(setup: SharedSetup, identity: MemberIdentity): Record<string, string> {
  const { chain, tokens } = setup;
  // Members whose address everybody knows; the probe is not among them.
  const listening = new Set<MemberId>([...setup.venues, 'gateway']);
  return {
    STOA_NODE_KEY_FILE: identity.nodeKeyFile,
    STOA_RPC_URL: setup.rpcUrl,
    STOA_MEMBER_REGISTRY: chain.memberRegistry,
    STOA_LISTING_REGISTRY: chain.listingRegistry,
    STOA_P2P_LISTEN: identity.multiaddr.replace(/\/p2p\/.*$/, ''),
    STOA_PEERS: [...setup.identities.values()]
      .filter((other) => other.id !== identity.id && listening.has(other.id))
      .map((other) => other.multiaddr)
      .join(','),
    STOA_STALE_AFTER_MS: String(DEMO_STALE_AFTER_MS),
    STOA_JWKS: tokens.jwksFile,
    STOA_TOKEN_ISSUER: tokens.issuer,
    STOA_TOKEN_AUDIENCE: tokens.audience,
    ...(setup.tracesUrl !== undefined && { OTEL_EXPORTER_OTLP_ENDPOINT: setup.tracesUrl }),
    // GraphiQL and curl hold a token and no key: on a network of this machine alone, that will do.
    STOA_PROOF_EXEMPT_CLIENTS: DEVELOPMENT_CLIENT,
    // Everybody here is one address, and benches are floods.
    STOA_RATE_LIMITS: 'off',
  };
}

function identityOf(setup: SharedSetup, id: MemberId): MemberIdentity {
  const identity = setup.identities.get(id);
  if (!identity) throw new CodedError('MEMBER_UNKNOWN', `The network has no keys of ${id}.`);
  return identity;
}

async function startProcess(
  name: string,
  main: string,
  setup: SharedSetup & { readonly onLine?: (line: string) => void },
  env: Record<string, string>,
): Promise<RunningProcess> {
  const child = await startChildProcess({
    name,
    args: [...STEADY_FLAGS, main],
    env,
    logFile: setup.folder.file(`${name}.log`),
    ready: { kind: 'json-line', with: { ready: true } },
    readyTimeoutMs: READY_WITHIN_MS,
    guardian: setup.guardian,
    ...(setup.onLine && { onLine: setup.onLine }),
    ...(setup.signal && { signal: setup.signal }),
  });
  const http = String(child.announced.http);
  return { process: child, http, graphql: `${http}/graphql` };
}

/** What a node's log line says of a line of its order flow that it could not read. */
function skippedLine(venue: VenueId, line: string): string | undefined {
  if (!line.includes('"order flow line skipped"')) return undefined;
  const { file, line: number, reason } = JSON.parse(line) as Record<string, unknown>;
  return `${venue}: line ${String(number)} of ${String(file)} skipped: ${String(reason)}`;
}
