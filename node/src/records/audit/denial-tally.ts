import type { AuditEntry } from './audit-record.ts';

/** Denials of one kind in one window. */
interface Counted {
  readonly sample: AuditEntry;
  count: number;
}

/** Denials of one kind that are recorded one by one in a window; further ones are counted. */
const SAMPLES = 3;
/** Kinds of one holder that are told apart in a window, and holders. */
const MAX_KINDS = 20;
const MAX_HOLDERS = 100;

/**
 * Bounds what a flood of denied requests writes: of what one holder's client is denied with one code at
 * one field, the first few of a window are recorded as they are, and the rest are one record that counts
 * them. Whoever shows no good token is one holder, and its fields are not told apart: the caller names
 * those. Pure: the window is ended from outside.
 */
export class DenialTally {
  readonly #kinds = new Map<string, Counted>();
  readonly #kindsOf = new Map<string, number>();

  /** Takes a denial; whether it is to be recorded by itself. */
  take(denial: AuditEntry): boolean {
    const key = this.#keyOf(denial);
    const known = this.#kinds.get(key);
    if (!known) {
      this.#kinds.set(key, { sample: denial, count: 1 });
      return true;
    }
    known.count += 1;
    return known.count <= SAMPLES;
  }

  /** Ends a window: one record for each kind of which more came than were recorded. */
  end(): AuditEntry[] {
    const counted = [...this.#kinds.values()].filter(({ count }) => count > SAMPLES);
    this.#kinds.clear();
    this.#kindsOf.clear();
    return counted.map(({ sample, count }) => ({
      ...sample,
      // Those of the sample alone.
      ...{ operation: null, document: null, requestId: null, target: null, clientId: null },
      count: count - SAMPLES,
    }));
  }

  #keyOf({ member, client, field, code }: AuditEntry): string {
    if (member === null) return JSON.stringify([code]);
    const key = JSON.stringify([member, client, field, code]);
    if (this.#kinds.has(key)) return key;
    const kinds = this.#kindsOf.get(member) ?? 0;
    const isFull = kinds === 0 ? this.#kindsOf.size >= MAX_HOLDERS : kinds >= MAX_KINDS;
    if (isFull) return JSON.stringify([kinds === 0 ? null : member, code, 'others']);
    this.#kindsOf.set(member, kinds + 1);
    return key;
  }
}
