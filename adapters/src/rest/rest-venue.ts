import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isInstrumentId, isRefusal, type Refusal, refuse } from '@stoa/schema';
import { z } from 'zod';
import { ExternalVenue } from '../external/external-venue.ts';
import type { VenueAdapterKind } from '../venue-adapter-kind.ts';
import { type Mapping, parseMapping } from './mapping.ts';
import { RestWire } from './rest-wire.ts';
import { unknownVariables } from './template-variables.ts';

const MAX_MAPPING_BYTES = 1_048_576;
const text = z.string().min(1).max(4_096);
const millis = z.number().int().min(1).max(3_600_000);

const settings = z.strictObject({
  /** `ppex-like`, `inx-like`, or a file of one's own, relative to the adapter file. */
  mapping: text,
  baseUrl: z.url({ protocol: /^https?$/ }),
  streamUrl: z.url({ protocol: /^wss?$/ }).exactOptional(),
  /** The venue's symbols of the instruments that it trades, by instrument id. */
  symbols: z.record(z.string().refine(isInstrumentId, 'must be an instrument id'), text),
  /** Names for the mapping's templates: account numbers and the like. */
  variables: z.record(text, z.string().max(1_024)).default({}),
  /** The same of secrets, each in a file of its own. */
  secrets: z.record(text, text).default({}),
  times: z
    .strictObject({
      doubtMs: millis.exactOptional(),
      reconnectMs: millis.exactOptional(),
      reconnectMostMs: millis.exactOptional(),
      firstConnectMs: millis.exactOptional(),
    })
    .default({}),
});

/** What the REST adapter is made with. */
export interface RestSettings extends Omit<z.output<typeof settings>, 'mapping' | 'secrets'> {
  readonly mapping: Mapping;
  readonly secrets: Readonly<Record<string, string>>;
}

/** A venue that speaks REST, and maybe WebSocket, as a mapping says: data, not code. */
export const restVenue: VenueAdapterKind<RestSettings> = {
  parse: parseRestSettings,
  create({ times, ...of }, needs) {
    const instruments = needs.instruments.flatMap((instrument) => {
      const symbol = of.symbols[instrument.id];
      if (symbol !== undefined) return [{ instrument, symbol }];
      const { id } = instrument;
      needs.log.warn({ instrument: id }, 'listed here, and the venue has no symbol for it');
      return [];
    });
    const wire = new RestWire(of.mapping, {
      ...{ baseUrl: of.baseUrl.replace(/\/+$/, ''), streamUrl: of.streamUrl, instruments },
      ...{ variables: { ...of.variables, ...of.secrets }, secrets: of.secrets },
      nowMs: needs.nowMs,
    });
    const traded = instruments.map(({ instrument }) => instrument);
    return new ExternalVenue(wire, { ...needs, instruments: traded }, times);
  },
};

function parseRestSettings(
  json: unknown,
  folder: string,
): RestSettings | Refusal<'REST_SETTINGS_INVALID'> {
  const parsed = settings.safeParse(json);
  if (!parsed.success) {
    return invalid(
      parsed.error.issues.map(({ path, message }) => `settings.${path.join('.')}: ${message}`),
    );
  }
  const { secrets: files, ...given } = parsed.data;
  const mapping = readMapping(given.mapping, folder);
  const read = Object.entries(files).map(([name, file]) => [name, secretIn(file, folder)] as const);
  const mistakes = read.flatMap(([name, secret]) =>
    typeof secret === 'string' ? [] : [`settings.secrets.${name}: ${secret.message}`],
  );
  const secrets = Object.fromEntries(read) as Record<string, string>;
  if (isRefusal(mapping)) return invalid([`settings.mapping: ${mapping.message}`, ...mistakes]);
  if (mistakes.length === 0) mistakes.push(...mistakesIn(mapping, { ...given, secrets }));
  return mistakes.length > 0 ? invalid(mistakes) : { ...given, mapping, secrets };
}

/** What mapping and settings must have of each other. */
function mistakesIn(
  mapping: Mapping,
  of: Pick<RestSettings, 'variables' | 'secrets' | 'streamUrl'>,
): string[] {
  const mistakes = unknownVariables(mapping, [
    ...Object.keys(of.variables),
    ...Object.keys(of.secrets),
  ]).map((name) => `settings.variables.${name}: the mapping needs it, here or in secrets`);
  if (mapping.stream && of.streamUrl === undefined) {
    mistakes.push('settings.streamUrl: is needed, the mapping has a stream');
  }
  const { auth } = mapping;
  if (auth.kind !== 'hmac' && auth.kind !== 'rsa') return mistakes;
  const secret = of.secrets[auth.secret];
  if (secret === undefined) mistakes.push(`settings.secrets.${auth.secret}: is needed to sign`);
  else if (auth.kind === 'rsa' && !isPrivateKey(secret)) {
    mistakes.push(`settings.secrets.${auth.secret}: is no private key as PEM`);
  }
  return mistakes;
}

function isPrivateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'rsa';
  } catch {
    return false;
  }
}

function readMapping(name: string, folder: string): Mapping | Refusal {
  const own = /^[a-z-]+$/.test(name);
  const path = own ? new URL(`./mappings/${name}.json`, import.meta.url) : resolve(folder, name);
  try {
    const content = readFileSync(path, 'utf8');
    if (content.length > MAX_MAPPING_BYTES) return refuse('MAPPING_INVALID', 'is too large', '');
    return parseMapping(JSON.parse(content));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refuse('MAPPING_INVALID', `cannot be read: ${reason}`, 'Correct the path or the file.');
  }
}

function secretIn(file: string, folder: string): string | Refusal {
  try {
    const secret = readFileSync(resolve(folder, file), 'utf8').trim();
    return secret === '' ? refuse('SECRET_EMPTY', 'the file is empty', 'Fill it.') : secret;
  } catch {
    return refuse('SECRET_UNREADABLE', `${file} cannot be read`, 'Correct the path.');
  }
}

function invalid(mistakes: readonly string[]): Refusal<'REST_SETTINGS_INVALID'> {
  return refuse('REST_SETTINGS_INVALID', mistakes.join('; '), 'Correct the file.');
}
