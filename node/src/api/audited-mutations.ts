import { isRefusal } from '@stoa/schema';
import { defaultFieldResolver, GraphQLError, type GraphQLSchema } from 'graphql';
import type { AuditLog } from '../records/audit/audit-log.ts';
import { idAmong } from '../records/audit/audited-id.ts';
import { failureCode } from '../records/audit/failure-code.ts';
import { isDenial } from './access-enforcement.ts';
import type { ApiContext } from './api-context.ts';
import { type AuditedOutcome, auditEntry, auditUnavailable } from './audit-entry.ts';

/**
 * Has every mutation recorded before it is answered, and none begun that could not be. To be applied
 * beneath the policies: what they deny has not begun. A resolver that has accepted something, and waits
 * for more before it answers, says so (`context.accept`): the record is then written meanwhile.
 */
export function auditMutations(
  schema: GraphQLSchema,
  audit: Pick<AuditLog, 'failure' | 'mutation'>,
  nowMs: () => number,
): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve = defaultFieldResolver } = field;
    field.resolve = async (source, args: unknown, context: ApiContext, info) => {
      const failure = audit.failure();
      if (failure !== undefined) throw auditUnavailable(failure);
      const atMs = nowMs();
      const record = (outcome: Pick<AuditedOutcome, 'outcome' | 'code'>, value?: unknown) =>
        audit.mutation(
          auditEntry(context, info.operation, {
            ...{ kind: 'mutation', atMs, field: `Mutation.${field.name}` },
            ...outcome,
            ...idsIn(args, value),
          }),
        );
      const accepted = (value: unknown) => record({ outcome: 'accepted', code: null }, value);
      let recorded: Promise<void> | undefined;
      const accept = (id: string): void => {
        recorded ??= accepted({ accepted: { id } });
      };
      try {
        const value: unknown = await resolve(source, args, { ...context, accept }, info);
        if (isRefusal(value)) await record({ outcome: 'refused', code: value.code });
        else await (recorded ?? accepted(value));
        return value;
      } catch (error) {
        await recorded;
        // That is told as a denial, by the policy that this one stands beneath.
        if (!isDenial(error)) await record({ outcome: 'failed', code: codeOf(error) });
        throw error;
      }
    };
  }
  return schema;
}

function codeOf(error: unknown): string {
  const code = error instanceof GraphQLError ? error.extensions['code'] : undefined;
  return typeof code === 'string' ? code : failureCode(error);
}

type Fields = Readonly<Record<string, unknown>>;

/** The network's id of what a mutation was about, and the caller's own; nothing else of what it says. */
export function idsIn(args: unknown, value?: unknown): Pick<AuditedOutcome, 'target' | 'clientId'> {
  const given = fieldsOf(args);
  const input = fieldsOf(given['input']);
  const made = Object.values(fieldsOf(value)).map((one) => fieldsOf(one)['id']);
  const { id, batchId } = given;
  const { id: inputId, quoteId, requestId } = input;
  const { clientOrderId, clientQuoteId, clientRequestId } = input;
  return {
    target: idAmong(...made, id, batchId, inputId, quoteId, requestId),
    clientId: idAmong(clientOrderId, clientQuoteId, clientRequestId),
  };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
