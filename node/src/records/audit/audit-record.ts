import { canonicalJson, sha256Hex } from '../../routing/receipts/canonical-json.ts';

/** What a record is of: a mutation, fields that were denied, or records that left by retention. */
export type AuditKind = 'mutation' | 'denied' | 'retention';

/**
 * What came of it. `accepted` and `refused` are a node's word on a mutation, `answered` a gateway's, which
 * passes on what the home node says; `failed` ended in an error, `unknown` without an answer.
 */
export type AuditOutcome =
  | ('accepted' | 'refused' | 'answered' | 'failed' | 'unknown')
  | ('denied' | 'removed');

/** Who asked, as far as a token whose signature is good says; all null for everybody else. */
export interface AuditHolder {
  readonly member: string | null;
  /** `sub` and `client_id` of the token. */
  readonly subject: string | null;
  readonly client: string | null;
  /** The rights that the token gave, sorted, with a blank between. */
  readonly scopes: string | null;
  /** Thumbprint of the key that the token is bound to (RFC 9449 section 6.1). */
  readonly keyThumbprint: string | null;
}

/** Whoever has no good token. */
export const NOBODY: AuditHolder = {
  ...{ member: null, subject: null, client: null, scopes: null, keyThumbprint: null },
};

/** What is to be recorded: ids and codes, and nothing of what an order says. */
export interface AuditEntry extends AuditHolder {
  readonly kind: AuditKind;
  readonly outcome: AuditOutcome;
  /** Why it was refused, denied or failed. */
  readonly code: string | null;
  /** Unix milliseconds. */
  readonly atMs: number;
  /** Name of the operation, where the client gave it one. */
  readonly operation: string | null;
  /** SHA-256 of the operation's text, in hex: its id where it is persisted. */
  readonly document: string | null;
  /** `Mutation.placeOrder`. */
  readonly field: string;
  /** Id of the order, quote, request or batch. */
  readonly target: string | null;
  /** The client's own id of it. */
  readonly clientId: string | null;
  readonly requestId: string | null;
  /** How many the record stands for: more than one where a flood was counted. */
  readonly count: number;
}

/** A record in its place. */
export interface AuditRecord extends AuditEntry {
  /** 1, 2, 3 … without gaps. */
  readonly number: number;
  /** Hash of the record before it; of the first one {@link NO_RECORD}. */
  readonly previous: string;
  /** SHA-256, in hex, of the canonical JSON of all else. */
  readonly hash: string;
}

/** The last record of a log: whoever notes it can tell later whether its end was cut off. */
export interface AuditHead {
  readonly number: number;
  readonly hash: string;
}

const NO_RECORD = '0'.repeat(64);

/** The head of a log in which nothing stands yet. */
export const EMPTY_LOG: AuditHead = { number: 0, hash: NO_RECORD };

/** Puts entries in their places behind a head. */
export function chainRecords(head: AuditHead, entries: readonly AuditEntry[]): AuditRecord[] {
  let { number, hash } = head;
  return entries.map((entry) => {
    number += 1;
    const placed = { ...entry, number, previous: hash };
    hash = auditHash(placed);
    return { ...placed, hash };
  });
}

/** What a record's hash must be. */
export function auditHash({
  hash: _hash,
  ...record
}: Omit<AuditRecord, 'hash'> & { hash?: string }) {
  return sha256Hex(canonicalJson(record));
}
