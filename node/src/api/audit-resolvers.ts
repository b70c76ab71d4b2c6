import type { DirectorySource, VenueId } from '@stoa/schema';
import type { AuditKind, AuditOutcome, AuditRecord } from '../records/audit/audit-record.ts';
import type { AuditFilter, AuditReader } from '../records/audit/audit-table.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import { apiError } from './api-error.ts';
import { momentOf } from './order-filters.ts';
import { connectionOf, type PageArguments, readPageArguments } from './page-arguments.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';

/** What the audit part of the API is served from. */
export interface AuditNeeds {
  readonly venue: VenueId;
  readonly auditReader: AuditReader;
  readonly directory: DirectorySource;
}

interface AuditFilterInput {
  readonly member?: string | null;
  readonly kind?: Uppercase<AuditKind> | null;
  readonly outcome?: readonly Uppercase<AuditOutcome>[] | null;
  readonly field?: string | null;
  readonly target?: string | null;
  readonly requestId?: string | null;
  readonly from?: string | null;
  readonly to?: string | null;
}

/** Resolvers of the SDL's audit part. */
export function createAuditResolvers({ venue, auditReader, directory }: AuditNeeds) {
  /** Another venue's operator has the scope too, and its own log to read. */
  function requireExaminer(context: ApiContext): void {
    const { member } = requireCaller(context, venue, 'records:read');
    const isExaminer = directory.current().members.get(member)?.kind === 'examiner';
    if (member === venue || isExaminer) return;
    const message = `This is for an examiner, or the operator of ${venue}, and the token is ${member}'s.`;
    throw apiError('FORBIDDEN', message);
  }
  return {
    Query: {
      async auditRecords(
        _root: unknown,
        args: PageArguments & { readonly filter?: AuditFilterInput | null },
        context: ApiContext,
      ) {
        requireExaminer(context);
        const filter = readAuditFilter(args.filter);
        return connectionOf(auditReader.page(readPageArguments(args), filter), recordOutput);
      },
    },
  };
}

function recordOutput({ atMs, kind, outcome, ...record }: AuditRecord) {
  return { ...record, at: sdlDateTime(atMs), kind: sdlEnum(kind), outcome: sdlEnum(outcome) };
}

function readAuditFilter(input: AuditFilterInput | null | undefined): AuditFilter {
  const { member, kind, outcome, field, target, requestId, from, to } = input ?? {};
  return {
    ...(member == null ? {} : { member }),
    ...(kind == null ? {} : { kind: kind.toLowerCase() as AuditKind }),
    ...(outcome == null
      ? {}
      : { outcomes: outcome.map((one) => one.toLowerCase() as AuditOutcome) }),
    ...(field == null ? {} : { field }),
    ...(target == null ? {} : { target }),
    ...(requestId == null ? {} : { requestId }),
    ...(from == null ? {} : { fromMs: momentOf(from) }),
    ...(to == null ? {} : { toMs: momentOf(to) }),
  };
}
