import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CodedError, isRefusal, type Refusal, refuse } from '@stoa/schema';
import { z } from 'zod';
import { ImmediateVenue, type ImmediateVenueOptions } from './external/immediate-venue.ts';
import type { VenueAdapter } from './venue-adapter.ts';
import type { Counterparties, VenueAdapterKind, VenueAdapterNeeds } from './venue-adapter-kind.ts';
import { VENUE_ADAPTER_KINDS } from './venue-adapter-kinds.ts';

/** A venue of its own, outside of the node, and how its adapter is made. */
export interface ExternalVenueChoice {
  readonly kind: string;
  /** Where the adapter keeps what must survive a crash; undefined: the node's own folder. */
  readonly journalFolder: string | undefined;
  /**
   * @throws CodedError `VENUE_ADAPTER_INVALID` where a module is not what it should be, or refuses its
   * settings
   */
  create(needs: Omit<VenueAdapterNeeds, 'counterparties'>): Promise<VenueAdapter>;
}

/** The venue behind a node: the engine within it, or one of its own. */
export type VenueAdapterChoice = { readonly kind: 'embedded' } | ExternalVenueChoice;

const MAX_FILE_BYTES = 1_048_576;
const MAX_ACCOUNTS = 100_000;

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address: 0x and 40 hexadecimal digits')
  .transform((text) => text.toLowerCase() as `0x${string}`);

const settlement = z.strictObject({
  clearingAccount: address,
  accounts: z
    .record(z.string().min(1).max(128), address)
    .refine((one) => Object.keys(one).length <= MAX_ACCOUNTS, `at most ${MAX_ACCOUNTS}`)
    .default({}),
});

const external = {
  settlement,
  settings: z.unknown().optional(),
  journalFolder: z.string().min(1).max(4_096).optional(),
  immediateOrders: z.strictObject({ waitMs: z.int().min(10).max(10_000).default(500) }).optional(),
};

const file = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('embedded') }),
  z.strictObject({ kind: z.literal('module'), module: z.string().min(1).max(4_096), ...external }),
  ...Object.keys(VENUE_ADAPTER_KINDS).map((kind) =>
    z.strictObject({ kind: z.literal(kind), ...external }),
  ),
]);

/** What a venue adapter file may hold, as TypeScript sees it. */
interface ExternalFile {
  readonly kind: string;
  readonly module?: string;
  readonly settlement: z.output<typeof settlement>;
  readonly settings?: unknown;
  readonly journalFolder?: string | undefined;
  readonly immediateOrders?: ImmediateVenueOptions | undefined;
}

/**
 * Reads the file that says which venue is behind a node. File names in it are relative to its own
 * folder; secrets stand in files of their own, which it names. The refusal names every mistake.
 */
export function readVenueAdapterFile(
  path: string,
): VenueAdapterChoice | Refusal<'VENUE_ADAPTER_INVALID'> {
  const json = readJson(path);
  if (isRefusal(json)) return json;
  const parsed = file.safeParse(json.value);
  if (!parsed.success) return invalid(parsed.error.issues.map(mistakeOf));
  const choice: { readonly kind: string } = parsed.data;
  return choice.kind === 'embedded'
    ? { kind: 'embedded' }
    : externalChoice(parsed.data as ExternalFile, dirname(resolve(path)));
}

function externalChoice(
  given: ExternalFile,
  folder: string,
): ExternalVenueChoice | Refusal<'VENUE_ADAPTER_INVALID'> {
  const { kind, module, settings, immediateOrders } = given;
  const made = (adapter: VenueAdapter): VenueAdapter =>
    immediateOrders ? new ImmediateVenue(adapter, immediateOrders) : adapter;
  const journalFolder =
    given.journalFolder === undefined ? undefined : resolve(folder, given.journalFolder);
  const counterparties = counterpartiesOf(given.settlement);
  const known = VENUE_ADAPTER_KINDS[kind];
  if (known) {
    const read = known.parse(settings, folder);
    if (isRefusal(read)) return invalid([read.message]);
    return {
      ...{ kind, journalFolder },
      create: async (needs) => made(await known.create(read, { ...needs, counterparties })),
    };
  }
  const modulePath = resolve(folder, module ?? '');
  if (!isFile(modulePath)) return invalid([`module: ${modulePath} is not a file`]);
  return {
    ...{ kind, journalFolder },
    async create(needs) {
      const loaded = await loadModule(modulePath);
      const read = loaded.parse(settings, folder);
      if (isRefusal(read)) throw new CodedError('VENUE_ADAPTER_INVALID', read.message);
      return made(await loaded.create(read, { ...needs, counterparties }));
    },
  };
}

async function loadModule(path: string): Promise<VenueAdapterKind> {
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    const message = `The module ${path} cannot be loaded.`;
    throw new CodedError('VENUE_ADAPTER_INVALID', message, { cause });
  }
  const { venueAdapter } = loaded;
  if (isKind(venueAdapter)) return venueAdapter;
  const message = `The module ${path} exports no venueAdapter with parse and create.`;
  throw new CodedError('VENUE_ADAPTER_INVALID', message);
}

function isKind(value: unknown): value is VenueAdapterKind {
  if (typeof value !== 'object' || value === null) return false;
  const { parse, create } = value as Partial<VenueAdapterKind>;
  return typeof parse === 'function' && typeof create === 'function';
}

function counterpartiesOf({
  clearingAccount,
  accounts,
}: ExternalFile['settlement']): Counterparties {
  const wallets = new Map(Object.entries(accounts));
  return { walletOf: (account) => wallets.get(account ?? '') ?? clearingAccount };
}

function readJson(path: string): { readonly value: unknown } | Refusal<'VENUE_ADAPTER_INVALID'> {
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      return invalid([`it is over ${MAX_FILE_BYTES} bytes`]);
    return { value: JSON.parse(readFileSync(path, 'utf8')) as unknown };
  } catch (error) {
    return invalid([
      `it cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function mistakeOf({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}

function invalid(mistakes: readonly string[]): Refusal<'VENUE_ADAPTER_INVALID'> {
  const message = `the venue adapter: ${mistakes.join('; ')}`;
  return refuse(
    'VENUE_ADAPTER_INVALID',
    message,
    'Correct the file; docs/adapters.md has its form.',
  );
}
