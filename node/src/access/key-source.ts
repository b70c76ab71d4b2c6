import { CodedError } from '@stoa/schema';
import { errors } from 'jose';
import type { Logger } from '../telemetry/logger.ts';
import { fetchJson } from './fetch-json.ts';
import { discoverKeySet } from './issuer-discovery.ts';
import { type KeySet, type ResolvedKey, readKeySet } from './key-set.ts';
import { watchFile } from './watched-file.ts';

/**
 * Keys that tokens are checked with, as their issuer has them now.
 *
 * `resolve` throws CodedError KEYS_UNAVAILABLE while there are none that may still be trusted, and
 * `printOf` then knows none: what was checked with a key that has gone counts no longer.
 */
export interface KeySource extends KeySet {
  close(): void;
}

/** Where keys come from, and how long they count. All intervals have defaults that suit production. */
export interface KeySourceOptions {
  /** File path or URL of the key set; absent: found by the metadata of the issuer. */
  readonly jwks?: string | undefined;
  readonly issuer: string;
  /** How often a set at a URL is fetched anew; 5 minutes. */
  readonly refreshMs?: number;
  /** Least time between two fetches that tokens cause by naming a key nobody knows; 10 seconds. */
  readonly cooldownMs?: number;
  /** How long a set counts that cannot be fetched anew; an hour. */
  readonly maxStaleMs?: number;
}

interface KeySourceNeeds {
  readonly logger: Logger;
  readonly now: () => number;
}

const REFRESH_MS = 5 * 60_000;
const COOLDOWN_MS = 10_000;
const MAX_STALE_MS = 60 * 60_000;
/** After a fetch that failed while there are no keys at all. */
const RETRY_MS = 1_000;
const MAX_FILE_BYTES = 256 * 1_024;

/**
 * Opens the key set of an issuer: a file that is watched, or a URL that is fetched when first needed.
 *
 * @throws CodedError JWKS_UNREADABLE when the key set's file cannot be read
 */
export async function openKeySource(
  options: KeySourceOptions,
  needs: KeySourceNeeds,
): Promise<KeySource> {
  const { jwks } = options;
  if (jwks === undefined || /^https?:\/\//.test(jwks)) return new RemoteKeys(options, needs);
  const parse = (text: string) => readKeySet(JSON.parse(text));
  const file = await watchFile({ path: jwks, parse, maxBytes: MAX_FILE_BYTES }, needs).catch(
    (cause: unknown) => {
      throw new CodedError('JWKS_UNREADABLE', `The key set ${jwks} cannot be read.`, { cause });
    },
  );
  return {
    resolve: (header, token) => file.current().resolve(header, token),
    printOf: (keyId) => file.current().printOf(keyId),
    close: () => file.close(),
  };
}

/** A key set at a URL: fetched once for many askers, kept for a while when the issuer is down. */
class RemoteKeys implements KeySource {
  readonly #options: KeySourceOptions;
  readonly #needs: KeySourceNeeds;
  readonly #timer: NodeJS.Timeout;
  #held: { readonly set: KeySet; readonly atMs: number } | undefined;
  #fetching: Promise<void> | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: KeySourceOptions, needs: KeySourceNeeds) {
    this.#options = options;
    this.#needs = needs;
    // By the clock and not by use: a token that is remembered asks for no key, and a key that its issuer
    // has withdrawn must stop counting all the same.
    this.#timer = setInterval(() => {
      if (this.#held) void this.#fetch().catch(() => undefined);
    }, options.refreshMs ?? REFRESH_MS).unref();
  }

  async resolve(...named: Parameters<KeySet['resolve']>): Promise<ResolvedKey> {
    const set = await this.#current();
    try {
      return await set.resolve(...named);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // The issuer may have rotated. Whoever sends tokens of unknown keys makes us ask no more often.
      if (this.#sinceTriedMs() < (this.#options.cooldownMs ?? COOLDOWN_MS)) throw error;
      await this.#fetch().catch(() => undefined);
      return (await this.#current()).resolve(...named);
    }
  }

  printOf(keyId: string | undefined): string | undefined {
    return this.#trusted()?.printOf(keyId);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #current(): Promise<KeySet> {
    if (!this.#trusted() && (this.#fetching || this.#sinceTriedMs() >= RETRY_MS)) {
      await this.#fetch();
    }
    const set = this.#trusted();
    if (set) return set;
    throw new CodedError('KEYS_UNAVAILABLE', 'The issuer of tokens gives no keys.');
  }

  /** The set, for as long as it counts without being fetched anew. */
  #trusted(): KeySet | undefined {
    const { maxStaleMs = MAX_STALE_MS } = this.#options;
    const held = this.#held;
    return held && this.#needs.now() - held.atMs <= maxStaleMs ? held.set : undefined;
  }

  #sinceTriedMs(): number {
    return this.#needs.now() - this.#triedAtMs;
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { logger, now } = this.#needs;
    this.#triedAtMs = now();
    try {
      const { jwks, issuer } = this.#options;
      const set = readKeySet(await fetchJson(jwks ?? (await discoverKeySet(issuer))));
      this.#held = { set, atMs: now() };
    } catch (cause) {
      logger.error({ err: cause }, 'the key set of the token issuer cannot be fetched');
      throw new CodedError('KEYS_UNAVAILABLE', 'The issuer of tokens gives no keys.', { cause });
    }
  }
}
