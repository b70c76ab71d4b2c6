import { createHash } from 'node:crypto';
import type { ASTNode, GraphQLError, OperationDefinitionNode } from 'graphql';
import type { Verification } from '../access/verification.ts';
import { nothingBegun } from '../records/audit/audit-log.ts';
import { type AuditEntry, type AuditHolder, NOBODY } from '../records/audit/audit-record.ts';
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
  return apiError('AUDIT_UNAVAILABLE', nothingBegun(why));
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
