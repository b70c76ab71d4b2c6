import { readFileSync } from 'node:fs';
import {
  type ExternalVenueChoice,
  readVenueAdapterFile,
  type VenueAdapterChoice,
} from '@stoa/adapters';
import { maxLegsPerBatch } from '@stoa/contracts';
import {
  type InstrumentId,
  isInstrumentId,
  isMemberId,
  isRefusal,
  type MemberId,
  type NodeKey,
  nodeKeyFromSeed,
  parseVenueTerms,
  type Refusal,
} from '@stoa/schema';
import { z } from 'zod';
import { keysMistake, tokenEnvironment } from './access/token-environment.ts';
import { httpEnvironment } from './api/http-environment.ts';
import { readFixEntryFile } from './fix-entry/entry-file.ts';
import { parseNegotiationRules } from './negotiation/negotiation-rules.ts';
import { CRASH_AT } from './orders/sessions/crash-points.ts';
import { parseOrderLimits } from './orders/terms/order-limits.ts';
import { parseRoutingAgreements } from './orders/terms/routing-agreements.ts';
import { auditEnvironment } from './records/audit/audit-environment.ts';
import { LOG_LEVELS } from './telemetry/logger.ts';

/** A contract or account on an EVM chain. */
export const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address: 0x and 40 hexadecimal digits')
  .transform((text) => text as `0x${string}`);

const milliseconds = (fallback: number, least: number) =>
  z.coerce.number().int().min(least).max(600_000).default(fallback);

/**
 * How far other members' clocks may be ahead, in milliseconds. A node may be stricter than the 2 s of
 * docs/wire.md and not laxer: what it took on would be false to whoever verifies its receipts.
 */
export const clockSkew = z.coerce.number().int().min(50).max(2_000).default(2_000);

/** Comma separated, blanks and empty items dropped. */
export const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );

/** `1=accredited investor,2=…`: names of the claim topics that tokens ask for, for messages. */
const topicNames = list.transform((items, context) => {
  const names: Record<string, string> = {};
  for (const item of items) {
    const [, topic = '', name = ''] = /^(\d{1,78})=(.+)$/.exec(item) ?? [];
    if (name === '') context.addIssue({ code: 'custom', message: `"${item}" is not topic=name` });
    else names[topic] = name;
  }
  return names;
});

/** A file that is read at once, so that a missing one is named with all other mistakes. */
function file<T>(what: string, parse: (text: string) => T) {
  return z.string().transform((path, context): T => {
    try {
      return parse(readFileSync(path, 'utf8').trim());
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      context.addIssue({ code: 'custom', message: `${what} cannot be read: ${reason}` });
      return z.NEVER;
    }
  });
}

/** A JSON file whose parser names every mistake in it. */
function jsonFile<T>(what: string, parse: (json: unknown) => T | Refusal) {
  return file(what, (text): T => {
    const parsed = parse(JSON.parse(text));
    if (isRefusal(parsed)) throw new Error(parsed.message);
    return parsed;
  });
}

/** Node key file: the 32-byte Ed25519 seed as 64 hexadecimal digits. */
export const nodeKeyFile = file('the node key', (text): NodeKey => {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new Error('it must hold 64 hexadecimal digits');
  return nodeKeyFromSeed(Buffer.from(text, 'hex'));
});

const settlementKeyFile = file('the settlement key', (text) => {
  if (!/^0x[0-9a-f]{64}$/i.test(text)) throw new Error('it must hold 0x and 64 hexadecimal digits');
  return text as `0x${string}`;
});

const accountsShape = z.record(
  z.string().refine(isMemberId, 'must be a member id'),
  z.array(address),
);

const accountsFile = file(
  'the accounts',
  (text): ReadonlyMap<MemberId, ReadonlySet<string>> =>
    new Map(
      Object.entries(accountsShape.parse(JSON.parse(text))).map(([member, wallets]) => [
        member,
        new Set(wallets.map((wallet) => wallet.toLowerCase())),
      ]),
    ),
);

const mandatesRequiredFor = z
  .string()
  .default('')
  .transform((text, context): ReadonlySet<InstrumentId> | 'all' => {
    if (text.trim() === 'all') return 'all';
    const ids = text.split(',').flatMap((part) => part.trim() || []);
    for (const id of ids) {
      if (isInstrumentId(id)) continue;
      context.addIssue({ code: 'custom', message: `${id} is no instrument id (CAIP-19)` });
    }
    return new Set(ids.filter(isInstrumentId));
  });

