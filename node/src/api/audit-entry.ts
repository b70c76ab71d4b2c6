import { createHash } from 'node:crypto';
import type { ASTNode, GraphQLError, OperationDefinitionNode } from 'graphql';
import type { Verification } from '../access/verification.ts';
import type { AuditEntry, AuditHolder } from '../records/audit/audit-record.ts';
import { storableText } from '../store/storable-text.ts';
import { apiError } from './api-error.ts';
import { REQUEST_ID_HEADER } from './request-facts.ts';

/** What an audit record says beside who asked, and by which operation. */
export type AuditedOutcome = Pick<AuditEntry, 'kind' | 'outcome' | 'code' | 'field' | 'atMs'> &
  Partial<Pick<AuditEntry, 'target' | 'clientId'>>;

/** What is known of a request that is recorded. */
export interface AuditedRequest {
  readonly auth: Verification;
  readonly request?: Request | undefined;
}

const MAX_CHARACTERS = 256;
const MAX_NAME_CHARACTERS = 64;
/** What is no id is not kept: it could be anything. */
const ID = /^[\x21-\x7e]{1,66}$/;

const NOBODY: AuditHolder = {
  ...{ member: null, subject: null, client: null, scopes: null, keyThumbprint: null },
};

/** Makes the audit record of something that an operation asked for. */
export function auditEntry(
  { auth, request }: AuditedRequest,
  operation: OperationDefinitionNode | undefined,
  outcome: AuditedOutcome,
): AuditEntry {
  return {
    ...{ target: null, clientId: null, count: 1 },
    ...outcome,
    ...holderOf(auth),
    operation: cut(operation?.name?.value, MAX_NAME_CHARACTERS),
    document: documentOf(operation),
    requestId: request?.headers.get(REQUEST_ID_HEADER) ?? null,
  };
}

/** Makes the audit record of a field that was denied. */
export function auditDenial(
  request: AuditedRequest,
  operation: OperationDefinitionNode | undefined,
  denied: { readonly field: string; readonly error: GraphQLError; readonly atMs: number },
): AuditEntry {
  const { field, atMs, error } = denied;
  const code = String(error.extensions['code']);
  return auditEntry(request, operation, { kind: 'denied', outcome: 'denied', code, field, atMs });
}

/** Told instead of a mutation that nobody could record. */
export function auditUnavailable(why: string) {
  const message = `Nothing is changed while the audit log fails: ${why}. Nothing was done: try again.`;
  return apiError('AUDIT_UNAVAILABLE', message);
}

/** The first of some values that is an id. */
export function idAmong(...values: readonly unknown[]): string | null {
  const found = values.find((value) => typeof value === 'string' && ID.test(value));
  return (found as string | undefined) ?? null;
}

function holderOf(auth: Verification): AuditHolder {
  const holder =
    auth.kind === 'caller'
      ? { ...auth, ...auth.caller }
      : auth.kind === 'refused'
        ? auth.holder
        : undefined;
  if (!holder) return NOBODY;
  const scopes = auth.kind === 'caller' ? [...auth.caller.scopes].sort().join(' ') : undefined;
  return {
    member: holder.member,
    subject: cut(holder.subject),
    client: cut(holder.client),
    scopes: cut(scopes),
    keyThumbprint: holder.keyThumbprint ?? null,
  };
}

const documents = new WeakMap<ASTNode, string>();

/** Digest of the text that an operation was parsed from. */
function documentOf(operation: OperationDefinitionNode | undefined): string | null {
  const text = operation?.loc?.source.body;
  if (operation === undefined || text === undefined) return null;
  const known = documents.get(operation) ?? createHash('sha256').update(text).digest('hex');
  documents.set(operation, known);
  return known;
}

function cut(text: string | undefined, length = MAX_CHARACTERS): string | null {
  return text === undefined ? null : storableText(text.slice(0, length));
}
