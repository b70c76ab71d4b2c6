import {
  address,
  type ConfigMistakes,
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

/** `alpha=http://host:port/graphql,beta=…` */
const nodes = list.transform((items, context): ReadonlyMap<VenueId, string> => {
  const found = new Map<VenueId, string>();
  for (const item of items) {
    const [, venue = '', url = ''] = /^([^=]*)=(.*)$/.exec(item) ?? [];
    if (!isMemberId(venue) || !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      context.addIssue({
        code: 'custom',
        message: `"${item}" is not venue=URL, such as alpha=http://127.0.0.1:4001/graphql`,
      });
    } else if (found.has(venue)) {
      context.addIssue({ code: 'custom', message: `${venue} stands there twice` });
    } else found.set(venue, url);
  }
  if (items.length === 0) context.addIssue({ code: 'custom', message: 'names no node' });
  return found;
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
    ...httpEnvironment,
    ...tokenEnvironment,
    STOA_GRAPHIQL: z.enum(['on', 'off']).default('on'),
    STOA_GRAPHIQL_TOKEN: z.string().optional(),
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
