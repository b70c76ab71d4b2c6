import { inArray, type SQL, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../store/database.ts';
import { receiptEvidence } from '../../store/tables/receipt-evidence.ts';
import { issue } from '../../store/transactions.ts';

/** Bytes that a receipt or a fade refers to. */
export interface Evidence {
  /** SHA-256 of the bytes, in hex. */
  readonly hash: string;
  readonly kind: 'frame' | 'message' | 'directory';
  readonly bytes: Uint8Array;
}

const MAX_KNOWN = 20_000;

/**
 * Keeps each piece of evidence once, or nearly: a piece that is not known to be in the store is sent,
 * and added if no committed transaction has it. So nobody waits for another's commit.
 */
export class EvidenceShelf {
  /** Hashes that are committed, oldest first. */
  readonly #known = new Set<string>();
  /** What a transaction added itself: it is there, and may yet not be. */
  readonly #added = new WeakMap<Transaction, Set<string>>();

  /**
   * Adds what the store does not have, in the caller's transaction.
   *
   * @param beside what is inserted by the same statement
   */
  keep(tx: Transaction, evidence: readonly Evidence[], beside?: SQL): void {
    const added = this.#added.get(tx) ?? new Set();
    const unknown = new Map(
      evidence
        .filter(({ hash }) => !this.#known.has(hash) && !added.has(hash))
        .map((piece) => [piece.hash, piece]),
    );
    if (unknown.size === 0) {
      if (beside) issue(tx, beside);
      return;
    }
    // Noted at once: another call within this transaction must not take them for committed.
    for (const hash of unknown.keys()) added.add(hash);
    this.#added.set(tx, added);
    const rows = [...unknown.values()].map(({ hash, kind, bytes }) => ({
      ...{ hash, kind, bytes: Buffer.from(bytes).toString('base64') },
    }));
    const insert = sql`
      insert into receipt_evidence (hash, kind, bytes)
      select given.hash, given.kind, decode(given.bytes, 'base64')
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as given(hash text, kind text, bytes text)
      where not exists (select from receipt_evidence where receipt_evidence.hash = given.hash)
      returning hash`;
    const both = beside
      ? sql`with beside as (${beside}), kept as (${insert}) select hash from kept`
      : insert;
    issue<{ hash: string }>(tx, both, (written) => {
      const fresh = new Set(written.map(({ hash }) => hash));
      for (const hash of unknown.keys()) {
        if (!fresh.has(hash)) this.#know(hash);
      }
    });
  }

  #know(hash: string): void {
    this.#known.add(hash);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest] = this.#known;
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

/** Reads evidence by its hashes. */
export async function readEvidence(
  database: Database,
  hashes: Iterable<string>,
): Promise<Map<string, Evidence>> {
  const wanted = [...new Set(hashes)];
  const found = new Map<string, Evidence>();
  for (let first = 0; first < wanted.length; first += 1_000) {
    const rows = await database
      .select()
      .from(receiptEvidence)
      .where(inArray(receiptEvidence.hash, wanted.slice(first, first + 1_000)));
    for (const row of rows) found.set(row.hash, row);
  }
  return found;
}
