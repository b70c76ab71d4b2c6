import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { scheduleShape } from '@stoa/adapters';
import { isMemberId, type Refusal, refuse } from '@stoa/schema';
import { z } from 'zod';
import type { FixEntryOptions } from './entry-options.ts';

const MAX_FILE_BYTES = 1_048_576;

const compId = z.string().regex(/^[!-~]{1,64}$/, 'must be 1 to 64 printable characters');
/** Account(1): it stands in every report. */
const accountName = z.string().regex(/^[ -~]{1,64}$/, 'must be 1 to 64 characters of ASCII');
const fileName = z.string().min(1).max(4_096);
const wallet = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address: 0x and 40 hexadecimal digits')
  .transform((text) => text as `0x${string}`);
const network = z
  .string()
  .refine(isNetwork, 'must be an IP address, or one and its bits: 10.0.0.0/8');

const session = z.strictObject({
  member: z.string().refine(isMemberId, 'must be a member id'),
  compId,
  version: z.enum(['FIX.4.2', 'FIX.4.4', 'FIX.5.0SP2']),
  passwordFile: fileName.optional(),
  allowedAddresses: z.array(network).max(64).default([]),
  schedule: scheduleShape.optional(),
  cancelOnDisconnect: z.boolean().default(false),
  accounts: z.record(accountName, wallet).default({}),
  defaultAccount: wallet.optional(),
  maxClockSkewMs: z.int().min(1_000).max(600_000).default(120_000),
  maxRequestsPerSecond: z.int().min(1).max(100_000).default(100),
  maxMessageBytes: z.int().min(1_024).max(1_048_576).default(65_536),
});

const shape = z
  .strictObject({
    host: z.string().min(1).max(255).default('127.0.0.1'),
    port: z.int().min(0).max(65_535),
    tls: z
      .strictObject({ certFile: fileName, keyFile: fileName, caFile: fileName.optional() })
      .optional(),
    compId,
    symbols: z.record(z.string().max(128), compId).default({}),
    sessions: z.array(session).min(1).max(256),
    durability: z.enum(['page-cache', 'fdatasync']).default('fdatasync'),
    folder: fileName.optional(),
  })
  .superRefine(({ sessions, tls }, context) => {
    const names = sessions.map((one) => one.compId);
    sessions.forEach((one, index) => {
      const path = ['sessions', index];
      if (names.indexOf(one.compId) < index) {
        context.addIssue({ code: 'custom', message: `${one.compId} stands twice`, path });
      }
      const isProven = one.passwordFile !== undefined || tls?.caFile !== undefined;
      if (isProven || one.allowedAddresses.length > 0) return;
      const message =
        'needs passwordFile, allowedAddresses or tls.caFile: anybody could log on else';
      context.addIssue({ code: 'custom', message, path });
    });
  });

/**
 * Reads the file of members' FIX sessions. File names in it are relative to its own folder, and secrets
 * stand in files of their own. The refusal names every mistake.
 */
export function readFixEntryFile(path: string): FixEntryOptions | Refusal<'FIX_ENTRY_INVALID'> {
  const folder = dirname(resolve(path));
  const read = (name: string): string => {
    const file = resolve(folder, name);
    if (statSync(file).size > MAX_FILE_BYTES) throw new RangeError(`${file} is too large`);
    return readFileSync(file, 'utf8');
  };
  try {
    const parsed = shape.safeParse(JSON.parse(read(resolve(path))));
    if (!parsed.success) return invalid(parsed.error.issues.map(mistakeOf));
    const { tls, sessions, folder: own, ...rest } = parsed.data;
    return {
      ...{ ...rest, folder: own === undefined ? undefined : resolve(folder, own) },
      tls: tls && {
        ...{ cert: read(tls.certFile), key: read(tls.keyFile) },
        ...(tls.caFile !== undefined && { ca: read(tls.caFile) }),
      },
      sessions: sessions.map(({ passwordFile, ...one }) => ({
        ...{ ...one, schedule: one.schedule, defaultAccount: one.defaultAccount },
        password: passwordFile === undefined ? undefined : read(passwordFile).trim(),
      })),
    };
  } catch (error) {
    return invalid([error instanceof Error ? error.message : String(error)]);
  }
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
}

function mistakeOf({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}

function invalid(mistakes: readonly string[]): Refusal<'FIX_ENTRY_INVALID'> {
  const message = `members' FIX sessions: ${mistakes.join('; ')}`;
  return refuse('FIX_ENTRY_INVALID', message, 'Correct the file; docs/fix.md has its form.');
}
