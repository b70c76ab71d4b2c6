import {
  address,
  auditEnvironment,
  type ConfigMistakes,
  clockSkew,
  httpEnvironment,
  keysMistake,
  list,
  nodeKeyFile,
  readEnvironment,
  tokenEnvironment,
} from '@stoa/node/market-api';
import { LOG_LEVELS } from '@stoa/node/observer';
import { isMemberId, type VenueId } from '@stoa/schema';
import { z } from 'zod';
import { readNodeAddresses } from './node-addresses.ts';

/** `alpha=http://host:port/graphql,beta=…`, or `file:PATH` of a file that is watched. */
const nodes = list.transform((items, context): ReadonlyMap<VenueId, string> | { file: string } => {
  const [first = ''] = items;
  if (items.length === 1 && first.startsWith('file:')) return { file: first.slice(5) };
  if (items.length === 0) context.addIssue({ code: 'custom', message: 'names no node' });
  const read = readNodeAddresses(items);
  if (!('mistakes' in read)) return read;
  for (const message of read.mistakes) context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const environment = z
  .object({
    STOA_MEMBER: z.string().refine(isMemberId, 'must be a member id such as "gateway"'),
    STOA_NODE_KEY_FILE: nodeKeyFile,
    STOA_RPC_URL: z.url(),
    STOA_MEMBER_REGISTRY: address,
    STOA_LISTING_REGISTRY: address,
    STOA_P2P_LISTEN: z.string().default('/ip4/127.0.0.1/tcp/0'),
    STOA_PEERS: list,
    STOA_NODES: nodes,
    STOA_STALE_AFTER_MS: z.coerce.number().int().min(100).max(600_000).default(3_000),
    STOA_MAX_CLOCK_SKEW_MS: clockSkew,
    ...httpEnvironment,
    ...tokenEnvironment,
    STOA_GRAPHIQL: z.enum(['on', 'off']).default('on'),
    STOA_GRAPHIQL_TOKEN: z.string().optional(),
    ...auditEnvironment,
    /** Folder of the audit log; absent: its records are lines of the process's log. */
    STOA_AUDIT_DIR: z.string().min(1).optional(),
    OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
    LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  })
  .superRefine((env, context) => {
    const message = keysMistake(env);
    if (message !== undefined) context.addIssue({ code: 'custom', message, path: ['STOA_JWKS'] });
  });

/** The configuration of a gateway, parsed. */
export type GatewayConfig = z.output<typeof environment>;

/** Reads a gateway's environment: the configuration, or every mistake in it. */
export function readGatewayConfig(
  env: Record<string, string | undefined>,
): GatewayConfig | ConfigMistakes {
  return readEnvironment(environment, env);
}
