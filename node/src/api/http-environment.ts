import { z } from 'zod';
import type { Rate } from '../orders/terms/rate-limit.ts';
import type { ApiGuardOptions } from './api-guards.ts';
import { EXECUTION_GUARDS } from './execution-guards.ts';
import type { HttpServerOptions } from './http-server.ts';

const port = z.coerce.number().int().min(0).max(65_535);

const RATE_NAMES = ['address', 'query', 'mutation', 'subscription'] as const;
type Rates = Partial<Record<(typeof RATE_NAMES)[number], Rate>>;

/** What no honest client of one address or one firm comes near to, and a flood does. */
const DEFAULT_RATES = 'address=2000:4000,query=1000:2000,mutation=1000:2000,subscription=100:1000';

/** `name=perSecond:burst,…`, or `off`; what is not named is not limited. */
const rates = z
  .string()
  .default(DEFAULT_RATES)
  .transform((text, context): Rates => {
    const found: Rates = {};
    if (text === 'off') return found;
    for (const item of text.split(',')) {
      const [, name = '', perSecond, burst] =
        /^(address|query|mutation|subscription)=(\d{1,7}):(\d{1,7})$/.exec(item.trim()) ?? [];
      const rate = { perSecond: Number(perSecond), burst: Number(burst) };
      if (!(rate.perSecond > 0 && rate.burst > 0)) {
        const message = `"${item}" is not off, or one of ${RATE_NAMES.join(', ')}, =, requests a second, :, burst`;
        context.addIssue({ code: 'custom', message });
      } else found[name as (typeof RATE_NAMES)[number]] = rate;
    }
    return found;
  });

const origins = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((origin) => origin.trim() || []))
  .refine(
    (all) => all.every((one) => one === '*' || URL.parse(one)?.origin === one),
    'must be origins such as https://desk.example, or *',
  );

/** What a process's environment says about how it is served; a node's and a gateway's alike. */
export const httpEnvironment = {
  STOA_HTTP_HOST: z.string().default('127.0.0.1'),
  STOA_HTTP_PORT: port.default(0),
  STOA_OPERATIONS_HOST: z.string().default('127.0.0.1'),
  STOA_OPERATIONS_PORT: port.optional(),
  STOA_TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
  STOA_CORS_ORIGINS: origins,
  STOA_HSTS_SECONDS: z.coerce.number().int().min(0).max(63_072_000).optional(),
  STOA_RATE_LIMITS: rates,
  STOA_MAX_OPERATION_COST: z.coerce
    .number()
    .int()
    .min(100)
    .max(10_000_000)
    .default(EXECUTION_GUARDS.maxCost),
  STOA_INTROSPECTION: z.enum(['public', 'members', 'off']).default('public'),
  STOA_PERSISTED_OPERATIONS_FILE: z.string().min(1).optional(),
  STOA_ONLY_PERSISTED: z.enum(['yes', 'no']).default('no'),
};

const parsed = z.object(httpEnvironment);
type HttpEnvironment = z.output<typeof parsed>;

/** Where and how an environment has a process served. */
export function httpOptions(env: HttpEnvironment): HttpServerOptions {
  const { STOA_OPERATIONS_PORT: operationsPort } = env;
  return {
    host: env.STOA_HTTP_HOST,
    port: env.STOA_HTTP_PORT,
    operations:
      operationsPort === undefined
        ? undefined
        : { host: env.STOA_OPERATIONS_HOST, port: operationsPort },
    front: {
      trustedProxies: env.STOA_TRUSTED_PROXIES,
      addressRate: env.STOA_RATE_LIMITS.address,
      corsOrigins: env.STOA_CORS_ORIGINS,
      hstsSeconds: env.STOA_HSTS_SECONDS,
    },
  };
}

/** What an environment says that operations must meet. */
export function guardOptions(env: HttpEnvironment): ApiGuardOptions {
  return {
    maxCost: env.STOA_MAX_OPERATION_COST,
    introspection: env.STOA_INTROSPECTION,
    rates: env.STOA_RATE_LIMITS,
    persistedOperationsFile: env.STOA_PERSISTED_OPERATIONS_FILE,
    onlyPersisted: env.STOA_ONLY_PERSISTED === 'yes',
  };
}
