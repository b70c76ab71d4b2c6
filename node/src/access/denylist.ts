import { z } from 'zod';
import type { TokenFacts } from './token-claims.ts';

const MAX_ENTRIES = 100_000;
/** Longest denylist file that is read. */
export const MAX_DENYLIST_BYTES = 16 * 1_024 * 1_024;

const ids = z.array(z.string().min(1).max(256)).max(MAX_ENTRIES).default([]);

const shape = z
  .strictObject({
    tokens: ids,
    subjects: ids,
    clients: ids,
    members: ids,
    keys: ids,
    issuedBefore: z.iso.datetime().optional(),
  })
  .transform(({ tokens, subjects, clients, members, keys, issuedBefore }) => ({
    tokens: new Set(tokens),
    subjects: new Set(subjects),
    clients: new Set(clients),
    members: new Set(members),
    keys: new Set(keys),
    issuedBeforeMs: issuedBefore === undefined ? 0 : Date.parse(issuedBefore),
  }));

/** Which tokens count no longer, though their issuer signed them and they have not expired. */
export type Denylist = z.output<typeof shape>;

/** Nothing is denied. */
export const EMPTY_DENYLIST: Denylist = shape.parse({});

/**
 * Reads a denylist: `{ "tokens": [jti…], "subjects": [sub…], "clients": [client_id…], "members": [id…],
 * "keys": [kid…], "issuedBefore": "2026-01-31T00:00:00Z" }`, each of which may be absent.
 *
 * @throws Error for anything else: a misspelt name must not deny nothing in silence
 */
export function readDenylist(text: string): Denylist {
  return shape.parse(JSON.parse(text));
}

/** Whether a token is denied. */
export function isDenied(list: Denylist, facts: TokenFacts): boolean {
  return (
    (facts.tokenId !== undefined && list.tokens.has(facts.tokenId)) ||
    list.subjects.has(facts.subject) ||
    list.clients.has(facts.client) ||
    list.members.has(facts.member) ||
    (facts.keyId !== undefined && list.keys.has(facts.keyId)) ||
    facts.issuedAtMs < list.issuedBeforeMs
  );
}
