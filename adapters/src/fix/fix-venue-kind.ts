import fs from 'node:fs';
import { resolve } from 'node:path';
import { isRefusal, type Refusal, refuse } from '@stoa/schema';
import { z } from 'zod';
import type { VenueAdapter } from '../venue-adapter.ts';
import type { VenueAdapterKind } from '../venue-adapter-kind.ts';
import type { Dialect, FixVersion } from './dialect/dialect.ts';
import { readDialect, SHIPPED_DIALECTS } from './dialect/shipped-dialects.ts';
import { scheduleShape } from './session/schedule-shape.ts';
import type { SessionSchedule } from './session/session-schedule.ts';
import { SESSION_LIMITS, type SessionSettings } from './session/session-settings.ts';
import { FixVenue } from './venue/fix-venue.ts';
import type { VenueSessionOptions } from './venue/venue-session.ts';

const MAX_SECRET_BYTES = 65_536;

const text = z.string().regex(/^[!-~]{1,64}$/, 'must be 1 to 64 printable characters');
const fileName = z.string().min(1).max(4_096);
const session = z.strictObject({
  senderCompId: text,
  targetCompId: text,
  senderSubId: text.optional(),
  targetSubId: text.optional(),
  /** Tried in turn. */
  hosts: z
    .array(z.strictObject({ host: z.string().min(1).max(255), port: z.int().min(1).max(65_535) }))
    .min(1)
    .max(8),
  /** PEM files. */
  tls: z
    .strictObject({
      caFile: fileName.optional(),
      certFile: fileName.optional(),
      keyFile: fileName.optional(),
      serverName: z.string().min(1).max(255).optional(),
    })
    .optional(),
  heartbeatSeconds: z.int().min(1).max(3_600).default(30),
  username: text.optional(),
  passwordFile: fileName.optional(),
  resetOnLogon: z.boolean().default(false),
  maxClockSkewMs: z.int().min(1_000).max(600_000).default(120_000),
  resendChunk: z.int().min(0).max(100_000).default(0),
  maxResendAgeMs: z.int().min(1_000).max(86_400_000).default(30_000),
  logonFields: z
    .array(z.tuple([z.int().min(1).max(999_999), z.string().min(1).max(256)]))
    .default([]),
  schedule: scheduleShape.optional(),
});

const shape = z.strictObject({
  /** A shipped dialect's name, or a file. */
  dialect: fileName,
  orders: session,
  marketData: session.optional(),
  dropCopy: session.optional(),
  /** The venue's symbols by instrument id, where they are not the instruments' own. */
  symbols: z.record(z.string().max(128), text).default({}),
  durability: z.enum(['page-cache', 'fdatasync']).default('fdatasync'),
  maxRequestsPerSecond: z.int().min(1).max(100_000).default(100),
  answerTimeoutMs: z.int().min(100).max(600_000).default(5_000),
  throttleRestMs: z.int().min(10).max(600_000).default(1_000),
  startTimeoutMs: z.int().min(0).max(600_000).default(10_000),
});

type SessionFile = z.output<typeof session>;

/** What a FIX venue's settings say, with what the files they name hold. */
export interface FixVenueSettings
  extends Omit<z.output<typeof shape>, 'dialect' | 'orders' | 'marketData' | 'dropCopy'> {
  readonly dialect: Dialect;
  readonly orders: VenueSessionOptions;
  readonly marketData?: VenueSessionOptions;
  readonly dropCopy?: VenueSessionOptions;
}

/** A venue that speaks FIX. docs/fix.md says what its settings are. */
export const fixVenueKind: VenueAdapterKind<FixVenueSettings> = {
  parse(settings, folder) {
    const parsed = shape.safeParse(settings);
    if (!parsed.success) {
      return invalid(
        parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
      );
    }
    const { dialect: name, orders, marketData, dropCopy, ...rest } = parsed.data;
    const shipped = SHIPPED_DIALECTS.some((one) => one === name);
    const dialect = readDialect(shipped ? name : resolve(folder, name));
    if (isRefusal(dialect)) return invalid(dialect.message);
    const { version, marketDataVersion = version, dropCopyVersion = version } = dialect;
    try {
      return {
        ...{ ...rest, dialect, orders: sessionOf(orders, version, folder) },
        ...(marketData && { marketData: sessionOf(marketData, marketDataVersion, folder) }),
        ...(dropCopy && { dropCopy: sessionOf(dropCopy, dropCopyVersion, folder) }),
      };
    } catch (error) {
      return invalid(error instanceof Error ? error.message : String(error));
    }
  },

  create(settings, needs): VenueAdapter {
    const { counterparties, log, venue, instruments, folder, nowMs } = needs;
    const { symbols, ...rest } = settings;
    return new FixVenue({
      ...{ ...rest, venue, instruments, folder, nowMs },
      symbols: new Map(Object.entries(symbols)),
      walletOf: (contra) => counterparties.walletOf(contra),
      onNotice: ({ session: of, code, text: said }) =>
        log.warn({ session: of, code, text: said }, 'the FIX session has something to say'),
    });
  },
};

function sessionOf(file: SessionFile, version: FixVersion, folder: string): VenueSessionOptions {
  const { hosts, tls, schedule: hours, passwordFile, ...rest } = file;
  const [first, ...others] = hosts;
  if (first === undefined) throw new RangeError('a session has no host');
  const settings: SessionSettings = {
    ...{ role: 'initiator', ...withoutUndefined(rest) },
    beginString: version === 'FIX.5.0SP2' ? 'FIXT.1.1' : version,
    // ApplVerID(1128) 9 is FIX 5.0 SP2.
    ...(version === 'FIX.5.0SP2' && { defaultApplVerId: '9' }),
    ...(passwordFile !== undefined && { password: secret(folder, passwordFile).trim() }),
  };
  const pem = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : secret(folder, name);
  return {
    ...{ settings, limits: SESSION_LIMITS },
    connection: {
      hosts: [first, ...others],
      ...(hours !== undefined && { schedule: hours satisfies SessionSchedule }),
      ...(tls !== undefined && {
        tls: withoutUndefined({
          ...{ ca: pem(tls.caFile), cert: pem(tls.certFile), key: pem(tls.keyFile) },
          serverName: tls.serverName,
        }),
      }),
    },
  };
}

function secret(folder: string, name: string): string {
  const path = resolve(folder, name);
  if (fs.statSync(path).size > MAX_SECRET_BYTES) throw new RangeError(`${path} is too large`);
  return fs.readFileSync(path, 'utf8');
}

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** An optional setting that is not given is absent, not undefined. */
function withoutUndefined<T extends object>(from: T): Defined<T> {
  const given = Object.entries(from).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Defined<T>;
}

function invalid(message: string): Refusal<'FIX_SETTINGS_INVALID'> {
  return refuse(
    'FIX_SETTINGS_INVALID',
    `settings of the FIX venue: ${message}`,
    'Correct them; docs/fix.md has their form.',
  );
}