const venueAdapterFile = z.string().transform((path, context) => {
  const choice = readVenueAdapterFile(path);
  if (!isRefusal(choice)) return choice;
  context.addIssue({ code: 'custom', message: choice.message });
  return z.NEVER;
});

const fixEntryFile = z.string().transform((path, context) => {
  const options = readFixEntryFile(path);
  if (!isRefusal(options)) return options;
  context.addIssue({ code: 'custom', message: options.message });
  return z.NEVER;
});

const environment = z
  .object({
    STOA_VENUE: z.string().refine(isMemberId, 'must be a member id such as "alpha"'),
    STOA_NODE_KEY_FILE: nodeKeyFile,
    STOA_SETTLEMENT_KEY_FILE: settlementKeyFile.optional(),
    STOA_SETTLEMENT_SIGNER_URL: z.url({ protocol: /^https?$/ }).optional(),
    STOA_SETTLEMENT_SIGNER_ADDRESS: address.optional(),
    STOA_SETTLEMENT_MAX_FEE_GWEI: z.coerce.number().int().min(1).max(1_000_000).default(500),
    STOA_INDEX_FROM_BLOCK: z.coerce.number().int().min(0).default(0),
    STOA_RPC_URL: z.url(),
    STOA_MEMBER_REGISTRY: address,
    STOA_LISTING_REGISTRY: address,
    STOA_SETTLEMENT_BATCH_WAIT_MS: z.coerce.number().int().min(0).max(60_000).default(100),
    STOA_SETTLEMENT_BATCH_LEGS: z.coerce
      .number()
      .int()
      .min(1)
      .max(maxLegsPerBatch)
      .default(maxLegsPerBatch),
    STOA_SETTLEMENT: address,
    /** Where an order needs its investor's mandate: `all`, or instruments, comma-separated. */
    STOA_MANDATES_REQUIRED_FOR: mandatesRequiredFor,
    STOA_PRE_TRADE_LENS: address.optional(),
    STOA_FINALITY: z
      .union([z.literal('finalized'), z.coerce.number().int().min(1).max(1_000)])
      .default('finalized'),
    STOA_P2P_LISTEN: z.string().default('/ip4/127.0.0.1/tcp/0'),
    STOA_PEERS: list,
    ...httpEnvironment,
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    STOA_DATA_DIR: z.string().optional(),
    STOA_VENUE_JOURNAL_DIR: z.string().optional(),
    ...tokenEnvironment,
    STOA_ACCOUNTS_FILE: accountsFile,
    /** Which venue is behind the node; absent: an engine of its own. */
    STOA_VENUE_ADAPTER_FILE: venueAdapterFile.optional(),
    /** FIX sessions of this venue's members; absent: none. */
    STOA_FIX_ENTRY_FILE: fixEntryFile.optional(),
    STOA_VENUE_TERMS_FILE: jsonFile('the venue terms', parseVenueTerms).optional(),
    STOA_ORDER_LIMITS_FILE: jsonFile('the order limits', parseOrderLimits).optional(),
    STOA_ROUTING_AGREEMENTS_FILE: jsonFile(
      'the routing agreements',
      parseRoutingAgreements,
    ).optional(),
    STOA_RFQ_FILE: jsonFile('the negotiation rules', parseNegotiationRules).optional(),
    /** Whether what the venue publishes can be executed, or only says that somebody is interested. */
    STOA_VENUE_QUOTES: z.enum(['firm', 'indicative']).default('firm'),
    /** What sending one leg costs this node, whatever its size, in cash: the router weighs it. */
    STOA_LEG_COST: z
      .string()
      .regex(/^\d{1,20}(\.\d{1,18})?$/, 'must be a decimal amount of cash such as "0.05"')
      .default('0'),
    STOA_CLAIM_TOPICS: topicNames,
    STOA_FLOW_FILE: z.string().optional(),
    STOA_FLOW_SPEED: z.union([z.literal('max'), z.coerce.number().positive()]).default(1),
    STOA_FLOW_ACCOUNT: address.optional(),
    STOA_HEARTBEAT_MS: milliseconds(1_000, 50),
    STOA_STALE_AFTER_MS: milliseconds(3_000, 100),
    STOA_MAX_CLOCK_SKEW_MS: clockSkew,
    STOA_FRAME_RETENTION_HOURS: z.coerce.number().positive().max(100_000).default(72),
    STOA_FRAME_RETENTION_COUNT: z.coerce.number().int().min(1_000).default(1_000_000),
    ...auditEnvironment,
    OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
    LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
    /** For tests of recovery only: `name:count`, the node kills itself there. */
    STOA_CRASH_AT: z
      .string()
      .regex(CRASH_AT, 'must be a crash point and a count, such as after-send:3')
      .optional(),
  })
  .refine((env) => env.DATABASE_URL !== undefined || env.STOA_DATA_DIR !== undefined, {
    message: 'is needed where DATABASE_URL is absent: the node then runs its own PostgreSQL there',
    path: ['STOA_DATA_DIR'],
  })
  .refine(
    (env) =>
      (env.STOA_SETTLEMENT_KEY_FILE === undefined) !==
      (env.STOA_SETTLEMENT_SIGNER_URL === undefined),
    {
      message: 'or STOA_SETTLEMENT_SIGNER_URL is needed, one of the two',
      path: ['STOA_SETTLEMENT_KEY_FILE'],
    },
  )
  .refine(
    (env) =>
      (env.STOA_SETTLEMENT_SIGNER_ADDRESS === undefined) ===
      (env.STOA_SETTLEMENT_SIGNER_URL === undefined),
    {
      message: 'goes with STOA_SETTLEMENT_SIGNER_URL: the account that it is asked to sign for',
      path: ['STOA_SETTLEMENT_SIGNER_ADDRESS'],
    },
  )
  .refine((env) => env.STOA_FLOW_FILE === undefined || env.STOA_FLOW_ACCOUNT !== undefined, {
    message: 'is needed with STOA_FLOW_FILE: the wallet whose orders the recorded flow is',
    path: ['STOA_FLOW_ACCOUNT'],
  })
  .refine((env) => env.STOA_FLOW_FILE === undefined || !isExternal(env.STOA_VENUE_ADAPTER_FILE), {
    message: 'goes with the embedded venue: recorded flow trades in the node’s own engine',
    path: ['STOA_FLOW_FILE'],
  })
  .refine(
    ({ STOA_VENUE_ADAPTER_FILE: choice, STOA_DATA_DIR }) =>
      !isExternal(choice) || (choice.journalFolder ?? STOA_DATA_DIR) !== undefined,
    {
      message:
        'or journalFolder in STOA_VENUE_ADAPTER_FILE is needed: the adapter’s journal goes there',
      path: ['STOA_DATA_DIR'],
    },
  )
  .refine(
    ({ STOA_FIX_ENTRY_FILE: entry, STOA_DATA_DIR }) =>
      entry === undefined || (entry.folder ?? STOA_DATA_DIR) !== undefined,
    {
      message: 'or folder in STOA_FIX_ENTRY_FILE is needed: sessions keep their numbers there',
      path: ['STOA_DATA_DIR'],
    },
  )
  .superRefine((env, context) => {
    const message = keysMistake(env);
    if (message !== undefined) context.addIssue({ code: 'custom', message, path: ['STOA_JWKS'] });
  })
  .refine((env) => env.STOA_STALE_AFTER_MS >= 2 * env.STOA_HEARTBEAT_MS, {
    message: 'must be at least twice STOA_HEARTBEAT_MS, or one late heartbeat withdraws a venue',
    path: ['STOA_STALE_AFTER_MS'],
  });

function isExternal(choice: VenueAdapterChoice | undefined): choice is ExternalVenueChoice {
  return choice !== undefined && 'create' in choice;
}

/** The configuration of a node, parsed. */
export type NodeConfig = z.output<typeof environment>;

/** All mistakes of an environment at once, one sentence each. */
export interface ConfigMistakes {
  readonly mistakes: readonly string[];
}

/** Reads an environment by a schema: the configuration, or every mistake in it. */
export function readEnvironment<T>(
  schema: z.ZodType<T>,
  env: Record<string, string | undefined>,
): T | ConfigMistakes {
  // An empty variable is one that was not set: units and shells leave such behind.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  return {
    mistakes: parsed.error.issues.map((issue) => {
      const name = issue.path.join('.');
      return given[name] === undefined && issue.code === 'invalid_type'
        ? `${name} is not set`
        : `${name}: ${issue.message}`;
    }),
  };
}

/** Reads a node's environment. */
export function readNodeConfig(
  env: Record<string, string | undefined>,
): NodeConfig | ConfigMistakes {
  return readEnvironment(environment, env);
}
